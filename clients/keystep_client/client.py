"""The two clients: one for threads, one for event loops. Both do the calls of calls.py; only the sending differs.

    with Client("http://127.0.0.1:8000") as client:
        result = client.score(groups)

Connections are pooled. 429, 502, 503 and lost connections are tried again, with jitter and as Retry-After says: scoring is
a pure function of what is sent, so sending twice does no harm. With several URLs each try goes to the next.
"""

from __future__ import annotations

import asyncio
import itertools
import math
import random
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, aclosing, closing, contextmanager
from types import TracebackType
from typing import Any, Generic, ParamSpec, Self, TypeVar

import httpx2
import stamina
from pydantic import BaseModel

from keystep_client import calls, methods
from keystep_client.calls import Call, Work
from keystep_client.errors import BusyError, ProtocolError, TooLargeError, UnreachableError
from keystep_client.gate import Gate
from keystep_client.models import ScoredGroup
from keystep_client.stream import Stream

P = ParamSpec("P")
T = TypeVar("T", bound=BaseModel)
H = TypeVar("H", httpx2.Client, httpx2.AsyncClient)
R = TypeVar("R")
M = TypeVar("M", bound=Callable[..., Any])

# A service that asks for more patience than this (seconds) is an error, not a wait.
_LONGEST_WAIT = 60.0
_JITTER = 1.0
_CONNECT_SECONDS = 10.0
# Seconds after its deadline by which a service has answered a call, or will not.
_DEADLINE_GRACE = 10.0


