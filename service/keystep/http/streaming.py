"""POST /v1/score/stream: the groups of POST /v1/score, a line each as it is ready.

    {"service": ..., "recipe": {"name", "hash"}}        first
    {"id": ..., "rollouts": [...], ...}                 a group, in whatever order they finish
    {"degraded": [...]}                                 last: without it the answer was cut short
    {"error": {"title", "status", "detail"}}            last, instead, where something broke after the first line

What is wrong with the request is told before the first line, as everywhere, in problem JSON. A client that goes away ends the
work. A slow group, or one whose key steps are still being extracted, holds up nobody else's line.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from keystep import __version__, wire
from keystep.engine import Lookup
from keystep.http import waiting
from keystep.http.admission import Admission
from keystep.http.observing import mark, request_id
from keystep.http.orders import ScoreOrder
from keystep.http.scoring import Scoring, deadline_of
from keystep.nouns import Group, Reason, ScoredGroup
from keystep.scoring import none_of

_log = logging.getLogger(__name__)
PATH = "/v1/score/stream"
MEDIA_TYPE = "application/x-ndjson"
# Groups that the engine scores at a time, for recipes that need it.
_PIECE = 4


def install(app: FastAPI, admission: Admission, scoring: Scoring) -> None:
    @app.post(PATH, summary="Score groups of rollouts, a line each as it is ready", name="score_stream")
    async def route(request: Request) -> Response:
        arrived = time.monotonic()
        admission.check_open()
        async with AsyncExitStack() as held:
            body = await held.enter_async_context(admission.body(request))
            order = await scoring.order(body)
            mark("parse")
            held.enter_context(admission.admit(order.rollouts, "groups"))
            stream = _Stream(scoring, order, arrived, deadline_of(arrived, order.request.deadline_ms))
            await stream.begin()
            # Places in admission are given up when the last line has gone, or the client has.
            return _Lines(stream, held.pop_all())


class _Lines(StreamingResponse):
    def __init__(self, stream: _Stream, held: AsyncExitStack) -> None:
        self._stream = stream
        self._held = held
        super().__init__(stream.lines(), media_type=MEDIA_TYPE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._held, aclosing(self._stream):
            await super().__call__(scope, receive, send)


class _Stream:
    """One request. arrived, deadline: time.monotonic()."""

    def __init__(self, scoring: Scoring, order: ScoreOrder, arrived: float, deadline: float | None) -> None:
        self._scoring = scoring
        self._order = order
        self._arrived = arrived
        self._deadline = deadline
        self._began = time.perf_counter()
        # Groups as they finish; None when there are no more.
        self._finished: asyncio.Queue[ScoredGroup | None] = asyncio.Queue()
        self._work: asyncio.Task[None] | None = None
        self._degraded: set[str] = set()

    async def begin(self) -> None:
        """Starts the work. Raises what is wrong with the request."""
        groups, recipe = self._order.groups, self._order.recipe
        try:
            lookup = await self._scoring.look_up(groups, recipe, deadline=self._deadline)
        except TimeoutError:
            self._give_none(groups)
            self._finished.put_nowait(None)
        else:
            self._work = asyncio.create_task(self._score_all(lookup))
            self._work.add_done_callback(lambda _: self._finished.put_nowait(None))

    async def aclose(self) -> None:
        """Nobody listens any more: what has not begun is not begun. Idempotent."""
        if self._work is not None:
            self._work.cancel()

    async def lines(self) -> AsyncIterator[bytes]:
        recipe, detail = self._order.recipe, self._order.request.detail
        given = {group.id: group for group in self._order.groups}
        watch = self._scoring.watch
        yield _line({"service": __version__, "recipe": wire.recipe_to_json(recipe)})
        try:
            while (group := await self._finished.get()) is not None:
                recorded = watch.saw([given[group.id]], recipe, [group], (), since=self._arrived, request=request_id())
                if recorded is not None:
                    await waiting.settled([recorded])
                self._degraded.update(watch.degraded)
                yield _line(wire.group_to_json(group, detail))
            if self._work is not None:
                self._work.result()
            self._scoring.metrics.saw_degraded(self._degraded)
            yield _line({"degraded": sorted(self._degraded)})
        except Exception as error:  # noqa: BLE001 - the answer has begun: what broke can only be told as its last line
            _log.exception("a stream broke off")
            told = f"an internal error ({type(error).__name__}); the log has it. The lines before are right; send the other groups again"
            yield _line({"error": {"title": "Internal Server Error", "status": 500, "detail": told}})
        self._scoring.metrics.seconds.labels(PATH).observe(time.perf_counter() - self._began)

    async def _score_all(self, lookup: Lookup) -> None:
        groups = self._order.groups
        late = [i for i in range(len(groups)) if lookup.under_way_for(i)]
        known = [i for i in range(len(groups)) if not lookup.under_way_for(i)]
        # What the engine scores itself comes back piece by piece.
        piece = _PIECE if self._scoring.scorer.takes_long(self._order.recipe) else len(groups)
        async with asyncio.TaskGroup() as tasks:
            for i in late:
                tasks.create_task(self._score([i], lookup))
            for start in range(0, len(known), piece):
                tasks.create_task(self._score(known[start : start + piece], lookup))

    async def _score(self, indices: Sequence[int], whole: Lookup) -> None:
        """These groups, once their key steps are known, or the deadline has passed."""
        groups, lookup = [self._order.groups[i] for i in indices], whole.only(indices)
        await waiting.settled(lookup.under_way, deadline=self._deadline)
        try:
            submitted = await self._scoring.submit(
                groups, lookup, self._order.recipe, evidence=self._order.evidence, deadline=self._deadline, small=len(groups) == 1
            )
        except TimeoutError:
            self._give_none(groups)
            return
        self._degraded.update(submitted.degraded)
        loop = asyncio.get_running_loop()
        for future in submitted.groups:
            future.add_done_callback(lambda done: loop.call_soon_threadsafe(self._finished.put_nowait, done.result()))
        try:
            await waiting.settled(submitted.groups)
        except asyncio.CancelledError:
            self._scoring.scorer.drop(submitted)
            raise

    def _give_none(self, groups: Sequence[Group]) -> None:
        for group in groups:
            self._finished.put_nowait(none_of(group, Reason.DEADLINE))


def _line(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
