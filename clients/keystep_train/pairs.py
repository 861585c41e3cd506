"""Preference pairs: TRL's dataset form in, batches of chosen and rejected responses out.

{"prompt": "...", "chosen": "...", "rejected": "..."}                             texts
{"prompt": [{"role": "user", "content": "..."}], "chosen": [{...}], ...}          one turn each, as messages
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PIL.Image import Image

from keystep_train.errors import DataError
from keystep_train.questions import open_image


# Two pairs are never the same one, whatever they say: what is computed for each is kept by which it is.
@dataclass(frozen=True, eq=False)
class Pair:
    """prompt, chosen, rejected: the texts, before any chat template. unrelated: the chosen response of the next pair, for KTO's KL."""

    prompt: str
    chosen: str
    rejected: str
    unrelated: str
    images: tuple[Image, ...] = ()


def read(path: Path) -> list[Pair]:
    """The pairs of a JSONL file. DataError names the line, the field and what it may be."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}; it is to hold pairs as JSON lines of prompt, chosen, rejected") from error
    rows = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                rows.append(_row(json.loads(line), path.parent))
            except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
                raise DataError(f"{path}, line {number}: {error}; a pair is an object of prompt, chosen and rejected") from error
    if not rows:
        raise DataError(f"{path} has no pairs; if they were drawn, draw more responses to each question, or hotter")
    # Each has the next one's chosen response beside it.
    return [replace(row, unrelated=rows[(i + 1) % len(rows)].chosen) for i, row in enumerate(rows)]


def order(count: int, first: int, take: int, *, seed: int) -> list[int]:
    """Which pairs come first, first + 1, ...: all of them round after round, in a new order each time."""
    rounds: dict[int, list[int]] = {}
    taken = []
    for index in range(first, first + take):
        turn, place = divmod(index, count)
        if turn not in rounds:
            rounds[turn] = list(range(count))
            random.Random(f"{seed}/pairs/{turn}").shuffle(rounds[turn])  # noqa: S311 - nothing is secret
        taken.append(rounds[turn][place])
    return taken


def _row(row: dict[str, Any], folder: Path) -> Pair:
    prompt, chosen, rejected = (_text(name, row[name]) for name in ("prompt", "chosen", "rejected"))
    if not chosen or not rejected:
        raise ValueError("an empty response cannot be chosen or rejected")
    images = tuple(open_image(folder / image) for image in row.get("images") or [])
    return Pair(prompt, chosen, rejected, unrelated="", images=images)


def _text(name: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0].get("content"), str):
        return str(value[0]["content"])
    raise ValueError(f"{name} is to be a text, or a list of one message with a text as its content (it is {value!r:.80})")
