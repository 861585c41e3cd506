"""Who scores a chunk of groups: the engine in this process, or a service. Both answer in the wire's form, the same bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from keystep import engine, wire
from keystep.errors import InputError
from keystep.processes import scorer
from keystep.recipe import Recipe
from keystep.settings import Settings
from keystep_client import Client, RejectedError, TooLargeError

Detail = Literal["rewards", "evidence"]
Spec = str | dict[str, Any]


class RejectedGroupsError(Exception):
    """These groups are refused by the service; fewer of them may not be."""


class Scorer(Protocol):
    def __call__(self, groups: Sequence[wire.GroupIn]) -> tuple[list[dict[str, Any]], Sequence[str]]:
        """Scored groups in order, and what was degraded. Called from several threads."""
        ...


@contextmanager
def in_process(recipe: Recipe, detail: Detail, settings: Settings) -> Iterator[Scorer]:
    """Starts an engine of its own with scoring processes, and stops them."""
    running = scorer.Scorer(engine.build(settings), settings.processes)
    running.start()

    def score(groups: Sequence[wire.GroupIn]) -> tuple[list[dict[str, Any]], Sequence[str]]:
        scored = running.score([wire.group_from(g) for g in groups], recipe, evidence=detail == "evidence")
        return [wire.group_to_json(g, detail) for g in scored.groups], scored.degraded

    try:
        yield score
    finally:
        running.close()


@contextmanager
def over_http(url: str, recipe: Recipe, spec: Spec, detail: Detail) -> Iterator[Scorer]:
    """The service at url. Its recipe must be this one, by hash: another version may give other rewards."""

    def score(groups: Sequence[wire.GroupIn]) -> tuple[list[dict[str, Any]], Sequence[str]]:
        try:
            result = client.score([g.model_dump(exclude_unset=True) for g in groups], recipe=spec, detail=detail)
        except RejectedError as error:
            about_groups = error.errors and all(field.startswith("groups") for field, _ in error.errors)
            if about_groups or isinstance(error, TooLargeError):
                raise RejectedGroupsError(str(error)) from None
            raise
        if result.recipe.hash != recipe.hash:
            raise InputError(
                f"the service at {url} has another recipe {result.recipe.name} ({result.recipe.hash}, here {recipe.hash}); use the keystep version that it runs",
                field="url",
            )
        return [g.model_dump(exclude_unset=True) for g in result.groups], result.degraded

    try:
        client = Client(url)
    except ValueError as error:
        raise InputError(str(error), field="url") from None
    with client:
        yield score
