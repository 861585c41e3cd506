"""Keeps a failing server from costing every caller a time-out.

    closed    calls go through
    open      for `rest` seconds after a failure: calls fail at once
    probing   then one call goes through, while others still fail at once; it closes the circuit, or opens it again

What the server refuses (out of memory, wrong type) is an answer: that call fails, and the circuit stays as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from redis.exceptions import ResponseError

from keystep.errors import CacheError

T = TypeVar("T")


class NotAskedError(CacheError):
    """The circuit is open: that it failed has been told already."""


class Circuit:
    """rest: seconds. Thread-safe."""

    def __init__(self, *, rest: float) -> None:
        self._rest = rest
        self._lock = Lock()
        self._open_until: float | None = None  # time.monotonic(); None while closed

    def call(self, work: Callable[[], T]) -> T:
        """What work returns. Raises CacheError: it failed, or is not tried just now."""
        with self._lock:
            if self._open_until is not None:
                now = time.monotonic()
                if now < self._open_until:
                    raise NotAskedError("Redis failed a moment ago; not asked again yet")
                self._open_until = now + self._rest  # this call is the probe
        try:
            done = work()
        except ResponseError as error:
            self._close()
            raise CacheError(f"Redis refuses: {error}") from error
        except Exception as error:
            # Whatever redis-py makes of bytes that are no Redis protocol (ValueError, IndexError, ...) is that server's failure.
            with self._lock:
                self._open_until = time.monotonic() + self._rest
            raise CacheError(f"Redis: {type(error).__name__}: {error}") from error
        self._close()
        return done

    def _close(self) -> None:
        with self._lock:
            self._open_until = None
