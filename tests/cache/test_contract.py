"""One contract for every cache: memory, SQLite, a real Redis, and a real Redis Cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from keystep.cache.memory import MemoryCache
from keystep.cache.redis import RedisCache
from keystep.cache.sqlite import SqliteCache
from keystep.ports import Cache


@pytest.fixture(params=["memory", "sqlite", "redis", "cluster"])
def cache(request, tmp_path) -> Iterator[Cache]:
    if request.param == "memory":
        it: Cache = MemoryCache(10_000)
    elif request.param == "sqlite":
        it = SqliteCache(tmp_path / "c.sqlite3")
    else:
        it = RedisCache(request.getfixturevalue(f"{request.param}_url"), ttl=3600)
        it._link.use(lambda r: r.flushall())
    yield it
    it.close()


def test_what_is_put_is_got(cache):
    cache.put_many({f"k{i}": f"v{i}" for i in range(1500)})
    assert cache.get_many(["k1", "absent", "k1499"]) == {"k1": "v1", "k1499": "v1499"}
    assert len(cache.get_many([f"k{i}" for i in range(1500)])) == 1500
    cache.put_many({"k1": "new ½ 각도\n"})
    assert cache.get_many(["k1", "k1"]) == {"k1": "new ½ 각도\n"}


def test_nothing_is_asked_or_put(cache):
    cache.put_many({})
    assert cache.get_many([]) == {}
    assert cache.claim([], "me", seconds=1) == set()
    cache.release([], "me")


def test_what_expires_is_gone(cache):
    cache.put_many({"brief": "x"}, seconds=0.2)
    cache.put_many({"long": "x"}, seconds=60)
    assert cache.get_many(["brief", "long"]) == {"brief": "x", "long": "x"}
    time.sleep(0.3)
    assert cache.get_many(["brief", "long"]) == {"long": "x"}
    cache.put_many({"brief": "y"})
    assert cache.get_many(["brief"]) == {"brief": "y"}


def test_a_lease_is_held_by_one_until_it_is_released_or_runs_out(cache):
    assert cache.claim(["a", "b"], "me", seconds=60) == {"a", "b"}
    assert cache.claim(["a", "b", "c"], "you", seconds=60) == {"c"}
    assert cache.claim(["a"], "me", seconds=60) == {"a"}  # renewed
    cache.release(["a", "b"], "you")  # not yours to give up
    assert cache.claim(["a"], "you", seconds=60) == set()
    cache.release(["a"], "me")
    assert cache.claim(["a"], "you", seconds=0.2) == {"a"}
    time.sleep(0.3)
    assert cache.claim(["a", "b"], "me", seconds=60) == {"a", "b"}
    assert cache.get_many(["a", "b", "c"]) == {}  # leases are not entries


def test_a_renewed_lease_lives_on(cache):
    for _ in range(5):
        assert cache.claim(["a"], "me", seconds=0.4) == {"a"}
        time.sleep(0.15)
    assert cache.claim(["a"], "you", seconds=1) == set()


def test_of_many_who_claim_at_once_one_holds(cache):
    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(lambda i: cache.claim([f"k{j}" for j in range(50)], f"owner {i}", seconds=60), range(8)))
    assert sorted(key for keys in held for key in keys) == sorted(f"k{j}" for j in range(50))


def test_memory_keeps_the_most_recently_used():
    cache = MemoryCache(2)
    cache.put_many({"a": "1", "b": "2"})
    cache.get_many(["a"])
    cache.put_many({"c": "3"})
    assert cache.get_many(["a", "b", "c"]) == {"a": "1", "c": "3"}
