"""The shared cache: Redis, pipelined. Values are strings under content addresses; leases stand beside them as 'lease:<key>'.

Every key is given a time to live, so that any memory policy of Redis may drop it; what is dropped is made again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from redis.cluster import RedisCluster

from keystep.cache.circuit import Circuit
from keystep.cache.connect import Link

T = TypeVar("T")

_LEASE = "lease:"
# One key a script, so that Cluster can send each to its node. A lease without an end, or that is no string, is no lease of ours.
_CLAIM = """
local holder = redis.pcall('GET', KEYS[1])
if type(holder) == 'string' and holder ~= ARGV[1] and redis.call('PTTL', KEYS[1]) >= 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE = "if redis.pcall('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class RedisCache:
    """url: as connect.py says. ttl: seconds entries are kept. timeout: seconds. rest: seconds it is left alone after a failure."""

    def __init__(self, url: str, *, ttl: float, timeout: float = 0.5, rest: float = 2.0) -> None:
        self._link = Link(url, timeout=timeout)
        self._ttl = ttl
        self._circuit = Circuit(rest=rest)

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        if not keys:
            return {}

        def read(redis: Any) -> dict[str, str]:
            values = redis.mget_nonatomic(keys) if isinstance(redis, RedisCluster) else redis.mget(keys)
            found = {key: value for key, value in zip(keys, values, strict=True) if value is not None}
            if not all(isinstance(value, str) for value in found.values()):
                raise TypeError("it answers something that was not asked")
            return found

        return self._try(read)

    def put_many(self, items: Mapping[str, str], *, seconds: float | None = None) -> None:
        lifetime = _milliseconds(self._ttl if seconds is None else seconds)
        self._pipelined([("SET", key, value, "PX", lifetime) for key, value in items.items()])

    def claim(self, keys: Sequence[str], owner: str, *, seconds: float) -> set[str]:
        held = self._pipelined([("EVAL", _CLAIM, 1, _LEASE + key, owner, _milliseconds(seconds)) for key in keys])
        return {key for key, mine in zip(keys, held, strict=True) if mine == 1}

    def release(self, keys: Sequence[str], owner: str) -> None:
        self._pipelined([("EVAL", _RELEASE, 1, _LEASE + key, owner) for key in keys])

    def close(self) -> None:
        self._link.close()

    def _pipelined(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        if not commands:
            return []

        def run(redis: Any) -> list[Any]:
            pipe = redis.pipeline(transaction=False)
            for command in commands:
                pipe.execute_command(*command)
            answers: list[Any] = pipe.execute()
            if len(answers) != len(commands):
                raise TypeError("it answers something that was not asked")
            return answers

        return self._try(run)

    def _try(self, work: Callable[[Any], T]) -> T:
        return self._circuit.call(lambda: self._link.use(work))


def _milliseconds(seconds: float) -> int:
    return max(1, int(1000 * seconds))
