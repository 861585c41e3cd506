"""The dynamics of what is being scored, for /monitor: points of some rollouts each, the latest of them, and what alarms in them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from keystep.figures.alarm import alarms
from keystep.figures.points import COMPONENTS, MOST, Point, merged, seen
from keystep.nouns import Group, ScoredGroup

# Rollouts of one point at least, and points that are remembered.
_ROLLOUTS, _POINTS = 64, 120


class Monitor:
    """Thread-safe."""

    def __init__(self) -> None:
        self._points: deque[Point] = deque(maxlen=_POINTS)
        self._growing = Point()
        self._lock = threading.Lock()

    def saw(self, groups: Sequence[Group], scored: Sequence[ScoredGroup]) -> None:
        with self._lock:
            for group, result in zip(groups, scored, strict=True):
                point = self._growing
                point.add(seen(group, result))
                if point.rollouts >= _ROLLOUTS:
                    self._points.append(point)
                    self._growing = Point()

    def told(self) -> dict[str, Any]:
        """What the page draws: the latest points, the oldest first, and their sum."""
        with self._lock:
            points = list(self._points)
            whole = merged([*points, self._growing])
        return {
            "groups": whole.groups,
            "rollouts": whole.rollouts,
            "zero_variance": whole.zero_variance,
            "undecided": {str(name): n for name, n in whole.undecided.items()},
            "flags": {str(name): n for name, n in whole.flags.items()},
            "components": {
                name: {"mean": whole.mean(name), "decided": whole.counts[name], "bars": whole.bars[name], "most": MOST[name]}
                for name in COMPONENTS
            },
            "points": [_told(point) for point in points],
            "alarms": [{"rule": a.rule, "message": a.message, "evidence": a.evidence} for a in alarms(points)],
        }


def _told(point: Point) -> dict[str, Any]:
    return {
        **{name: point.mean(name) for name in COMPONENTS},
        "zero_variance": point.zero_variance_share,
        "std": point.mean_std,
        "length": point.mean_length,
    }
