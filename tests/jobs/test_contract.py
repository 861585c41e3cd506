"""One contract for every store of jobs: SQLite, a real Redis, and a real Redis Cluster."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from keystep.errors import JobStoreError, OverloadedError
from keystep.jobs.redis import RedisJobs
from keystep.jobs.sqlite import SqliteJobs
from keystep.jobs.store import Counts, JobStore, NewJob, State

ROOM = 1 << 20


@pytest.fixture(params=["sqlite", "redis", "cluster"])
def store(request, tmp_path) -> Iterator[JobStore]:
    if request.param == "sqlite":
        it: JobStore = SqliteJobs(tmp_path / "j.sqlite3")
    else:
        it = RedisJobs(request.getfixturevalue(f"{request.param}_url"), timeout=5)
        it._link.use(lambda r: r.flushall())
    yield it
    it.close()


def job(id_: str, groups: int = 3, *, key: str | None = None, chunk: int = 2, fingerprint: str = "f") -> NewJob:
    return NewJob(id_, key, fingerprint, '{"about": 1}', [f'{{"id": "½{i}"}}' for i in range(groups)], chunk)


def finish(store: JobStore, *, keep: float = 60) -> list[str]:
    """Does all there is; the jobs, in the order they were served."""
    served = []
    while (work := store.claim(lease=60)) is not None:
        served.append(work.job)
        store.keep(work, {at: f'"{at}"' for at in work.groups}, [], keep=keep)
    return served


def test_from_handed_in_to_done(store):
    handed = store.submit(job("a", 12), room=ROOM)
    assert (handed.state, handed.groups, handed.done, handed.about, handed.expires) == (State.QUEUED, 12, 0, '{"about": 1}', None)
    assert abs(handed.created - time.time()) < 5
    work = store.claim(lease=60)
    assert (work.job, work.about, work.groups, work.tries) == ("a", '{"about": 1}', {0: '{"id": "½0"}', 1: '{"id": "½1"}'}, 0)
    assert 0 <= work.age < 5
    store.keep(work, {0: '"zero"', 1: '"one"'}, ["cache"], keep=60)
    under_way = store.get("a")
    assert (under_way.state, under_way.done, under_way.degraded) == (State.RUNNING, 2, ("cache",))
    finish(store)
    done = store.get("a")
    assert (done.state, done.done, done.degraded) == (State.DONE, 12, ("cache",))
    assert 50 < done.expires - time.time() < 70
    assert store.results(store.get("a")) == ['"zero"', '"one"', *(f'"{i}"' for i in range(2, 12))]
    assert store.claim(lease=60) is None


def test_how_many_stand_where(store):
    assert store.counts() == Counts(queued=0, running=0, ended=0)
    for id_ in "abcd":
        store.submit(job(id_, 1), room=ROOM)
    store.cancel("a", keep=60)
    store.cancel("b", keep=0)  # forgotten at once
    work = store.claim(lease=60)
    assert store.counts() == Counts(queued=1, running=1, ended=1)
    store.hand_back(work)
    assert store.counts() == Counts(queued=1, running=1, ended=1)
    finish(store)
    assert store.counts() == Counts(queued=0, running=0, ended=3)


def test_what_nobody_knows(store):
    assert store.get("x") is None
    assert store.cancel("x", keep=60) is None
    assert store.claim(lease=60) is None


def test_a_key_names_one_job(store):
    store.submit(job("a", key="k", fingerprint="one"), room=ROOM)
    again = store.submit(job("b", key="k", fingerprint="two"), room=ROOM)
    assert (again.id, again.fingerprint) == ("a", "one")
    assert store.submit(job("a"), room=ROOM).id == "a"  # the same message, sent twice by a connection that broke
    assert store.submit(job("c", key="other"), room=ROOM).id == "c"
    assert store.get("b") is None
    finish(store)
    assert store.submit(job("d", key="k"), room=ROOM).id == "a"


def test_of_many_who_claim_at_once_each_group_goes_to_one(store):
    store.submit(job("a", 100), room=ROOM)
    with ThreadPoolExecutor(8) as pool:
        works = list(pool.map(lambda _: store.claim(lease=60), range(50)))
    assert sorted(at for work in works for at in work.groups) == list(range(100))
    assert store.claim(lease=60) is None


def test_a_lease_that_runs_out_frees_its_groups_one_at_a_time(store):
    store.submit(job("a", 2), room=ROOM)
    first = store.claim(lease=0.2)
    assert (len(first.groups), store.claim(lease=60)) == (2, None)
    time.sleep(0.3)
    one, other = store.claim(lease=60), store.claim(lease=60)
    assert [one.tries, other.tries] == [1, 1]
    assert sorted([*one.groups, *other.groups]) == [0, 1]
    assert store.claim(lease=60) is None


def test_a_lease_that_is_renewed_lives_on(store):
    store.submit(job("a", 2), room=ROOM)
    work = store.claim(lease=0.4)
    for _ in range(5):
        time.sleep(0.15)
        assert store.renew(work, lease=0.4)
    assert store.claim(lease=60) is None


def test_what_is_handed_back_was_never_begun(store):
    store.submit(job("a", 2), room=ROOM)
    store.hand_back(store.claim(lease=60), why="nobody can")
    assert store.get("a").waits == "nobody can"
    assert store.claim(lease=60, passing=["a"]) is None
    again = store.claim(lease=60)
    assert (len(again.groups), again.tries, store.get("a").waits) == (2, 0, None)


def test_whoever_is_first_has_the_result(store):
    store.submit(job("a", 2), room=ROOM)
    slow = store.claim(lease=0.1)
    time.sleep(0.2)
    quick = [store.claim(lease=60), store.claim(lease=60)]
    for work in quick:
        store.keep(work, dict.fromkeys(work.groups, '"quick"'), [], keep=60)
    store.keep(slow, dict.fromkeys(slow.groups, '"slow"'), [], keep=60)
    store.hand_back(slow)
    store.renew(slow, lease=60)
    assert (store.results(store.get("a")), store.get("a").state, store.claim(lease=60)) == (['"quick"'] * 2, State.DONE, None)


def test_jobs_take_turns(store):
    for name in "abc":
        store.submit(job(name, 6), room=ROOM)
        time.sleep(0.005)
    served = []
    while (work := store.claim(lease=60)) is not None:
        served.append(work.job)
        time.sleep(0.005)
    assert served == list("abcabcabc")


def test_cancelled_is_over(store):
    store.submit(job("a", 4, key="k"), room=ROOM)
    work = store.claim(lease=60)
    cancelled = store.cancel("a", keep=60)
    assert (cancelled.state, cancelled.done) == (State.CANCELLED, 0)
    store.keep(work, {0: "1", 1: "1"}, [], keep=60)
    store.hand_back(work)
    assert not store.renew(work, lease=1)
    assert store.claim(lease=60) is None
    assert store.get("a") == cancelled
    assert store.cancel("a", keep=1000) == cancelled
    assert store.submit(job("b", key="k"), room=ROOM).id == "a"


def test_done_cannot_be_cancelled(store):
    store.submit(job("a"), room=ROOM)
    finish(store)
    assert store.cancel("a", keep=60).state == State.DONE
    assert len(store.results(store.get("a"))) == 3


def test_what_has_ended_is_forgotten_in_time(store):
    store.submit(job("a", key="k"), room=ROOM)
    store.submit(job("b"), room=ROOM)
    finish(store, keep=0.2)
    ended = store.get("a")
    assert ended.state == State.DONE
    time.sleep(0.3)
    assert store.get("a") is None
    assert store.submit(job("c", key="k"), room=ROOM).id == "c"
    with pytest.raises(JobStoreError):
        store.results(ended)


def test_there_is_room_for_so_much(store):
    size = job("a", 10).size
    store.submit(job("a", 10), room=2 * size)
    store.submit(job("b", 10), room=2 * size)
    with pytest.raises(OverloadedError, match="KEYSTEP_JOBS_MAX_MIB"):
        store.submit(job("c", 10), room=2 * size)
    assert store.get("c") is None
    store.cancel("a", keep=60)
    store.submit(job("c", 10), room=2 * size)
    finish(store, keep=0.1)
    time.sleep(0.2)
    for name in "de":
        store.submit(job(name, 10), room=2 * size)


def test_nothing_is_left_behind(store):
    if isinstance(store, SqliteJobs):
        left = lambda: store._db.all("SELECT (SELECT count(*) FROM todo) + (SELECT count(*) FROM results)")[0][0]
    else:
        left = lambda: len([k for k in store._link.use(lambda r: r.keys("*")) if not k.endswith(("}:size", "}:e"))])
    for name in "abc":
        store.submit(job(name, key=name), room=ROOM)
    store.cancel("b", keep=0.1)
    finish(store, keep=0.1)
    time.sleep(0.2)
    store.submit(job("e", 0), room=ROOM)
    store.claim(lease=1)
    assert left() == 0
    if isinstance(store, RedisJobs):
        assert int(store._link.use(lambda r: r.get("keystep:{jobs}:size"))) == job("e", 0).size


def test_a_large_job(store):
    large = NewJob("a", None, "f", "{}", [f'"{i}{"x" * 200}"' for i in range(16_384)], 8)
    store.submit(large, room=1 << 30)
    assert len(store.claim(lease=60).groups) == 8
    assert store.get("a").groups == 16_384
