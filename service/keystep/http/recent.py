"""Recent batches, for the inspector: in memory, bounded in bytes, gone with the process."""

from __future__ import annotations

import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

from keystep import wire
from keystep.nouns import Group, Rollout, ScoredGroup
from keystep.recipe import Recipe

# What a list of batches shows; older ones may still be kept.
_LISTED = 50


@dataclass(frozen=True, slots=True)
class Batch:
    """at: seconds since the epoch.  mean: of the decided rewards, None without any.  size: bytes, about."""

    at: float
    recipe: Recipe
    groups: tuple[Group, ...]
    mean: float | None
    size: int


class Recent:
    """most_bytes: what all batches together may hold; 0 keeps none. A batch that alone is larger is not kept. Thread-safe."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._bytes = 0
        self._batches: OrderedDict[str, Batch] = OrderedDict()
        self._ids = count(1)
        self._lock = threading.Lock()

    def add(self, at: float, recipe: Recipe, groups: Sequence[Group], scored: Sequence[ScoredGroup]) -> None:
        if not self._most:
            return
        size = sum(map(_size, groups))
        if size > self._most:
            return
        decided = [r.reward.total for g in scored for r in g.rollouts if r.reward.total is not None]
        mean = sum(decided) / len(decided) if decided else None
        with self._lock:
            self._batches[str(next(self._ids))] = Batch(at, recipe, tuple(groups), mean, size)
            self._bytes += size
            while self._bytes > self._most:
                self._bytes -= self._batches.popitem(last=False)[1].size

    def listed(self) -> dict[str, Any]:
        """The latest first. kept: whether any are kept at all."""
        with self._lock:
            latest = list(reversed(self._batches.items()))[:_LISTED]
        told = [
            {
                "id": id_,
                "at": batch.at,
                "recipe": batch.recipe.name,
                "groups": len(batch.groups),
                "rollouts": sum(len(g.rollouts) for g in batch.groups),
                "mean": batch.mean,
            }
            for id_, batch in latest
        ]
        return {"kept": self._most > 0, "batches": told}

    def with_rollout(self, group: str, rollout: str) -> dict[str, Any] | None:
        """The latest batch in which this group has this rollout, cut to that group; None where there is none any more."""
        with self._lock:
            batches = list(reversed(self._batches.items()))
        for id_, batch in batches:
            for found in batch.groups:
                if found.id == group and any(r.id == rollout for r in found.rollouts):
                    return _told(id_, batch.recipe, [found])
        return None

    def find(self, id_: str) -> dict[str, Any] | None:
        """The batch as it may be scored again; None once it is gone."""
        with self._lock:
            batch = self._batches.get(id_)
        return None if batch is None else _told(id_, batch.recipe, batch.groups)


def _told(id_: str, recipe: Recipe, groups: Sequence[Group]) -> dict[str, Any]:
    return {
        "id": id_,
        "recipe": {**wire.recipe_to_json(recipe), "spec": recipe.spec},
        "groups": [wire.group_given(g) for g in groups],
    }


def _size(group: Group) -> int:
    question = group.question
    texts = [question.text, question.answer or "", *question.references, *(question.choices or ()), *question.images]
    texts += [form for step in question.key_steps or () for form in step.forms]
    return sum(map(sys.getsizeof, texts)) + sum(sys.getsizeof(r.text) + sys.getsizeof(r.id) + _OVERHEAD for r in group.rollouts)


# Of a rollout beside its strings: itself and its place in a tuple.
_OVERHEAD = sys.getsizeof(Rollout("", "")) + 8