class _Base(ABC, Generic[H]):
    """What both clients are told, and how they take a failure."""

    def __init__(
        self,
        url: str | Sequence[str],
        *,
        api_key: str | None = None,
        timeout: float = 600.0,
        retries: int = 10,
        connections: int = 64,
        inflight: int = 8192,
    ) -> None:
        """url: the root of the service, or of each replica. api_key: sent as bearer token. timeout: seconds one answer may take.

        retries: tries after the first. connections: at once, kept for reuse. inflight: rollouts out at once; what is more waits,
        and a call with more goes out in parts.
        """
        self.urls = _urls(url)
        for name, value, least in (("retries", retries, 0), ("connections", connections, 1), ("inflight", inflight, 1)):
            if value < least:
                raise ValueError(f"{name} is {value}; it must be at least {least}")
        self._turn = itertools.count()
        self._timeout = timeout
        self._attempts = retries + 1
        self._connections = connections
        self._inflight = inflight
        self._gate = Gate(inflight)
        self._http: H = self._open(
            headers={"content-type": "application/json"} | ({} if api_key is None else {"authorization": f"Bearer {api_key}"}),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    @abstractmethod
    def _open(self, **options: Any) -> H:
        """The pool of connections, and what else a client keeps."""

    def _retrying(self, call: Call[Any], began: float) -> Any:
        # Past its deadline a call is tried, as the service then answers what there is, but not tried again.
        left = math.inf if call.deadline is None else call.deadline - (time.monotonic() - began)
        untried = iter(self.urls[1:])

        def again(error: Exception) -> bool | float:
            lost = isinstance(error, UnreachableError) and error.lost
            return 0.0 if lost and next(untried, None) else _again(error)

        return stamina.retry_context(on=again, attempts=self._attempts if left > 0 else 1, timeout=left if 0 < left < math.inf else None)

    def _request(self, call: Call[Any], began: float) -> httpx2.Request:
        """The next try of a call, to the next replica. began: the call's own, by time.monotonic()."""
        spent = time.monotonic() - began
        url = self.urls[next(self._turn) % len(self.urls)]
        timeout = (
            self._timeout + call.wait if call.deadline is None else min(self._timeout, max(0.0, call.deadline - spent) + _DEADLINE_GRACE)
        )
        return self._http.build_request(
            call.method, url + call.path, content=call.body(spent), headers=call.headers, timeout=self._times(timeout)
        )

    def _times(self, answer: float) -> httpx2.Timeout:
        # No limit on waiting for a pooled connection: the caller asked for more calls than connections.
        return httpx2.Timeout(answer, connect=min(answer, _CONNECT_SECONDS), pool=None)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Errors of the transport in the client's own words."""
        # Without the key that a URL may hold as its password.
        where = " and ".join(str(httpx2.URL(url).copy_with(userinfo=b"")) for url in self.urls)
        try:
            yield
        except (httpx2.ReadTimeout, httpx2.WriteTimeout) as error:
            raise UnreachableError(
                f"{where} gave no answer within {self._timeout:g} s; raise timeout, send less at once or set deadline_ms", lost=False
            ) from error
        except httpx2.TransportError as error:
            raise UnreachableError(f"{where} cannot be reached ({error}); is the service running there?", lost=True) from error
        except httpx2.RequestError as error:
            raise ProtocolError(f"{where} answered what cannot be read ({error}); check the URL") from error


def _urls(given: str | Sequence[str]) -> list[str]:
    urls = [given] if isinstance(given, str) else list(given)
    if not urls:
        raise ValueError("no URL of a service; give one like http://127.0.0.1:8000")
    for url in urls:
        if not _is_url(url):
            raise ValueError(f"{url!r} is not the URL of a service; give it like http://127.0.0.1:8000")
    return [url.rstrip("/") for url in urls]


def _is_url(url: str) -> bool:
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        return False
    return parsed.scheme in {"http", "https"} and bool(parsed.host)


def _again(error: Exception) -> bool | float:
    """Whether to try again; a number is the seconds to wait."""
    if isinstance(error, BusyError):
        if error.retry_after is None:
            return True
        # Many clients are told the same second: spread them.
        return error.retry_after + random.uniform(0, _JITTER) if error.retry_after <= _LONGEST_WAIT else False  # noqa: S311
    return isinstance(error, UnreachableError) and error.lost


class Client(_Base[httpx2.Client]):
    """For threads; one may be shared by many. Close it, or use it in a `with`."""

    def _open(self, **options: Any) -> httpx2.Client:
        self._threads = ThreadPoolExecutor(self._connections, thread_name_prefix="keystep-client")
        http = httpx2.Client(**options)
        # A client that is forgotten instead of closed, as in a trainer's reward file, still gives its connections up.
        weakref.finalize(self, http.close)
        return http

    score = methods.sync_call(calls.score)
    submit = methods.sync_background(calls.score)
    stream = methods.sync_stream(calls.score)
    submit_job = methods.sync_call(calls.submit_job)
    job = methods.sync_call(calls.job)
    wait_for_job = methods.sync_work(calls.wait_for_job)
    cancel_job = methods.sync_call(calls.cancel_job)
    verify = methods.sync_call(calls.verify)
    key_steps = methods.sync_call(calls.key_steps)
    pairs = methods.sync_call(calls.pairs)
    recipes = methods.sync_call(calls.recipes)

    def send(self, call: Call[T]) -> T:
        """The result of a call, in as many requests as it takes."""
        return self.run(calls.exchange(call, self._inflight))

    def run(self, work: Work[R]) -> R:
        """The result of several calls."""
        began = time.monotonic()
        try:
            part = next(work)
            while True:
                try:
                    answer = self._send_part(part, began)
                except TooLargeError as error:
                    part = work.throw(error)
                else:
                    part = work.send(answer)
        except StopIteration as done:
            result: R = done.value
            return result

    def groups(self, stream: Stream) -> Iterator[ScoredGroup]:
        """The groups of a stream, over as many connections as it takes."""
        began = time.monotonic()
        with self._gate.place(stream.whole.rollouts), ExitStack() as connection:
            while not stream.ended:
                for attempt in self._retrying(stream.whole, began):
                    with attempt, self._failures():
                        group = self._next_group(stream, began, connection)
                if group is not None:
                    yield group

    def _next_group(self, stream: Stream, began: float, connection: ExitStack) -> ScoredGroup | None:
        try:
            if stream.lines is None:
                answer = self._http.send(self._request(stream.rest(), began), stream=True)
                connection.enter_context(closing(answer))
                if answer.status_code != 200:
                    stream.whole.read(answer.status_code, answer.headers, answer.read())
                stream.lines = answer.iter_lines()
            return stream.take(next(stream.lines, None))
        except BaseException:
            stream.lines = None
            connection.close()
            raise

    def _send_part(self, call: Call[T], began: float) -> T:
        with self._gate.place(call.rollouts):
            for attempt in self._retrying(call, began):
                with attempt, self._failures():
                    answer = self._http.send(self._request(call, began))
                    return call.read(answer.status_code, answer.headers, answer.content)
        raise AssertionError("stamina raises the last error itself")

    def start(self, call: Call[T]) -> Future[T]:
        """A future of the result of a call."""
        return self._threads.submit(self.send, call)

    def close(self) -> None:
        """Waits for what was submitted and has begun; cancels the rest."""
        self._threads.shutdown(cancel_futures=True)
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncClient(_Base[httpx2.AsyncClient]):
    """For one event loop. Close it, or use it in an `async with`."""

    def _open(self, **options: Any) -> httpx2.AsyncClient:
        # An event loop keeps no task alive by itself.
        self._tasks: set[asyncio.Task[Any]] = set()
        return httpx2.AsyncClient(**options)

    score = methods.async_call(calls.score)
    submit = methods.async_background(calls.score)
    stream = methods.async_stream(calls.score)
    submit_job = methods.async_call(calls.submit_job)
    job = methods.async_call(calls.job)
    wait_for_job = methods.async_work(calls.wait_for_job)
    cancel_job = methods.async_call(calls.cancel_job)
    verify = methods.async_call(calls.verify)
    key_steps = methods.async_call(calls.key_steps)
    pairs = methods.async_call(calls.pairs)
    recipes = methods.async_call(calls.recipes)

    async def send(self, call: Call[T]) -> T:
        """The result of a call, in as many requests as it takes."""
        return await self.run(calls.exchange(call, self._inflight))

    async def run(self, work: Work[R]) -> R:
        """The result of several calls."""
        began = time.monotonic()
        try:
            part = next(work)
            while True:
                try:
                    answer = await self._send_part(part, began)
                except TooLargeError as error:
                    part = work.throw(error)
                else:
                    part = work.send(answer)
        except StopIteration as done:
            result: R = done.value
            return result

    async def groups(self, stream: Stream) -> AsyncIterator[ScoredGroup]:
        """The groups of a stream, over as many connections as it takes."""
        began = time.monotonic()
        async with self._gate.place_async(stream.whole.rollouts), AsyncExitStack() as connection:
            while not stream.ended:
                retrying: AsyncIterator[stamina.Attempt] = self._retrying(stream.whole, began)
                async for attempt in retrying:
                    with attempt, self._failures():
                        group = await self._next_group(stream, began, connection)
                if group is not None:
                    yield group

    async def _next_group(self, stream: Stream, began: float, connection: AsyncExitStack) -> ScoredGroup | None:
        try:
            if stream.lines is None:
                answer = await self._http.send(self._request(stream.rest(), began), stream=True)
                await connection.enter_async_context(aclosing(answer))
                if answer.status_code != 200:
                    stream.whole.read(answer.status_code, answer.headers, await answer.aread())
                stream.lines = answer.aiter_lines()
            return stream.take(await anext(stream.lines, None))
        except BaseException:
            stream.lines = None
            await connection.aclose()
            raise

    async def _send_part(self, call: Call[T], began: float) -> T:
        async with self._gate.place_async(call.rollouts):
            retrying: AsyncIterator[stamina.Attempt] = self._retrying(call, began)
            async for attempt in retrying:
                with attempt, self._failures():
                    answer = await self._http.send(self._request(call, began))
                    return call.read(answer.status_code, answer.headers, answer.content)
        raise AssertionError("stamina raises the last error itself")

    def start(self, call: Call[T]) -> asyncio.Task[T]:
        """A task with the result of a call."""
        task = asyncio.get_running_loop().create_task(self.send(call))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self) -> None:
        """Cancels what was submitted and is not done."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
