"""A trainer's samples as groups of the wire, and their rewards back in the trainer's order."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from keystep_client.models import ScoredRollout, ScoreResult

# A dataset's columns under these names are the question's, as the wire has them.
FIELDS = ("question", "answer", "reference", "references", "key_steps", "choices", "answer_type", "precision", "profile", "images")
# What every adapter logs, always all of it: trainers take the keys from the first sample.
COMPONENTS = ("step_rar", "step_rvr", "outcome", "key_steps_matched")


class Samples:
    """Samples of one call. Those of the same question become one group, so that it travels once."""

    def __init__(self) -> None:
        self.groups: list[dict[str, Any]] = []
        self._group_of: dict[str, int] = {}
        self._places: list[tuple[int, int]] = []

    def add(self, text: str, question: Mapping[str, Any], *, truncated: bool = False) -> None:
        """question: fields of the wire, as question() makes them.  truncated: sampling stopped at the length limit."""
        key = json.dumps(question, sort_keys=True)
        number = self._group_of.setdefault(key, len(self.groups))
        if number == len(self.groups):
            self.groups.append({**question, "id": str(number), "rollouts": []})
        rollouts = self.groups[number]["rollouts"]
        self._places.append((number, len(rollouts)))
        rollout = {"id": f"{number}/{len(rollouts)}", "text": text}
        rollouts.append(rollout | {"truncated": True} if truncated else rollout)

    def rollouts(self, result: ScoreResult) -> list[ScoredRollout]:
        """One a sample, in the order they were added."""
        return [result.groups[group].rollouts[rollout] for group, rollout in self._places]


def question(label: Any, columns: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A question of the wire. label: the gold answer, or JSON with the wire's fields; columns: more of them, by the wire's names."""
    given = plain(label)
    if isinstance(given, str) and given.lstrip().startswith("{"):
        try:
            read = json.loads(given)
        except ValueError:
            read = None
        given = read if isinstance(read, dict) and read.keys() & set(FIELDS) else given
    fields = {name: plain(value) for name, value in (columns or {}).items() if name in FIELDS}
    fields |= {k: v for k, v in given.items() if k in FIELDS} if isinstance(given, dict) else {"answer": given}
    fields = {name: value for name, value in fields.items() if value is not None}
    if "answer" in fields and not isinstance(fields["answer"], str):
        fields["answer"] = json.dumps(fields["answer"], ensure_ascii=False)
    return fields


def plain(value: Any) -> Any:
    """A column's value as JSON has it: datasets keep arrays and scalars of numpy, also within lists."""
    value = value.tolist() if hasattr(value, "tolist") else value
    return [plain(v) for v in value] if isinstance(value, list | tuple) else value


def text_of(message: Any, role: str) -> str:
    """A prompt's or completion's text: itself, or the last message of a role, whose content may be parts."""
    if isinstance(message, str):
        return message
    for turn in reversed(message):
        if turn.get("role") == role:
            content = turn.get("content")
            parts: Sequence[Any] = content if isinstance(content, list) else ()
            return content if isinstance(content, str) else "".join(part.get("text") or "" for part in parts)
    return ""


def image(value: Any) -> str:
    """An image as the wire has it: a reference as it is; a picture, or its bytes, as a data URL."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        content = value.get("bytes")
        return _data_url(content) if content else str(value.get("path"))
    buffer = io.BytesIO()
    value.save(buffer, "PNG")
    return _data_url(buffer.getvalue())


def _data_url(content: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(content).decode()
