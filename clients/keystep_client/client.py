"""The two clients: one for threads, one for event loops. Both do the calls of calls.py; only the sending differs.

    with Client("http://127.0.0.1:8000") as client:
        result = client.score(groups)

Connections are pooled. 429, 503 and lost connections are tried again, with jitter and as Retry-After says: scoring is a
pure function of what is sent, so sending twice does no harm.
"""

from __future__ import annotations

import inspect
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

import httpx2
import stamina
from pydantic import BaseModel

from keystep_client import calls
from keystep_client.calls import Call
from keystep_client.errors import BusyError, ProtocolError, UnreachableError

P = ParamSpec("P")
T = TypeVar("T", bound=BaseModel)
M = TypeVar("M", bound=Callable[..., Any])

# A service that asks for more patience than this (seconds) is an error, not a wait.
_LONGEST_WAIT = 60.0
_JITTER = 1.0


class _Base:
    """What both clients are told, and how they take a failure."""

    def __init__(self, url: str, *, timeout: float = 600.0, retries: int = 10, connections: int = 64) -> None:
        """url: the root of the service. timeout: seconds one answer may take. retries: tries after the first. connections: at once."""
        if not _is_url(url):
            raise ValueError(f"{url!r} is not the URL of a service; give it like http://127.0.0.1:8000")
        self.url = url.rstrip("/")
        self._timeout = timeout
        self._attempts = retries + 1
        self._options: dict[str, Any] = {
            "base_url": self.url,
            "headers": {"content-type": "application/json"},
            # No limit on waiting for a pooled connection: the caller asked for more calls than connections.
            "timeout": httpx2.Timeout(timeout, connect=min(timeout, 10.0), pool=None),
            "limits": httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        }

    def _retrying(self) -> Any:
        return stamina.retry_context(on=_again, attempts=self._attempts, timeout=None)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Errors of the transport in the client's own words."""
        try:
            yield
        except (httpx2.ReadTimeout, httpx2.WriteTimeout) as error:
            raise UnreachableError(
                f"{self.url} gave no answer within {self._timeout:g} s; raise timeout, send less at once or set deadline_ms", lost=False
            ) from error
        except httpx2.TransportError as error:
            raise UnreachableError(f"{self.url} cannot be reached ({error}); is the service running there?", lost=True) from error
        except httpx2.RequestError as error:
            raise ProtocolError(f"{self.url} answered what cannot be read ({error}); check the URL") from error


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


def _as_method(method: M, build: Callable[..., Any]) -> M:
    """Name, help and signature of the call, with self before it: what help() and an editor show."""
    signature = inspect.signature(build)
    me = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    for name, value in {
        "__name__": build.__name__,
        "__qualname__": build.__qualname__,
        "__doc__": build.__doc__,
        "__signature__": signature.replace(parameters=[me, *signature.parameters.values()]),
    }.items():
        setattr(method, name, value)
    return method


class Client(_Base):
    """For threads; one may be shared by many. Close it, or use it in a `with`."""

    def __init__(self, url: str, *, timeout: float = 600.0, retries: int = 10, connections: int = 64) -> None:
        super().__init__(url, timeout=timeout, retries=retries, connections=connections)
        self._http = httpx2.Client(**self._options)

    score = _sync(calls.score)
    verify = _sync(calls.verify)
    key_steps = _sync(calls.key_steps)
    recipes = _sync(calls.recipes)

    def send(self, call: Call[T]) -> T:
        for attempt in self._retrying():
            with attempt, self._failures():
                answer = self._http.request(call.method, call.path, content=call.body)
                return call.read(answer.status_code, answer.headers, answer.content)
        raise AssertionError("stamina raises the last error itself")

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class AsyncClient(_Base):
    """For one event loop. Close it, or use it in an `async with`."""

    def __init__(self, url: str, *, timeout: float = 600.0, retries: int = 10, connections: int = 64) -> None:
        super().__init__(url, timeout=timeout, retries=retries, connections=connections)
        self._http = httpx2.AsyncClient(**self._options)

    score = _async(calls.score)
    verify = _async(calls.verify)
    key_steps = _async(calls.key_steps)
    recipes = _async(calls.recipes)

    async def send(self, call: Call[T]) -> T:
        retrying: AsyncIterator[stamina.Attempt] = self._retrying()
        async for attempt in retrying:
            with attempt, self._failures():
                answer = await self._http.request(call.method, call.path, content=call.body)
                return call.read(answer.status_code, answer.headers, answer.content)
        raise AssertionError("stamina raises the last error itself")

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.close()
