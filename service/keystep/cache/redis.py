"""The shared cache: Redis, pipelined. Values are strings under content addresses; leases stand beside them as 'lease:<key>'.

After a failure the circuit stays open for a moment: calls fail at once instead of each waiting for a time-out, and the first
call after that tries again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import redis
from redis.exceptions import RedisError

from keystep.errors import CacheError

T = TypeVar("T")

_LEASE = "lease:"
# Deletes a lease only while it is still the owner's.
_RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"


class RedisCache:
    """url: redis://, rediss:// (TLS) or unix://, as redis-py reads it. timeout, rest: seconds. ttl: seconds entries are kept."""

    def __init__(self, url: str, *, ttl: float, timeout: float = 0.5, rest: float = 2.0) -> None:
        try:
            self._redis: Any = redis.Redis.from_url(url, decode_responses=True, socket_timeout=timeout, socket_connect_timeout=timeout)
        except ValueError as error:
            raise CacheError(f"KEYSTEP_REDIS_URL cannot be read: {error}") from error
        self._ttl = ttl
        self._rest = rest
        self._closed_until = 0.0

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        values = self._try(lambda: self._redis.mget(keys)) if keys else []
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    def put_many(self, items: Mapping[str, str], *, seconds: float | None = None) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for key, value in items.items():
            pipe.set(key, value, px=max(1, int(1000 * (self._ttl if seconds is None else seconds))))
        self._try(pipe.execute)

    def claim(self, keys: Sequence[str], owner: str, *, seconds: float) -> set[str]:
        held = self._claim_free(keys, owner, seconds)
        others = [key for key in keys if key not in held]
        if others:
            holders = self._try(lambda: self._redis.mget([_LEASE + key for key in others]))
            mine = [key for key, holder in zip(others, holders, strict=True) if holder == owner]
            held |= self._renew(mine, seconds)
        return held

    def release(self, keys: Sequence[str], owner: str) -> None:
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.eval(_RELEASE, 1, _LEASE + key, owner)
        self._try(pipe.execute)

    def close(self) -> None:
        self._redis.close()

    def _claim_free(self, keys: Sequence[str], owner: str, seconds: float) -> set[str]:
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.set(_LEASE + key, owner, nx=True, px=int(1000 * seconds))
        return {key for key, taken in zip(keys, self._try(pipe.execute), strict=True) if taken}

    def _renew(self, keys: Sequence[str], seconds: float) -> set[str]:
        pipe = self._redis.pipeline(transaction=False)
        for key in keys:
            pipe.pexpire(_LEASE + key, int(1000 * seconds))
        return {key for key, renewed in zip(keys, self._try(pipe.execute), strict=True) if renewed}

    def _try(self, call: Callable[[], T]) -> T:
        if time.monotonic() < self._closed_until:
            raise CacheError("Redis failed a moment ago; not asked again yet")
        try:
            return call()
        except (RedisError, OSError, UnicodeDecodeError) as error:
            self._closed_until = time.monotonic() + self._rest
            raise CacheError(f"Redis: {type(error).__name__}: {error}") from error
