"""Waiting on the event loop for what threads and processes do, no longer than until a deadline (time.monotonic())."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

T = TypeVar("T")


async def on(threads: ThreadPoolExecutor, work: Callable[[], T], *, deadline: float | None = None) -> T:
    """What work returns. Raises TimeoutError at the deadline; work that has begun goes on by itself."""
    return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(threads, work), seconds_left(deadline))


async def settled(futures: Sequence[Future[Any]], *, deadline: float | None = None) -> bool:
    """Returns once all are done, or at the deadline; whether they are. One wake-up of the loop, however many futures."""
    if not futures:
        return True
    loop = asyncio.get_running_loop()
    all_done = asyncio.Event()
    left = len(futures)
    lock = Lock()

    def one_less(_: Future[Any]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last and not loop.is_closed():
            loop.call_soon_threadsafe(all_done.set)

    for future in futures:
        future.add_done_callback(one_less)
    try:
        await asyncio.wait_for(all_done.wait(), seconds_left(deadline))
    except TimeoutError:
        return all(future.done() for future in futures)
    return True


def seconds_left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
