"""Labels: what a trainer's dataset carries beside a prompt, in whatever form it does. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

# A label that is a JSON object with one of these is a question of the wire; any other label is the gold answer itself.
_QUESTION_FIELDS = frozenset("id answer reference references key_steps choices answer_type precision profile question images".split())


def question_fields(label: Any) -> dict[str, Any]:
    """A question of the wire from a label: JSON with the wire's fields, or the gold answer alone."""
    given = label
    if isinstance(label, str) and label.lstrip().startswith("{"):
        try:
            given = json.loads(label)
        except ValueError:
            given = label
    if isinstance(given, Mapping) and given.keys() & _QUESTION_FIELDS:
        fields = {name: value for name, value in given.items() if name != "id"}
        if "answer" in fields:
            fields["answer"] = _gold(fields["answer"])
        return fields
    return {"answer": _gold(label)}


def _gold(answer: Any) -> str | None:
    if answer is None or isinstance(answer, str):
        return answer
    return str(answer) if isinstance(answer, int | float) else json.dumps(answer, ensure_ascii=False)
