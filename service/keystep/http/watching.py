"""What is done with groups once they are scored, whichever way they came in: figures, recent batches, and the ledger."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future

from keystep.http.recent import Recent
from keystep.ledger import Entry, Ledger
from keystep.metrics import Metrics
from keystep.nouns import Group, ScoredGroup
from keystep.recipe import Recipe
from keystep.settings import Settings

_MIB = 1024 * 1024


class Watch:
    """Raises InputError where the ledger that is asked for cannot be written."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self.recent = Recent(settings.recent_mib * _MIB)
        self._waits = settings.ledger_sync
        self._ledger = None if settings.ledger_path is None else Ledger(settings.ledger_path, sync=settings.ledger_sync)
        if self._ledger is not None:
            metrics.watch_ledger(self._ledger)

    def saw(
        self,
        groups: Sequence[Group],
        recipe: Recipe,
        scored: Sequence[ScoredGroup],
        degraded: Iterable[str],
        *,
        since: float | None = None,
        request: str | None = None,
    ) -> Future[bool] | None:
        """groups and what they came to, in the same order. Thread-safe.

        since: when the request arrived, time.monotonic(). What the caller is to wait for before it answers, if anything.
        """
        now = time.time()
        self._metrics.saw_groups(recipe, scored, degraded)
        self.recent.add(now, recipe, groups, scored)
        if self._ledger is None:
            return None
        seconds = None if since is None else time.monotonic() - since
        entries = [Entry(g, s, recipe, now, seconds, request) for g, s in zip(groups, scored, strict=True)]
        recorded = self._ledger.append(entries)
        return recorded if self._waits else None

    @property
    def degraded(self) -> tuple[str, ...]:
        """What is missing now."""
        return ("ledger",) if self._ledger is not None and self._ledger.stopped is not None else ()

    def close(self) -> None:
        if self._ledger is not None:
            self._ledger.close()
