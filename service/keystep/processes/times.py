"""How long the parts of scoring take, counted where the work is done and told in buckets, a few figures a report.

structure   a text's sections                  verify     its answer: read and compared, but for symbolic work
match       key steps, validity, the reward    symbolic   an answer that is asked of the verifier's processes, waiting included
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

# Upper bounds, in seconds.
BOUNDS = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 1.0)


@dataclass(frozen=True, slots=True)
class Times:
    """counts: how often it took up to each of the bounds and no less, and longer than all.  seconds: in all."""

    component: str
    counts: tuple[int, ...]
    seconds: float


class Stopwatch:
    """Adds up times by component."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}

    def time(self, component: str, work: Callable[[], T]) -> T:
        """What work returns."""
        began = time.perf_counter()
        done = work()
        self.took(component, time.perf_counter() - began)
        return done

    def took(self, component: str, seconds: float) -> None:
        self._of(component)[bisect_left(BOUNDS, seconds)] += 1
        self._seconds[component] += seconds

    def add(self, told: Iterable[Times]) -> None:
        """Of another stopwatch."""
        for times in told:
            counts = self._of(times.component)
            for bucket, n in enumerate(times.counts):
                counts[bucket] += n
            self._seconds[times.component] += times.seconds

    def told(self) -> tuple[Times, ...]:
        return tuple(Times(name, tuple(counts), self._seconds[name]) for name, counts in self._counts.items())

    def _of(self, component: str) -> list[int]:
        if component not in self._counts:
            self._counts[component] = [0] * (len(BOUNDS) + 1)
            self._seconds[component] = 0.0
        return self._counts[component]
