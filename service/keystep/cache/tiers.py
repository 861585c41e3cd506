"""Memory over a shared or durable cache, for callers who must go on when that one fails.

Nothing here raises: a failure is logged, adds 'cache' to the caller's `degraded`, and reads as "not there".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from keystep.cache.circuit import NotAskedError
from keystep.cache.memory import MemoryCache
from keystep.errors import CacheError
from keystep.ports import Cache

_log = logging.getLogger(__name__)
T = TypeVar("T")
DEGRADED = "cache"


class TieredCache:
    """memory: the first tier. backing: the second; None for memory alone, which then also keeps the leases."""

    def __init__(self, memory: MemoryCache, backing: Cache | None = None) -> None:
        self._memory = memory
        self._backing = backing

    def get_many(self, keys: Sequence[str], degraded: set[str]) -> dict[str, str]:
        found = self._memory.get_many(keys)
        missing = [key for key in keys if key not in found]
        if missing and self._backing is not None:
            backing = self._backing
            # Not put into memory here: an entry's remaining time is not known. Whoever decodes it does, with keep().
            nothing: dict[str, str] = {}
            found |= self._try(lambda: backing.get_many(missing), nothing, degraded)
        return found

    def keep(self, items: Mapping[str, str]) -> None:
        """Into memory alone: what was read from the second tier and found good."""
        self._memory.put_many(items)

    def put_many(self, items: Mapping[str, str], degraded: set[str], *, seconds: float | None = None) -> None:
        self._memory.put_many(items, seconds=seconds)
        if self._backing is not None:
            backing = self._backing
            self._try(lambda: backing.put_many(items, seconds=seconds), None, degraded)

    def claim(self, keys: Sequence[str], owner: str, degraded: set[str], *, seconds: float) -> set[str]:
        """What owner may work on. A cache that fails leases everything: better twice than never."""
        leases = self._backing or self._memory
        return self._try(lambda: leases.claim(keys, owner, seconds=seconds), set(keys), degraded)

    def release(self, keys: Sequence[str], owner: str, degraded: set[str]) -> None:
        leases = self._backing or self._memory
        self._try(lambda: leases.release(keys, owner), None, degraded)

    def close(self) -> None:
        self._memory.close()
        if self._backing is not None:
            self._backing.close()

    def _try(self, call: Callable[[], T], otherwise: T, degraded: set[str]) -> T:
        try:
            return call()
        except CacheError as error:
            if DEGRADED not in degraded and not isinstance(error, NotAskedError):
                _log.warning("%s", error)
            degraded.add(DEGRADED)
            return otherwise
