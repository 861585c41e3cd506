"""What is done with groups once they are scored, whichever way they came in: figures, the monitor, recent batches, the ledger, and the shadow recipe."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import orjson

from keystep.errors import RecipeError
from keystep.http.monitor import Monitor
from keystep.http.recent import Recent
from keystep.http.shadow import Shadow
from keystep.ledger import Entry, Ledger
from keystep.metrics import Metrics
from keystep.nouns import Group, ScoredGroup
from keystep.processes.scorer import Scorer
from keystep.recipe import Recipe, resolve
from keystep.settings import Settings

T = TypeVar("T")
_log = logging.getLogger(__name__)

_MIB = 1024 * 1024


class Watch:
    """Raises InputError where the ledger that is asked for cannot be written, RecipeError where there is no such shadow recipe."""

    def __init__(self, settings: Settings, metrics: Metrics, scorer: Scorer) -> None:
        self._metrics = metrics
        self.recent = Recent(settings.recent_mib * _MIB)
        self._monitor = Monitor()
        self._shadow = None if settings.shadow_recipe is None else Shadow(scorer, resolve(_spec(settings.shadow_recipe)))
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
        """groups and what they came to, in the same order. Thread-safe. Never raises: a defect of who watches costs no answer.

        since: when the request arrived, time.monotonic(). What the caller is to wait for before it answers, if anything.
        """
        now = time.time()
        self._tell("metrics", lambda: self._metrics.saw_groups(recipe, scored, degraded))
        self._tell("monitor", lambda: self._monitor.saw(groups, scored))
        self._tell("recent", lambda: self.recent.add(now, recipe, groups, scored))
        if (shadow := self._shadow) is not None:
            self._tell("shadow", lambda: shadow.saw(groups, scored, recipe))
        if (ledger := self._ledger) is None:
            return None
        seconds = None if since is None else time.monotonic() - since
        recorded = self._tell(
            "ledger", lambda: ledger.append([Entry(g, s, recipe, now, seconds, request) for g, s in zip(groups, scored, strict=True)])
        )
        return recorded if self._waits else None

    def _tell(self, observer: str, told: Callable[[], T]) -> T | None:
        """What an observer returns; None where it fails, which is logged and counted, and keeps nothing from the next."""
        try:
            return told()
        except Exception:  # noqa: BLE001 - nobody is answered by it
            _log.exception("%s could not be told of what was scored; the answers stand", observer)
            self._metrics.observer_failures.labels(observer).inc()
            return None

    def monitored(self) -> dict[str, Any]:
        """What the monitor shows."""
        return {**self._monitor.told(), "shadow": None if self._shadow is None else self._shadow.told()}

    @property
    def degraded(self) -> tuple[str, ...]:
        """What is missing now."""
        return ("ledger",) if self._ledger is not None and self._ledger.stopped is not None else ()

    def close(self) -> None:
        """Before the scorer is closed."""
        if self._shadow is not None:
            self._shadow.close()
        if self._ledger is not None:
            self._ledger.close()


def _spec(given: str) -> str | dict[str, Any]:
    """A recipe's name, or JSON of one."""
    if not given.lstrip().startswith("{"):
        return given
    try:
        spec: dict[str, Any] = orjson.loads(given)
    except ValueError as error:
        raise RecipeError(f"KEYSTEP_SHADOW_RECIPE is neither a recipe's name nor JSON ({error})", field="shadow_recipe") from None
    return spec
