"""The runner over a real store: politeness, defects, replicas that cannot, and handing back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from keystep.errors import JobStoreError
from keystep.jobs import runner as runner_module
from keystep.jobs.runner import MOST_TRIES, CannotDoError, Done, Runner
from keystep.jobs.sqlite import SqliteJobs
from keystep.jobs.store import Counts, NewJob, State, Work


class Doubling:
    """The result of a group is its text, twice. Writes down what it was given and how much at once."""

    def __init__(self, meanwhile: Callable[[Work], None] = lambda _: None) -> None:
        self.meanwhile = meanwhile
        self.seen: list[Work] = []
        self.at_once = 0
        self.most_at_once = 0
        self._lock = threading.Lock()

    def score(self, work: Work, wanted: Callable[[], bool]) -> Done:
        self.wanted = wanted
        with self._lock:
            self.seen.append(work)
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self.meanwhile(work)
        finally:
            with self._lock:
                self.at_once -= 1
        return Done({at: text * 2 for at, text in work.groups.items()}, ["cache"])

    def give_up(self, work: Work) -> Done:
        return Done(dict.fromkeys(work.groups, "given up"))


@pytest.fixture
def store(tmp_path) -> Iterator[SqliteJobs]:
    it = SqliteJobs(tmp_path / "jobs.sqlite3")
    yield it
    it.close()


@pytest.fixture
def running(store) -> Iterator[Callable[..., Runner]]:
    made: list[Runner] = []

    def make(scorer, *, busy=lambda: False, draining=lambda: False, workers=3) -> Runner:
        made.append(Runner(store, scorer, workers=workers, keep=60, busy=busy, draining=draining))
        made[-1].start()
        return made[-1]

    yield make
    for runner in made:
        runner.stop()


def submit(store, name="a", groups=20, chunk=2) -> None:
    store.submit(NewJob(name, None, "f", "{}", [str(i) for i in range(groups)], chunk), room=1 << 20)


def until(condition: Callable[[], object]) -> None:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < 30
        time.sleep(0.01)


def test_jobs_are_done(store, running):
    submit(store)
    runner = running(Doubling())
    until(lambda: store.get("a").state == State.DONE)
    assert store.results(store.get("a")) == [str(i) * 2 for i in range(20)]
    assert store.get("a").degraded == ("cache",)
    until(lambda: runner.groups == {"scored": 20})


def test_a_new_job_is_not_waited_for(store, running, monkeypatch):
    monkeypatch.setattr(runner_module, "_LOOK", 3600)
    runner = running(Doubling())
    time.sleep(0.2)
    submit(store)
    runner.nudge()
    until(lambda: store.get("a").state == State.DONE)
    assert store.results(store.get("a")) == [str(i) * 2 for i in range(20)]


def test_while_requests_are_served_there_is_one_chunk_at_a_time(store, running):
    busy = Doubling(lambda _: time.sleep(0.03))
    submit(store, "a")
    running(busy, busy=lambda: True)
    until(lambda: store.get("a").state == State.DONE)
    assert busy.most_at_once == 1
    idle = Doubling(lambda _: time.sleep(0.03))
    submit(store, "b")
    running(idle)
    until(lambda: store.get("b").state == State.DONE)
    assert idle.most_at_once > 1


def test_a_group_that_nobody_survives_is_given_up_and_it_alone(store, running, monkeypatch):
    monkeypatch.setattr(runner_module, "LEASE_SECONDS", 0.2)
    monkeypatch.setattr(runner_module, "_LOOK", 0.05)

    def die(work: Work) -> None:
        if 7 in work.groups:
            raise ZeroDivisionError

    scorer = Doubling(die)
    submit(store)
    runner = running(scorer)
    until(lambda: store.get("a").state == State.DONE)
    until(lambda: runner.groups == {"scored": 19, "given_up": 1})
    assert store.results(store.get("a")) == ["given up" if i == 7 else str(i) * 2 for i in range(20)]
    tries = [work for work in scorer.seen if 7 in work.groups]
    assert len(tries) == MOST_TRIES
    assert all(len(work.groups) == 1 for work in tries[1:])  # after the first time, alone


def test_what_this_replica_cannot_do_is_left_to_another(store, running):
    def refuse(_: Work) -> None:
        raise CannotDoError("no extractor here")

    unable = Doubling(refuse)
    submit(store, "a")
    one = running(unable)
    until(lambda: store.get("a").waits)
    time.sleep(0.3)
    assert store.get("a").waits == "no extractor here"
    assert len(unable.seen) <= 3  # each worker once, not over and over
    submit(store, "b")
    unable.meanwhile = lambda _: None
    until(lambda: store.get("b").state == State.DONE)  # other jobs go on
    assert store.get("a").done == 0
    one.stop()
    running(Doubling())
    until(lambda: store.get("a").state == State.DONE)
    assert store.get("a").waits is None


def test_a_lease_is_renewed_for_as_long_as_it_takes(store, running, monkeypatch):
    monkeypatch.setattr(runner_module, "LEASE_SECONDS", 0.4)
    slow = Doubling(lambda _: time.sleep(1.5))
    submit(store, groups=2)
    running(slow)
    until(lambda: store.get("a").state == State.DONE)
    assert len(slow.seen) == 1


@pytest.mark.parametrize("how", ["draining", "stopping"])
def test_what_is_under_way_is_handed_back_at_once(store, running, how):
    draining, go_on = threading.Event(), threading.Event()
    held = Doubling(lambda _: go_on.wait(20))
    submit(store, groups=6)
    runner = running(held, draining=draining.is_set)
    until(lambda: len(held.seen) == 3)
    assert store.claim(lease=60) is None
    stopper = threading.Thread(target=runner.stop if how == "stopping" else draining.set)
    stopper.start()
    free: list[Work] = []
    until(lambda: (work := store.claim(lease=60)) is not None and free.append(work) is None and len(free) == 3)
    assert sorted(at for work in free for at in work.groups) == list(range(6))
    assert all(work.tries == 0 for work in free)
    go_on.set()
    stopper.join()
    runner.stop()
    assert store.get("a").done == 0  # scored while everything was being closed: not to be trusted
    assert runner.groups == {"handed_back": 6}
    assert len(held.seen) == 3


def test_what_is_cancelled_is_told_to_whoever_is_at_it(store, running, monkeypatch):
    monkeypatch.setattr(runner_module, "LEASE_SECONDS", 0.3)
    scorer = Doubling(lambda _: until(lambda: not scorer.wanted()))
    submit(store, groups=2)
    running(scorer)
    until(lambda: scorer.seen)
    assert scorer.wanted()
    store.cancel("a", keep=60)
    until(lambda: scorer.at_once == 0)


def test_how_jobs_stand_is_known_while_the_store_can_be_asked(store, running, monkeypatch):
    monkeypatch.setattr(runner_module, "LEASE_SECONDS", 0.3)
    submit(store, groups=2)
    runner = running(Doubling())
    until(lambda: runner.counts == Counts(queued=0, running=0, ended=1))

    def fail() -> Counts:
        raise JobStoreError("the disk is full")

    monkeypatch.setattr(store, "counts", fail)
    until(lambda: runner.counts is None)
