"""Waiting on the event loop for what threads and processes do, no longer than until a deadline (time.monotonic())."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock, get_ident
from typing import Any, TypeVar

T = TypeVar("T")


async def on(threads: ThreadPoolExecutor, work: Callable[[], T], *, deadline: float | None = None) -> T:
    """What work returns. Raises TimeoutError at the deadline; work that has begun goes on by itself."""
    return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(threads, work), seconds_left(deadline))


async def settled(futures: Sequence[Future[Any]], *, deadline: float | None = None) -> bool:
    """Returns once all are done, or at the deadline; whether they are. One wake-up of the loop, however many futures."""
    left = [future for future in futures if not future.done()]
    if not left:
        return True
    loop = asyncio.get_running_loop()
    home = get_ident()
    all_done = loop.create_future()
    waiting = len(left)
    lock = Lock()

    def wake() -> None:
        if not all_done.done():  # nor given up
            all_done.set_result(None)

    def one_less(_: Future[Any]) -> None:
        nonlocal waiting
        with lock:
            waiting -= 1
            last = waiting == 0
        if not last or loop.is_closed():
            return
        # What the scoring processes report is read on the loop itself: to wake it would cost it two calls of the system.
        if get_ident() == home:
            wake()
        else:
            loop.call_soon_threadsafe(wake)

    for future in left:
        future.add_done_callback(one_less)
    try:
        await asyncio.wait_for(all_done, seconds_left(deadline))
    except TimeoutError:
        return all(future.done() for future in left)
    return True


def seconds_left(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
