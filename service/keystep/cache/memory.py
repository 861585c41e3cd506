"""A bounded LRU in this process: the first tier before any other cache."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from threading import Lock


class MemoryCache:
    """Keeps the most recently used entries. capacity: how many."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._lock = Lock()
        self._entries: OrderedDict[str, tuple[str, float]] = OrderedDict()  # value, time.monotonic() of expiry
        self._leases: dict[str, tuple[str, float]] = {}  # owner, expiry

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        now = time.monotonic()
        found: dict[str, str] = {}
        with self._lock:
            for key in keys:
                entry = self._entries.get(key)
                if entry is not None and entry[1] > now:
                    self._entries.move_to_end(key)
                    found[key] = entry[0]
        return found

    def put_many(self, items: Mapping[str, str], *, seconds: float | None = None) -> None:
        expiry = math.inf if seconds is None else time.monotonic() + seconds
        with self._lock:
            for key, value in items.items():
                self._entries[key] = (value, expiry)
                self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    def claim(self, keys: Sequence[str], owner: str, *, seconds: float) -> set[str]:
        now = time.monotonic()
        held: set[str] = set()
        with self._lock:
            for key in keys:
                holder, expiry = self._leases.get(key, (owner, now))
                if holder == owner or expiry <= now:
                    self._leases[key] = (owner, now + seconds)
                    held.add(key)
        return held

    def release(self, keys: Sequence[str], owner: str) -> None:
        with self._lock:
            for key in keys:
                if self._leases.get(key, ("", 0.0))[0] == owner:
                    del self._leases[key]

    def close(self) -> None:
        with self._lock:
            self._entries.clear()
            self._leases.clear()
