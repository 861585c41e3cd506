"""What a request is called, how it ends, and where its time goes: measured once, told in its Server-Timing header, in figures and in
spans.

Whoever finishes a stage of a request says mark("parse"). Where nobody observes (a job, a test), that does nothing.
"""

from __future__ import annotations

import re
import secrets
import time
from contextvars import ContextVar
from itertools import count

from opentelemetry import trace
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars

from keystep.metrics import Metrics

HEADER = "x-request-id"
_RAW_HEADER = HEADER.encode()
# What may stand in a log and in a header as it came.
_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
# Never reset: the server gives every request a task, and so a context, of its own; what answers a defect of ours, outside of all
# middleware, still finds it.
_current: ContextVar[Timeline | None] = ContextVar("keystep_timeline", default=None)
_tracer = trace.get_tracer("keystep")


class Timeline:
    """One request. stages: name, beginning and end, time.perf_counter_ns()."""

    __slots__ = ("_began", "id", "last", "stages")

    def __init__(self, request_id: str) -> None:
        self.id = request_id
        self._began = self.last = time.perf_counter_ns()
        self.stages: list[tuple[str, int, int]] = []

    def mark(self, stage: str) -> None:
        now = time.perf_counter_ns()
        self.stages.append((stage, self.last, now))
        self.last = now

    def server_timing(self) -> str:
        """As the header has it: milliseconds of each stage so far, and in all."""
        told = [f"{stage};dur={(end - begin) / 1e6:.3f}" for stage, begin, end in self.stages]
        return ", ".join((*told, f"total;dur={(time.perf_counter_ns() - self._began) / 1e6:.3f}"))

    def spans(self) -> None:
        """Each stage as a child of the request's span, where that is recorded (OpenTelemetry's own variables decide)."""
        if not trace.get_current_span().is_recording():
            return
        to_clock = time.time_ns() - time.perf_counter_ns()
        for stage, begin, end in self.stages:
            _tracer.start_span(stage, start_time=begin + to_clock).end(end + to_clock)


def mark(stage: str) -> None:
    """This stage of the request that is being answered ends now."""
    timeline = _current.get()
    if timeline is not None:
        timeline.mark(stage)


def request_id() -> str | None:
    """Of the request that is being answered."""
    timeline = _current.get()
    return None if timeline is None else timeline.id


class Observing:
    """ASGI middleware around all others. A request keeps the X-Request-ID it comes with, where that can stand in a log. It is
    counted by route and status; a defect of ours is raised through here, and counts as 500."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics
        # An id of ours is random by process and a number: to draw each would be a call of the system a request.
        self._beginning = secrets.token_hex(8)
        self._numbers = count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = _given_id(scope)
        timeline = Timeline(given if _ID.fullmatch(given) else f"{self._beginning}{next(self._numbers):016x}")
        _current.set(timeline)
        bind_contextvars(request_id=timeline.id)
        status = 500

        async def with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                told = ((HEADER, timeline.id), ("server-timing", timeline.server_timing()))
                message["headers"].extend((name.encode(), value.encode()) for name, value in told)
                # Now: the request's own span ends as soon as the answer is out.
                timeline.spans()
                for stage, begin, end in timeline.stages:
                    self._metrics.saw_stage(stage, (end - begin) / 1e9)
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        finally:
            self._metrics.saw_request(getattr(scope.get("route"), "path", "none"), status)


def _given_id(scope: Scope) -> str:
    return next((value.decode("latin-1") for name, value in scope["headers"] if name == _RAW_HEADER), "")
