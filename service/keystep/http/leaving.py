"""A client that closes its connection before it has its answer: nobody waits for that work any more, and it is given up."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

T = TypeVar("T")


async def unless_gone(request: Request, work: Awaitable[T]) -> T:
    """What work returns. It is cancelled where the client goes first, and that is raised as ClientDisconnect.
    The request's body has been read."""
    mine = asyncio.current_task()
    assert mine is not None
    gone = False

    async def watch() -> None:
        nonlocal gone
        # Nothing else comes after a body.
        while (await request.receive())["type"] != "http.disconnect":
            pass
        gone = True
        mine.cancel()

    watcher = asyncio.create_task(watch())
    try:
        return await work
    except asyncio.CancelledError:
        if not gone:
            raise
        mine.uncancel()
        raise ClientDisconnect from None
    finally:
        watcher.cancel()
