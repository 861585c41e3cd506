"""Questions a deployment knows, for trainers whose protocol carries no label: found again by the question's own text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from keystep.errors import InputError
from keystep.wire import GroupIn, parse

_NO_ROLLOUTS = [{"id": "0", "text": ""}]
# White space and special tokens come and go between a dataset and what a trainer sends.
_IGNORED = re.compile(r"\s+|<\|[^<>|\s]{1,64}\|>|<(?:image|video)>")


class Questions:
    """The questions of a file of groups, by their text. Where a text stands for several questions it stands for none."""

    def __init__(self, by_text: Mapping[str, dict[str, Any]]) -> None:
        self._by_text = by_text

    def find(self, text: str) -> dict[str, Any] | None:
        """The fields of the wire's question of this text."""
        return self._by_text.get(_key(text)) if self._by_text else None


def load(path: Path | None) -> Questions:
    """The wire's groups, one a line; their rollouts are left out. Raises InputError, naming the line."""
    if path is None:
        return Questions({})
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"KEYSTEP_QUESTIONS_PATH: {path} cannot be read ({error.strerror})", field="questions_path") from None
    questions = [_question(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]
    times = Counter(_key(q["question"]) for q in questions)
    return Questions({_key(q["question"]): q for q in questions if times[_key(q["question"])] == 1})


def _question(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(line)
        given = fields if isinstance(fields, dict) else {}
        parse(GroupIn, orjson.dumps({"id": str(number), **given, "rollouts": _NO_ROLLOUTS}))
    except (orjson.JSONDecodeError, InputError) as error:
        raise InputError(
            f"KEYSTEP_QUESTIONS_PATH: line {number} of {path} is no group of the wire: {error}", field="questions_path"
        ) from None
    if not given.get("question"):
        raise InputError(f"KEYSTEP_QUESTIONS_PATH: line {number} of {path} has no question", field="questions_path")
    return {name: value for name, value in given.items() if name not in {"id", "rollouts"}}


def _key(text: str) -> str:
    return _IGNORED.sub("", text)
