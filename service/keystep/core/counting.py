"""Which matches count towards k, by the recipe: their order, and key steps that stand in the list more than once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace

from keystep.nouns import KeyStep, StepMatch


def in_order(matches: Sequence[StepMatch]) -> tuple[StepMatch, ...]:
    """Only the longest chain of matches that stand in the text in the key steps' order (two may share a statement); the others
    are misses, blocked 'out_of_order'."""
    kept = _chain(matches)
    return tuple(
        replace(m, matched=False, score=0.0, blocked="out_of_order") if m.matched and m.key_step not in kept else m for m in matches
    )


def _chain(matches: Sequence[StepMatch]) -> set[int]:
    """The key steps of a longest run of matches whose starts never fall (patience sorting)."""
    ends: list[int] = []  # the least start that a run of each length can end with
    last: list[StepMatch] = []  # the match that does
    before: dict[int, int | None] = {}
    for match in matches:
        if not match.matched or match.span is None:
            continue
        at = bisect_right(ends, match.span[0])
        ends[at : at + 1] = [match.span[0]]
        last[at : at + 1] = [match]
        before[match.key_step] = last[at - 1].key_step if at else None
    kept: set[int] = set()
    step = last[-1].key_step if last else None
    while step is not None:
        kept.add(step)
        step = before[step]
    return kept


def first_of_each(key_steps: Sequence[KeyStep]) -> frozenset[int]:
    """The key steps whose text (case and white space aside) did not stand in the list before."""
    first: dict[str, int] = {}
    for index, step in enumerate(key_steps):
        first.setdefault(" ".join(step.text.lower().split()), index)
    return frozenset(first.values())
