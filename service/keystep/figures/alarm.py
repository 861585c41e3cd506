"""The hack alarm: what in the dynamics of a run looks like a policy that learns the reward instead of the task. Pure.

The run's last third is held against its first. A difference counts when it is large, and larger than what the points of each
third differ among themselves: so a run that is flat, or noisy from the beginning, does not alarm, whatever its level.

    stuffing, enumeration, repetition, identical   their share of rollouts rises
    length        texts grow, or shrink, while outcomes do not rise with them
    collapse      groups lose their spread, and not because all is solved
    divergence    a component rises while outcomes fall
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean, pvariance

from keystep.figures.points import Point

# Points below which nothing is said: thirds of two.
LEAST_POINTS = 6
# A share of rollouts has to rise by so much; a component to rise or fall.
_SHARE, _COMPONENT = 0.15, 0.1
# Differences are to be so many times their standard error.
_ERRORS = 4.0
# Texts that are so many times as long, or as short.
_LONGER = 1.5
# The spread that is left of a collapsed one, and outcomes from which on that is as it should be.
_COLLAPSED, _SOLVED = 0.4, 0.85


@dataclass(frozen=True, slots=True)
class Alarm:
    """rule: its name above.  message: for people, with the figures.  evidence: (group, rollout), to be looked at."""

    rule: str
    message: str
    evidence: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Change:
    """From the first third to the last: means, and whether the difference stands out from what the points differ."""

    before: float
    after: float
    stands_out: bool

    @property
    def by(self) -> float:
        return self.after - self.before


def alarms(points: Sequence[Point]) -> list[Alarm]:
    """What looks like a hack in a run's points, in order; empty for too short a run."""
    known = [p for p in points if p.rollouts]
    if len(known) < LEAST_POINTS:
        return []
    return [*_signs(known), *_length(known), *_collapse(known), *_divergence(known)]


def _signs(points: Sequence[Point]) -> Iterator[Alarm]:
    names = {
        "stuffing": "texts with dumped key steps, equations, numbers or the question",
        "enumeration": "texts that offer several answers",
        "repetition": "texts that repeat themselves",
        "identical": "texts that repeat another of their group",
    }
    for sign, told in names.items():
        change = _change(points, lambda p, sign=sign: p.share(sign))  # type: ignore[misc]
        if change is not None and change.stands_out and change.by >= _SHARE:
            yield Alarm(sign, f"{told}: {change.before:.0%} at first, {change.after:.0%} now", _evidence(points, sign))


def _length(points: Sequence[Point]) -> Iterator[Alarm]:
    length, outcome = _change(points, lambda p: p.mean_length), _change(points, lambda p: p.mean("outcome"))
    if length is None or not length.stands_out or min(length.before, length.after) <= 0:
        return
    ratio = length.after / length.before
    better = outcome is not None and outcome.by >= _COMPONENT
    if not better and not 1 / _LONGER < ratio < _LONGER:
        told = f"texts are {ratio:.1f} times as long as at first ({length.before:.0f} characters, now {length.after:.0f}), and no more often right"
        yield Alarm("length", told, _evidence(points, "length"))


def _collapse(points: Sequence[Point]) -> Iterator[Alarm]:
    spread, outcome = _change(points, lambda p: p.mean_std), _change(points, lambda p: p.mean("outcome"))
    solved = outcome is not None and outcome.after >= _SOLVED
    if spread is not None and spread.stands_out and not solved and spread.before > 0 and spread.after <= _COLLAPSED * spread.before:
        right = "" if outcome is None else f", with {outcome.after:.0%} right"
        told = (
            f"the rewards of a group hardly differ any more: standard deviation {spread.before:.2f} at first, {spread.after:.2f} now{right}"
        )
        yield Alarm("collapse", told, _evidence(points, "wrong"))


def _divergence(points: Sequence[Point]) -> Iterator[Alarm]:
    outcome = _change(points, lambda p: p.mean("outcome"))
    if outcome is None or not outcome.stands_out or outcome.by > -_COMPONENT:
        return
    for name in ("reward", "step_rvr", "key_steps_matched"):
        change = _change(points, lambda p, name=name: p.mean(name))  # type: ignore[misc]
        if change is not None and change.stands_out and change.by >= _COMPONENT:
            told = f"{name} rises ({change.before:.2f} to {change.after:.2f}) while outcomes fall ({outcome.before:.2f} to {outcome.after:.2f})"
            yield Alarm("divergence", told, _evidence(points, "wrong"))


def _change(points: Sequence[Point], value: Callable[[Point], float | None]) -> _Change | None:
    """None where a third has no value."""
    third = max(2, len(points) // 3)
    first = [v for p in points[:third] if (v := value(p)) is not None]
    last = [v for p in points[-third:] if (v := value(p)) is not None]
    if not first or not last:
        return None
    before, after = fmean(first), fmean(last)
    error = math.sqrt(_variance(first) / len(first) + _variance(last) / len(last))
    return _Change(before, after, abs(after - before) > _ERRORS * error)


def _variance(values: Sequence[float]) -> float:
    """Of a trend, what is left beside it: half the mean square of the steps from one point to the next."""
    steps = [b - a for a, b in pairwise(values)]
    return fmean([s * s for s in steps]) / 2 if len(steps) > 1 else pvariance(values)


def _evidence(points: Sequence[Point], sign: str) -> tuple[tuple[str, str], ...]:
    """Of the latest points that have any."""
    found = [place for point in reversed(points) for place in point.evidence.get(sign, ())]
    return tuple(dict.fromkeys(found[:5]))
