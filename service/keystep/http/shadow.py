"""A second recipe over the same live rollouts, beside the real one: nothing waits for it, and nobody is answered by it.

It has one thread and takes one small batch at a time, so that it competes with requests as one caller among others. What comes
while it is behind is left out, and counted.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import wait
from itertools import islice
from queue import Empty, Full, Queue
from typing import Any

from keystep import wire
from keystep.errors import RecipeError
from keystep.figures.flips import COMPONENTS, Flips
from keystep.nouns import Group, ScoredGroup
from keystep.processes.scorer import Scorer
from keystep.recipe import Recipe

_log = logging.getLogger(__name__)

# Groups of one batch, and batches that may wait.
_GROUPS, _WAITING = 8, 16
# Characters of a rollout that are shown.
_SHOWN = 600

_Batch = tuple[Sequence[Group], Sequence[ScoredGroup]]


class Shadow:
    """Scores what it is handed by recipe, too, and compares."""

    def __init__(self, scorer: Scorer, recipe: Recipe) -> None:
        self._scorer = scorer
        self._recipe = recipe
        self._flips = Flips()
        self._skipped = 0
        self._stopped: str | None = None
        self._lock = threading.Lock()
        self._queue: Queue[_Batch | None] = Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="keystep-shadow", daemon=True)
        self._thread.start()

    def saw(self, groups: Sequence[Group], scored: Sequence[ScoredGroup], recipe: Recipe) -> None:
        """What its own recipe has scored is no comparison."""
        if recipe.hash == self._recipe.hash or self._stopped is not None:
            return
        left = zip(groups, scored, strict=True)
        while batch := list(islice(left, _GROUPS)):
            try:
                self._queue.put_nowait(([g for g, _ in batch], [s for _, s in batch]))
            except Full:
                with self._lock:
                    self._skipped += sum(len(g.rollouts) for g, _ in batch)

    def told(self) -> dict[str, Any]:
        """What the monitor shows of it."""
        with self._lock:
            flips, skipped = self._flips, self._skipped
            return {
                "recipe": wire.recipe_to_json(self._recipe),
                "rollouts": flips.rollouts,
                "skipped": skipped,
                "stopped": self._stopped,
                "changes": {
                    name: {kind: flips.changes[name, kind] for kind in ("up", "down", "decided", "undecided")} for name in COMPONENTS
                },
                "opposite_signs": flips.opposite_signs,
                "inverted": flips.inverted,
                "groups": flips.groups,
                "reordered": flips.reordered,
                "best": flips.best,
                "most": [
                    {
                        "group": c.group,
                        "id": c.before["id"],
                        "before": c.before["reward"],
                        "after": c.after["reward"],
                        "text": c.text[:_SHOWN],
                    }
                    for c in flips.most
                ],
            }

    def close(self) -> None:
        """What waits is dropped."""
        while self._thread.is_alive():
            try:
                self._queue.put(None, timeout=0.1)
                break
            except Full:
                self._drop()
        self._thread.join()

    def _drop(self) -> None:
        with contextlib.suppress(Empty):
            while True:
                self._queue.get_nowait()

    def _stop(self, error: RecipeError) -> None:
        """The service has not what the recipe needs."""
        self._stopped = error.message
        _log.error("the shadow recipe is not scored: %s", error.message)

    def _run(self) -> None:
        while (batch := self._queue.get()) is not None:
            groups, scored = batch
            try:
                submitted = self._scorer.submit(groups, self._recipe, evidence=False)
                wait(submitted.groups)
                again = [future.result() for future in submitted.groups]
            except RecipeError as error:
                self._stop(error)
                return
            except Exception:  # noqa: BLE001 - nobody is answered by it
                _log.exception("the shadow recipe %s could not score a batch; the answers that were given stand", self._recipe.name)
                continue
            with self._lock:
                for group, before, after in zip(groups, scored, again, strict=True):
                    self._flips.add(
                        wire.group_to_json(before, "rewards"), wire.group_to_json(after, "rewards"), [r.text for r in group.rollouts]
                    )
