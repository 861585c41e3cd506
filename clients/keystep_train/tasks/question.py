"""What every task gives: a question, its reference in R1-VL's format, and responses that are wrong on purpose."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from PIL.Image import Image

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Question:
    """The wire's fields, and the picture. key_steps: each the tuple of its equivalent forms; None: the service extracts them."""

    id: str
    prompt: str
    answer: str
    reference: str
    key_steps: tuple[tuple[str, ...], ...] | None
    images: tuple[Image, ...] = ()


@dataclass(frozen=True)
class Flaws:
    """How a flawed chain of thought is made.

    step: the chance of each step to be wrong, and what follows goes on from the wrong result.
    only: the operator whose steps may be wrong; None: all.
    layout: the chance of a broken format.
    filler: the chance of each step to begin with words that say nothing: what makes one response longer than another, and no better.
    """

    step: float = 0.0
    only: str | None = None
    layout: float = 0.0
    filler: float = 0.0


class Task(Protocol):
    """A source of questions."""

    name: str

    def question(self, split: Split, index: int) -> Question:
        """Question number index of a split: the same whenever it is asked for. No train question is a test question."""

    def response(self, split: Split, index: int, flaws: Flaws, rng: random.Random) -> str:
        """A response to that question with such flaws; without any, the reference."""

    def texts(self) -> list[str]:
        """Texts that have every piece a tokenizer of this task must know."""


@dataclass(frozen=True)
class Layout:
    """The sections of a response. order: which come, and in which order."""

    description: str
    rationale: str
    steps: Sequence[str]
    answer: str
    order: tuple[str, ...] = ("description", "rationale", "think", "steps", "answer")

    def wordy(self, chance: float, rng: random.Random) -> Layout:
        """Each step begins, by chance, with the rationale's words: those a tiny model's tokenizer knows."""
        return replace(self, steps=[f"{self.rationale}\n{step}" if rng.random() < chance else step for step in self.steps])

    def text(self) -> str:
        """R1-VL's format: each header on its own line, a blank line between sections."""
        parts = {
            "description": f"### Image Description:\n{self.description}",
            "rationale": f"### Rationales:\n{self.rationale}",
            "think": "### Let's think step by step.",
            "steps": "\n\n".join(f"### Step {i}:\n{step}" for i, step in enumerate(self.steps, 1)),
            "answer": f"### The final answer is:\n{self.answer}",
        }
        return "\n\n".join(parts[name] for name in self.order)


# Each breaks completeness or logic, and each leaves an answer to be read.
BROKEN_ORDERS = (
    ("rationale", "think", "steps", "answer"),
    ("description", "think", "steps", "answer"),
    ("think", "steps", "answer"),
    ("answer", "description", "rationale", "think", "steps"),
    ("steps", "description", "rationale", "think", "answer"),
)


def split_rng(seed: int, split: Split, index: int) -> random.Random:
    """The source of question number index. Strings are hashed by SHA-512 here, the same in every process."""
    return random.Random(f"{seed}/{split}/{index}")  # noqa: S311 - nothing is secret
