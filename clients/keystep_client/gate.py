"""How many rollouts a client has out at once. One gate for threads and event loops: a place is a future."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager


class Gate:
    """Lets in so many rollouts at once, first come, first served. What is larger than the gate goes in alone."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._inside = 0
        self._waiting: deque[tuple[int, Future[None]]] = deque()

    @contextmanager
    def place(self, rollouts: int) -> Iterator[None]:
        entry = self._enter(rollouts)
        try:
            entry.result()
        except BaseException:
            self._give_up(rollouts, entry)
            raise
        try:
            yield
        finally:
            self._leave(rollouts)

    @asynccontextmanager
    async def place_async(self, rollouts: int) -> AsyncIterator[None]:
        entry = self._enter(rollouts)
        try:
            await asyncio.wrap_future(entry)
        except BaseException:
            self._give_up(rollouts, entry)
            raise
        try:
            yield
        finally:
            self._leave(rollouts)

    def _enter(self, rollouts: int) -> Future[None]:
        """Done as soon as there is room."""
        entry: Future[None] = Future()
        with self._lock:
            self._waiting.append((rollouts, entry))
            self._let_in()
        return entry

    def _give_up(self, rollouts: int, entry: Future[None]) -> None:
        # A future that cannot be cancelled any more has been let in.
        if not entry.cancel():
            self._leave(rollouts)

    def _leave(self, rollouts: int) -> None:
        with self._lock:
            self._inside -= rollouts
            self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            rollouts, entry = self._waiting[0]
            if self._inside and self._inside + rollouts > self._most:
                return
            self._waiting.popleft()
            if entry.set_running_or_notify_cancel():
                self._inside += rollouts
                entry.set_result(None)
