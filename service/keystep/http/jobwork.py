"""How a job's groups are written down when it is handed in, and scored when a runner takes them up (jobs.runner.Scorer)."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Callable
from concurrent.futures import wait
from dataclasses import dataclass
from typing import Any

import orjson

from keystep import wire
from keystep.errors import RecipeError
from keystep.http.orders import ScoreOrder
from keystep.http.watching import Watch
from keystep.jobs.runner import CannotDoError, Done
from keystep.jobs.store import NewJob, Work
from keystep.nouns import Group, Reason, ScoredGroup
from keystep.processes.scorer import Scorer
from keystep.recipe import Recipe, resolve
from keystep.scoring import none_of

# Rollouts leased at once, about: what is begun anew when a process dies.
_CHUNK = 32
# Seconds between two looks whether it is still wanted.
_LOOK = 0.2


@dataclass(frozen=True, slots=True)
class About:
    """What a job's groups have in common. spec: the recipe as it was asked for.  recipe: its name and hash."""

    spec: str | dict[str, Any]
    recipe: dict[str, str]
    detail: Any
    deadline_ms: int | None


def about(text: str) -> About:
    return About(**orjson.loads(text))


def written(order: ScoreOrder, key: str | None) -> NewJob:
    """The order as a job of its own id."""
    request = order.request
    common = orjson.dumps(About(request.recipe, wire.recipe_to_json(order.recipe), request.detail, request.deadline_ms)).decode()
    groups = [g.model_dump_json(exclude_unset=True) for g in request.groups]
    fingerprint = hashlib.sha256("\n".join((common, *groups)).encode()).hexdigest()
    chunk = max(1, _CHUNK * len(groups) // order.rollouts)
    return NewJob(uuid.uuid4().hex, key, fingerprint, common, groups, chunk)


class JobScorer:
    """Through the service's own scoring processes, as one caller among others."""

    def __init__(self, scorer: Scorer, watch: Watch) -> None:
        self._scorer = scorer
        self._watch = watch

    def score(self, work: Work, wanted: Callable[[], bool]) -> Done | None:
        common = about(work.about)
        recipe = _same_recipe(common)
        deadline = None if common.deadline_ms is None else time.monotonic() + common.deadline_ms / 1000 - work.age
        groups = _groups(work)
        try:
            submitted = self._scorer.submit(groups, recipe, evidence=common.detail == "evidence", deadline=deadline)
        except RecipeError as error:
            raise CannotDoError(error.message) from error
        while wait(submitted.groups, _LOOK).not_done:
            if not wanted():
                self._scorer.drop(submitted)
                return None
        return self._done(work, common, groups, [group.result() for group in submitted.groups], submitted.degraded)

    def give_up(self, work: Work) -> Done:
        common = about(work.about)
        groups = _groups(work)
        return self._done(work, common, groups, [none_of(g, Reason.INTERNAL_ERROR) for g in groups], ())

    def _done(self, work: Work, common: About, groups: list[Group], scored: list[ScoredGroup], degraded: tuple[str, ...]) -> Done:
        recorded = self._watch.saw(groups, _same_recipe(common), scored, degraded)
        if recorded is not None:
            recorded.result()
        degraded += self._watch.degraded
        told = (orjson.dumps(wire.group_to_json(g, common.detail)).decode() for g in scored)
        return Done(dict(zip(work.groups, told, strict=True)), degraded)


def _groups(work: Work) -> list[Group]:
    return [wire.group_from(wire.parse(wire.GroupIn, text.encode())) for text in work.groups.values()]


def _same_recipe(common: About) -> Recipe:
    """A job is scored by the recipe that it was accepted with, or not here."""
    try:
        recipe = resolve(common.spec)
    except RecipeError as error:
        raise CannotDoError(error.message) from error
    if recipe.hash != common.recipe["hash"]:
        raise CannotDoError(
            f"it was accepted with recipe {common.recipe['name']} {common.recipe['hash']}, which in this version is {recipe.hash};"
            " cancel it and hand it in again"
        )
    return recipe
