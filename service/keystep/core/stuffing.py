"""The audit of a rollout's text before key steps are looked for: what is there to be found, not to reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from keystep.core.reading import Reading
from keystep.nouns import Flag, Span


@dataclass(frozen=True, slots=True)
class Audit:
    """flags, and the spans that k is computed without."""

    flags: tuple[Flag, ...] = ()
    excluded: tuple[Span, ...] = ()


def audit(forms: Sequence[Sequence[str]], question: str, reading: Reading) -> Audit:
    return Audit()
