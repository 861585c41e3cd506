"""From the calls of calls.py to the methods of both clients: each call is written once, and looks in help() as if written twice."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from pydantic import BaseModel

from keystep_client.calls import Call, Work
from keystep_client.models import ScoredGroup, ScoreResult
from keystep_client.stream import Stream

if TYPE_CHECKING:
    from keystep_client.client import AsyncClient, Client

P = ParamSpec("P")
T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")
M = TypeVar("M", bound=Callable[..., Any])


def sync_call(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], T]:
    def method(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return client.send(build(*args, **kwargs))

    return _as_method(method, build)


def async_call(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    async def method(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await client.send(build(*args, **kwargs))

    return _as_method(method, build)


def sync_work(build: Callable[P, Work[R]]) -> Callable[Concatenate[Client, P], R]:
    def method(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return client.run(build(*args, **kwargs))

    return _as_method(method, build)


def async_work(build: Callable[P, Work[R]]) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, R]]:
    async def method(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> R:
        return await client.run(build(*args, **kwargs))

    return _as_method(method, build)


def sync_stream(build: Callable[P, Call[ScoreResult]]) -> Callable[Concatenate[Client, P], Iterator[ScoredGroup]]:
    def stream(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[ScoredGroup]:
        """As score, a group at a time and in whatever order they finish; what a broken connection has brought is not asked for again."""
        return client.groups(Stream(build(*args, **kwargs)))

    return _as_method(stream, build, told=stream)


def async_stream(build: Callable[P, Call[ScoreResult]]) -> Callable[Concatenate[AsyncClient, P], AsyncIterator[ScoredGroup]]:
    def stream(client: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[ScoredGroup]:
        """As score, a group at a time and in whatever order they finish; what a broken connection has brought is not asked for again."""
        return client.groups(Stream(build(*args, **kwargs)))

    return _as_method(stream, build, told=stream)


def sync_background(build: Callable[P, Call[T]]) -> Callable[Concatenate[Client, P], Future[T]]:
    def submit(client: Client, /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As score, in the background: a future of its result, so that scoring goes on while the next rollouts are sampled."""
        return client.start(build(*args, **kwargs))

    return _as_method(submit, build, told=submit)


def async_background(build: Callable[P, Call[T]]) -> Callable[Concatenate[AsyncClient, P], asyncio.Task[T]]:
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
