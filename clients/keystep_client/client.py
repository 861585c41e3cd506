"""The two clients: one for threads, one for event loops. Both do the calls of calls.py; only the sending differs.

    with Client("http://127.0.0.1:8000") as client:
        result = client.score(groups)

Connections are pooled. 429, 502, 503 and lost connections are tried again, with jitter and as Retry-After says: scoring is
a pure function of what is sent, so sending twice does no harm. With several URLs each try goes to the next.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import math
import random
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar

import httpx2
import stamina
from pydantic import BaseModel

from keystep_client import calls
from keystep_client.calls import Call
from keystep_client.errors import BusyError, ProtocolError, TooLargeError, UnreachableError
from keystep_client.gate import Gate

P = ParamSpec("P")
T = TypeVar("T", bound=BaseModel)
H = TypeVar("H", httpx2.Client, httpx2.AsyncClient)
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
        timeout = self._timeout if call.deadline is None else min(self._timeout, max(0.0, call.deadline - spent) + _DEADLINE_GRACE)
        return self._http.build_request(call.method, url + call.path, content=call.body(spent), timeout=self._times(timeout))

    def _times(self, answer: float) -> httpx2.Timeout:
        # No limit on waiting for a pooled connection: the caller asked for more calls than connections.
        return httpx2.Timeout(answer, connect=min(answer, _CONNECT_SECONDS), pool=None)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Errors of the transport in the client's own words."""
        where = " and ".join(self.urls)
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


def _sync(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    def method(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client.send(build(*args, **kwargs))

    return _as_method(method, build)


def _async(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    async def method(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client.send(build(*args, **kwargs))

    return _as_method(method, build)


def _background(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], Future[T]]:
    def submit(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As score, in the background: a future of its result, so that scoring goes on while the next rollouts are sampled."""
        return client.start(build(*args, **kwargs))

    return _as_method(submit, build, told=submit)


def _task(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], asyncio.Task[T]]:
    def submit(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> asyncio.Task[T]:
        """As score, in the background: a task with its result, so that scoring goes on while the next rollouts are sampled."""
        return client.start(build(*args, **kwargs))

    return _as_method(submit, build, told=submit)


def _as_method(method: M, build: Callable[..., Any], *, told: Callable[..., Any] | None = None) -> M:
    """The signature of the call, with self before it, and its name and help, or another's: what help() and an editor show."""
    told = told or build
    signature = inspect.signature(build)
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    for name, value in {
        "__name__": told.__name__,
        "__qualname__": told.__name__,
        "__doc__": told.__doc__,
        "__signature__": signature.replace(parameters=[me, *signature.parameters.values()]),
    }.items():
        setattr(method, name, value)
    return method


class Client(_Base[httpx2.Client]):
    """For threads; one may be shared by many. Close it, or use it in a `with`."""

    def _open(self, **options: Any) -> httpx2.Client:
        self._threads = ThreadPoolExecutor(self._connections, thread_name_prefix="keystep-client")
        http = httpx2.Client(**options)
        # A client that is forgotten instead of closed, as in a trainer's reward file, still gives its connections up.
        weakref.finalize(self, http.close)
        return http

    score = _sync(calls.score)
    submit = _background(calls.score)
    verify = _sync(calls.verify)
    key_steps = _sync(calls.key_steps)
    recipes = _sync(calls.recipes)

    def send(self, call: Call[T]) -> T:
        """The result of a call, in as many requests as it takes."""
        began = time.monotonic()
        work = calls.exchange(call, self._inflight)
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
            result: T = done.value
            return result

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

    score = _async(calls.score)
    submit = _task(calls.score)
    verify = _async(calls.verify)
    key_steps = _async(calls.key_steps)
    recipes = _async(calls.recipes)

    async def send(self, call: Call[T]) -> T:
        """The result of a call, in as many requests as it takes."""
        began = time.monotonic()
        work = calls.exchange(call, self._inflight)
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
            result: T = done.value
            return result

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
