"""What is done with groups once they are scored, whichever way they came in: figures, and recent batches for the inspector."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

from keystep.http.recent import Recent
from keystep.metrics import Metrics
from keystep.nouns import Group, ScoredGroup
from keystep.recipe import Recipe
from keystep.settings import Settings

_MIB = 1024 * 1024


class Watch:
    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self.recent = Recent(settings.recent_mib * _MIB)

    def saw(self, groups: Sequence[Group], recipe: Recipe, scored: Sequence[ScoredGroup], degraded: Iterable[str]) -> None:
        """groups and what they came to, in the same order. Thread-safe."""
        self._metrics.saw_groups(recipe, scored, degraded)
        self.recent.add(time.time(), recipe, groups, scored)
