"""The three jobs of the service, each from a body's bytes to the answer's bytes.

They run on the event loop and hold no thread while they wait. What would hold up the loop runs beside it: large bodies and
large answers on a thread of their own, key-step lookups on others. What waits for a thread waits no longer than its deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import orjson

from keystep import __version__, wire
from keystep.engine import Lookup
from keystep.http import waiting
from keystep.http.admission import Admission
from keystep.http.observing import mark, request_id
from keystep.http.orders import KeyStepsOrder, Orders, ScoreOrder, VerifyOrder
from keystep.http.watching import Watch
from keystep.keysteps.source import Flown
from keystep.metrics import Metrics
from keystep.nouns import Group, Reason, ScoredGroup
from keystep.processes.scorer import Scorer, Submitted
from keystep.recipe import Recipe
from keystep.scoring import none_of

T = TypeVar("T")

# Up to here reading a body costs the loop less than handing it to a thread and back.
_SMALL_BYTES = 64 * 1024


class Scoring:
    """lookups: requests whose key steps are looked up at once."""

    def __init__(self, scorer: Scorer, admission: Admission, metrics: Metrics, watch: Watch, *, lookups: int) -> None:
        self.scorer = scorer
        self.metrics = metrics
        self.watch = watch
        self._admission = admission
        self._orders = Orders(admission)
        self._reader = ThreadPoolExecutor(1, "keystep-read")
        self._lookups = ThreadPoolExecutor(lookups, "keystep-lookup")

    def close(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._lookups.shutdown(wait=False, cancel_futures=True)
        self.watch.close()

    async def score(self, body: bytes, *, watched: bool = True) -> bytes:
        """POST /v1/score. watched: False for who only looks, which is neither counted nor kept."""
        arrived = time.monotonic()
        order = await self.order(body)
        mark("parse")
        with self._admission.admit(order.rollouts, "groups"):
            scored, degraded = await self._scored(order, deadline_of(arrived, order.request.deadline_ms), small=_small(body))
            mark("score")
            if watched:
                degraded += await self._seen(order, scored, degraded, arrived, small=_small(body))

            def answer() -> bytes:
                lines = [wire.group_to_json(g, order.request.detail) for g in scored]
                return _json({"recipe": wire.recipe_to_json(order.recipe), "groups": lines, "degraded": degraded})

            told = await self.beside(answer, body)
            mark("write")
            return told

    async def verify(self, body: bytes) -> bytes:
        """POST /v1/verify"""
        arrived = time.monotonic()
        order: VerifyOrder = await self.beside(lambda: self._orders.verify(body), body)
        mark("parse")
        with self._admission.admit(len(order.items), "items"):
            future = self.scorer.verify(order.items, order.recipe, deadline=deadline_of(arrived, order.request.deadline_ms))
            await waiting.settled([future])
        mark("verify")
        outcomes = future.result()
        self.metrics.saw_outcomes(outcomes)
        told = [wire.outcome_to_json(i.id, o) for i, o in zip(order.request.items, outcomes, strict=True)]
        return _json({"recipe": wire.recipe_to_json(order.recipe), "items": told})

    async def key_steps(self, body: bytes) -> bytes:
        """POST /v1/key-steps"""
        arrived = time.monotonic()
        order: KeyStepsOrder = await self.beside(lambda: self._orders.key_steps(body), body)
        mark("parse")
        with self._admission.admit(len(order.texts), "questions"):
            flown = await self._flown(order, deadline_of(arrived, order.request.deadline_ms))
        mark("key_steps")
        degraded = sorted({name for _, without in flown for name in without})
        self.metrics.saw_degraded(degraded)
        self.metrics.saw_lookups([extracted.cached for extracted, _ in flown])
        answers = [wire.key_steps_to_json(q.id, e) for q, (e, _) in zip(order.request.questions, flown, strict=True)]
        return _json({"recipe": wire.recipe_to_json(order.recipe), "questions": answers, "degraded": degraded})

    async def order(self, body: bytes) -> ScoreOrder:
        """What POST /v1/score asks for. Raises InputError."""
        return await self.beside(lambda: self._orders.score(body), body)

    async def look_up(self, groups: Sequence[Group], recipe: Recipe, *, deadline: float | None) -> Lookup:
        """The groups' key steps, there or under way. Raises TimeoutError at the deadline, RecipeError."""
        if deadline is not None and time.monotonic() >= deadline:
            raise TimeoutError
        engine = self.scorer.engine
        if any(g.question.key_steps is None and g.question.references for g in groups):
            return await waiting.on(self._lookups, lambda: engine.look_up(groups, recipe, deadline=deadline), deadline=deadline)
        return engine.look_up(groups, recipe)

    async def submit(
        self, groups: Sequence[Group], lookup: Lookup, recipe: Recipe, *, evidence: bool, deadline: float | None, small: bool
    ) -> Submitted:
        """lookup: of these very groups. Raises TimeoutError at the deadline."""
        self.metrics.saw_lookups(lookup.cached)

        def submit() -> Submitted:
            return self.scorer.submit(groups, recipe, evidence=evidence, deadline=deadline, lookup=lookup)

        if self.scorer.takes_long(recipe):
            return await waiting.on(self._lookups, submit, deadline=deadline)
        if small:
            return submit()
        submitting = self._reader.submit(submit)
        try:
            return await asyncio.wrap_future(submitting)
        except asyncio.CancelledError:
            # The thread may be at it: what it submits after all is given up then.
            submitting.add_done_callback(self._give_up)
            raise

    def _give_up(self, submitting: Future[Submitted]) -> None:
        if not submitting.cancelled() and submitting.exception() is None:
            self.scorer.drop(submitting.result())

    async def _scored(self, order: ScoreOrder, deadline: float | None, *, small: bool) -> tuple[list[ScoredGroup], tuple[str, ...]]:
        try:
            lookup = await self.look_up(order.groups, order.recipe, deadline=deadline)
            await waiting.settled(lookup.under_way, deadline=deadline)
            mark("key_steps")
            submitted = await self.submit(order.groups, lookup, order.recipe, evidence=order.evidence, deadline=deadline, small=small)
        except TimeoutError:
            return [none_of(g, Reason.DEADLINE) for g in order.groups], ()
        try:
            await waiting.settled(submitted.groups)
        except asyncio.CancelledError:
            self.scorer.drop(submitted)
            raise
        return [future.result() for future in submitted.groups], submitted.degraded

    async def _seen(
        self, order: ScoreOrder, scored: list[ScoredGroup], degraded: tuple[str, ...], arrived: float, *, small: bool
    ) -> tuple[str, ...]:
        """Tells the watch, and waits for the ledger where it is to be waited for. What is missing."""
        request = request_id()

        def see() -> Future[bool] | None:
            return self.watch.saw(order.groups, order.recipe, scored, degraded, since=arrived, request=request)

        recorded = see() if small else await waiting.on(self._reader, see)
        if recorded is not None:
            await waiting.settled([recorded])
        return self.watch.degraded

    async def _flown(self, order: KeyStepsOrder, deadline: float | None) -> list[Flown]:
        source = self.scorer.engine.source(order.recipe.extractor)
        try:
            flights = await waiting.on(self._lookups, lambda: source.begin(order.texts, deadline=deadline), deadline=deadline)
        except TimeoutError:
            return [source.late for _ in order.texts]
        await waiting.settled(flights, deadline=deadline)
        return [flight.result() if flight.done() else source.late for flight in flights]

    async def beside(self, work: Callable[[], T], body: bytes) -> T:
        """What work returns, which takes about as long as reading body does: where that is long, beside the loop."""
        return work() if _small(body) else await waiting.on(self._reader, work)


def deadline_of(arrived: float, deadline_ms: int | None) -> float | None:
    """On time.monotonic()."""
    return None if deadline_ms is None else arrived + deadline_ms / 1000


def _small(body: bytes) -> bool:
    return len(body) <= _SMALL_BYTES


def _json(content: dict[str, Any]) -> bytes:
    return orjson.dumps({"service": __version__, **content})
