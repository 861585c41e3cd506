"""What callers of the scoring processes see: groups in, one future a group out, in the same nouns as the engine's own.

Key steps are resolved here, in the front, which owns the caches; scoring is done in the processes; a recipe that the processes
cannot score (it needs a model that the front owns) is scored by the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import cast

from keystep import scoring
from keystep.engine import Engine, Lookup, Scored
from keystep.nouns import Group, Outcome, Question, Reason, Rollout, ScoredGroup, ScoredRollout
from keystep.processes.dispatcher import Dispatcher
from keystep.processes.messages import Piece, packed
from keystep.processes.queue import Part, Ticket
from keystep.recipe import Recipe
from keystep.scoring import Wanted
from keystep.verify.verifier import VerifyItem


@dataclass(frozen=True, slots=True)
class Submitted:
    """groups: one future a group, in order, each resolved when its own group is.  degraded: as Scored has it.

    ticket: None where the processes have no part in it.
    """

    groups: list[Future[ScoredGroup]]
    degraded: tuple[str, ...]
    ticket: Ticket | None


class Scorer:
    """An engine and its scoring processes. Thread-safe. processes: how many."""

    def __init__(self, engine: Engine, processes: int) -> None:
        self.engine = engine
        self._dispatcher = Dispatcher(processes, engine.verifier.ask)

    def start(self) -> None:
        """Warm what is slow to start; returns when ready."""
        self._dispatcher.start()
        self.engine.start()

    def ready(self) -> bool:
        return self.engine.ready() and self._dispatcher.ready()

    def close(self) -> None:
        self._dispatcher.close()
        self.engine.close()

    @property
    def dispatcher(self) -> Dispatcher:
        return self._dispatcher

    def submit(
        self, groups: Sequence[Group], recipe: Recipe, *, evidence: bool, deadline: float | None = None, lookup: Lookup | None = None
    ) -> Submitted:
        """Every rollout's reward. evidence: whether where things stand is told. deadline: time.monotonic() past which what is
        not ready is null, reason deadline. lookup: of these groups' key steps, as far as it has come; without it they are
        looked up, and waited for, here. Blocks then, and where ``takes_long`` says so. Raises RecipeError."""
        if self.takes_long(recipe):
            scored = self.engine.score(groups, recipe, deadline=deadline)
            return Submitted([_there(group) for group in scored.groups], scored.degraded, None)
        if lookup is None:
            wanted, degraded = self.engine.wanted(groups, recipe, deadline=deadline)
        else:
            wanted, degraded = [lookup.wanted(i) for i in range(len(groups))], lookup.degraded
        ticket = self._dispatcher.ticket(deadline)
        for group, want in zip(groups, wanted, strict=True):
            ticket.add(_group_part(group), _template(group.question, recipe, evidence, want), group.rollouts)
        self._dispatcher.submit(ticket)
        return Submitted([part.future for part in ticket.parts], degraded, ticket)

    def takes_long(self, recipe: Recipe) -> bool:
        """Whether submit does the scoring: the engine has what the recipe needs."""
        return recipe.matching == "semantic" or bool(recipe.extras)

    def score(self, groups: Sequence[Group], recipe: Recipe, *, evidence: bool = True, deadline: float | None = None) -> Scored:
        """submit, waited for."""
        submitted = self.submit(groups, recipe, evidence=evidence, deadline=deadline)
        return Scored([f.result() for f in submitted.groups], submitted.degraded)

    def verify(self, items: Sequence[VerifyItem], recipe: Recipe, *, deadline: float | None = None) -> Future[list[Outcome]]:
        """Outcomes alone, of texts of any form, in order."""
        part = Part(len(items), list, lambda _, reason: Outcome(None, reasons=(reason,)))
        ticket = self._dispatcher.ticket(deadline)
        for index, item in enumerate(items):
            template = Piece((), (), _bare(item.question), packed(recipe), "outcome")
            ticket.add(part, template, [Rollout(item.question.id, item.text, item.truncated)], index)
        self._dispatcher.submit(ticket)
        return cast("Future[list[Outcome]]", part.future)

    def drop(self, submitted: Submitted) -> None:
        """Nobody waits for it any more: what has not begun is not begun."""
        if submitted.ticket is not None:
            self._dispatcher.drop(submitted.ticket)


def _there(group: ScoredGroup) -> Future[ScoredGroup]:
    future: Future[ScoredGroup] = Future()
    future.set_result(group)
    return future


def _group_part(group: Group) -> Part:
    def finish(rollouts: list[ScoredRollout]) -> ScoredGroup:
        return scoring.group(group, rollouts)

    def missing(index: int, reason: Reason) -> ScoredRollout:
        return scoring.nothing(group.rollouts[index].id, reason)

    return Part(len(group.rollouts), finish, missing)


def _template(question: Question, recipe: Recipe, evidence: bool, want: Wanted) -> Piece:
    return Piece((), (), _bare(question), packed(recipe), "evidence" if evidence else "rewards", want.key_steps, want.notes)


def _bare(question: Question) -> Question:
    """Without what a scoring process has no use for; an image may be megabytes."""
    return replace(question, references=(), key_steps=None, images=())
