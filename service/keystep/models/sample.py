"""What reward models are asked and what they answer, whatever they are and wherever they run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from keystep.nouns import Reason


@dataclass(frozen=True, slots=True)
class Sample:
    """One response. steps: for a process reward model, in order.  other: for a pairwise model, the text it is compared with."""

    question: str
    text: str
    steps: tuple[str, ...] = ()
    other: str | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """What a model says of one sample.

    value: the raw logit, ArmoRM's score, or a pairwise model's AB - BA; None for a process reward model, and where there is a reason.
    steps: a process reward model's probability that each step is right, one a step.
    parts: what the value is made of, by name: ArmoRM's objectives, a pairwise model's two orders.
    truncated: only the first max_length tokens were read.  reason: why there is nothing.
    """

    value: float | None = None
    steps: tuple[float, ...] | None = None
    parts: tuple[tuple[str, float], ...] = ()
    truncated: bool = False
    reason: Reason | None = None


class RewardModel(Protocol):
    """Thread-safe. What fails is a Score with its reason, never an exception."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    def start(self) -> None:
        """Load; returns when ready. Raises ComponentError (MODEL_UNAVAILABLE)."""
        ...

    def alive(self) -> bool: ...

    def close(self) -> None: ...

    def score(self, samples: Sequence[Sample], *, deadline: float | None = None) -> list[Score]:
        """One score a sample, in order. deadline: time.monotonic() past which what is not ready has reason deadline."""
        ...
