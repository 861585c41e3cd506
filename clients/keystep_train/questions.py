"""Where a run's questions come from: a synthetic task, or a file in the wire's form. Which ones a step takes is written in its number."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from keystep_train.config import Data
from keystep_train.errors import DataError
from keystep_train.tasks import Flaws, Question, task
from keystep_train.tasks.question import Split

# A task has no end: each seed has so many training questions of its own.
_EACH_SEED = 1 << 32


class Questions:
    """Numbered questions of a split. seed: of the run; its training questions, or their order, are its own; the test split is everybody's."""

    def __init__(self, data: Data, seed: int) -> None:
        self.task = None if data.task is None else task(data.task, difficulty=data.difficulty, seed=data.seed)
        self._rows = [] if data.file is None else _read(Path(data.file))
        self._seed = seed

    def take(self, split: Split, first: int, count: int) -> list[Question]:
        """Questions first, first + 1, ...; a file's go round, in a new order each time, and are the same for both splits."""
        if self.task is not None:
            return [self.task.question(split, self._number(split, i)) for i in range(first, first + count)]
        return [self._rows[self._place(i)] for i in range(first, first + count)]

    def responses(self, first: int, count: int, flaws: Flaws) -> list[str]:
        """To training questions first, first + 1, ...: their references; those of a task with flaws."""
        if self.task is None:
            return [question.reference for question in self.take("train", first, count)]
        numbers = [self._number("train", i) for i in range(first, first + count)]
        return [self.task.response("train", n, flaws, random.Random(f"flaws/{n}")) for n in numbers]  # noqa: S311 - nothing is secret

    def _number(self, split: Split, index: int) -> int:
        return index + self._seed * _EACH_SEED if split == "train" else index

    def _place(self, index: int) -> int:
        turn, place = divmod(index, len(self._rows))
        order = list(range(len(self._rows)))
        random.Random(f"{self._seed}/{turn}").shuffle(order)  # noqa: S311 - nothing is secret
        return order[place]


def group(question: Question, texts: Sequence[str], truncated: Sequence[bool]) -> dict[str, Any]:
    """A group of the wire: the question and its rollouts, whose ids are its own and their number."""
    fields: dict[str, Any] = {
        "id": question.id,
        "question": question.prompt,
        "answer": question.answer,
        "reference": question.reference,
        "rollouts": [
            {"id": f"{question.id}/{i}", "text": text, "truncated": cut} for i, (text, cut) in enumerate(zip(texts, truncated, strict=True))
        ],
    }
    if question.key_steps is not None:
        fields["key_steps"] = [list(forms) for forms in question.key_steps]
    return fields


def _read(path: Path) -> list[Question]:
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                rows.append(_question(json.loads(line), path.parent))
            except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
                raise DataError(
                    f"{path}, line {number}: {error!r}; a question is {{id, question, answer, reference, key_steps, images}}"
                ) from error
    if not rows:
        raise DataError(f"{path} has no questions")
    return rows


def _question(row: dict[str, Any], folder: Path) -> Question:
    """images: paths, seen from the file's folder. key_steps: each a text or a list of forms."""
    steps = row.get("key_steps")
    return Question(
        id=str(row["id"]),
        prompt=row["question"],
        answer=str(row["answer"]),
        reference=row.get("reference") or "",
        key_steps=None if steps is None else tuple((forms,) if isinstance(forms, str) else tuple(forms) for forms in steps),
        images=tuple(open_image(folder / image) for image in row.get("images") or []),
    )


def open_image(path: Path) -> Image.Image:
    """A picture as models take it."""
    return Image.open(path).convert("RGB")
