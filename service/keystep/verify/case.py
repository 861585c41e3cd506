"""What an answer is held against, and what a comparison says of it."""

from __future__ import annotations

from enum import Enum, auto
from fractions import Fraction

from keystep.nouns import noun


class State(Enum):
    RIGHT = auto()
    WRONG = auto()
    SEVERAL = auto()
    DOUBTED = auto()  # the gold, and words of doubt with another answer (offers.py)
    CONFLICT = auto()
    JUDGE = auto()
    SYMBOLIC = auto()
    UNREADABLE = auto()


@noun
class Case:
    """What an answer is held against.

    precision: decimal places asked for.  name: of the variable the gold is the value of.  relative, absolute: how far a number may
    be off. None where nothing is said.
    """

    gold: str
    kind: str
    question: str = ""
    choices: tuple[str, ...] | None = None
    precision: int | None = None
    name: str | None = None
    relative: Fraction | None = None
    absolute: Fraction | None = None


def verdict(right: bool) -> State:
    return State.RIGHT if right else State.WRONG
