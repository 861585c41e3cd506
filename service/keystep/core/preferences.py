"""Preference pairs of one question: best against worst by one score, or by several in order of weight (SimPO, section 4).

    candidates with a null score, and all but one of equal texts, are left out
    the i-th best is chosen, the i-th worst rejected, for i = 1 .. top
    a pair that ties, or whose margin is too small, is dropped

Several scores decide as words are sorted: the second counts only where the first is equal. The margin is that of the score that
decided. No candidate stands in two pairs, and the order in which candidates are given never matters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from keystep.nouns import Pair


class Dropped(StrEnum):
    """Why a question has no pair."""

    TOO_FEW = "too_few"  # fewer than two different texts have every score
    TIE = "tie"  # the best is as good as the worst
    MARGIN = "margin"  # the best is better than the worst, but by less than the minimum


@dataclass(frozen=True, slots=True)
class Candidate:
    """One response. scores: in order of weight, higher is better; None is undecided."""

    id: str
    text: str
    scores: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Preference:
    """pair: by id.  decided_by: index of the score whose difference is the margin."""

    pair: Pair
    decided_by: int


@dataclass(frozen=True, slots=True)
class Choice:
    """What became of one question's candidates. dropped: why it has no pair; None where it has one.

    undecided, duplicates: candidates that were left out.
    """

    preferences: tuple[Preference, ...]
    dropped: Dropped | None
    undecided: int
    duplicates: int


@dataclass(frozen=True, slots=True)
class LengthBias:
    """Lengths in characters, of the texts that were paired.

    chosen_longer: share of pairs whose chosen text is the longer one, equal lengths counting half; 0.5 is no preference.
    Every field is None without pairs.
    """

    chosen_mean: float | None
    rejected_mean: float | None
    chosen_longer: float | None


def choose(candidates: Sequence[Candidate], *, top: int = 1, min_margin: float = 0.0) -> Choice:
    """The pairs of one question, best first. A margin of exactly min_margin is kept, one of 0 never."""
    decided = [c for c in candidates if None not in c.scores]
    distinct = _distinct(decided)
    pairs = []
    too_close = 0
    best = sorted(distinct, key=lambda c: (tuple(-s for s in _known(c)), c.id))
    worst = sorted(distinct, key=lambda c: (_known(c), c.id))
    ranks = min(top, len(distinct) // 2)
    for high, low in zip(best[:ranks], worst[:ranks], strict=True):
        preference = _preference(high, low)
        if preference is None:
            break  # every later rank lies between these two
        if preference.pair.margin < min_margin:
            too_close += 1
        else:
            pairs.append(preference)
    why = None if pairs else Dropped.TOO_FEW if ranks == 0 else Dropped.MARGIN if too_close else Dropped.TIE
    return Choice(tuple(pairs), why, undecided=len(candidates) - len(decided), duplicates=len(decided) - len(distinct))


def length_bias(lengths: Sequence[tuple[int, int]]) -> LengthBias:
    """lengths: (of the chosen, of the rejected) text of each pair, in characters."""
    if not lengths:
        return LengthBias(None, None, None)
    longer = math.fsum((chosen > rejected) + 0.5 * (chosen == rejected) for chosen, rejected in lengths)
    chosen_sum, rejected_sum = (sum(side) for side in zip(*lengths, strict=True))
    return LengthBias(chosen_sum / len(lengths), rejected_sum / len(lengths), longer / len(lengths))


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """One of each text, white space at its ends aside: the one with the smallest id."""
    kept: dict[str, Candidate] = {}
    for candidate in sorted(candidates, key=lambda c: c.id):
        kept.setdefault(candidate.text.strip(), candidate)
    return list(kept.values())


def _known(candidate: Candidate) -> tuple[float, ...]:
    return tuple(score for score in candidate.scores if score is not None)


def _preference(high: Candidate, low: Candidate) -> Preference | None:
    for index, (a, b) in enumerate(zip(_known(high), _known(low), strict=True)):
        if a != b:
            return Preference(Pair(high.id, low.id, a - b), index)
    return None
