"""Takes groups of jobs, has them scored, keeps what came out. Politely: while requests are served, one chunk at a time.

    workers      threads, each with one chunk at a time; all but the first stand back while `busy`
    heartbeat    renews the leases of what the workers have, and ends what was cancelled; hands everything back at once when the
                 service drains

A process that is killed leaves its leases to run out (LEASE_SECONDS); whoever comes next does those groups again, one at a time,
and gives a group up (all null, internal_error) that has been begun MOST_TRIES times and never finished.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from keystep.errors import JobStoreError
from keystep.jobs.store import Counts, JobStore, Work

_log = logging.getLogger(__name__)

LEASE_SECONDS = 6.0
MOST_TRIES = 5
# Seconds between two looks: for draining, for the end of what keeps the service busy, for work, after a failure of the store.
_TICK = 0.1
_STAND_BACK = 0.05
_LOOK = 0.5
_STORE_FAILED = 1.0
# How long a job that cannot be done here is left to others.
_NOT_HERE = 30.0
# The threads that are waited for at the end, all of them, may have chunks under way; what they have is dropped.
_JOIN = 5.0


class CannotDoError(Exception):
    """This replica cannot do this job; another may. The message says why."""


@dataclass(frozen=True, slots=True)
class Done:
    """results: JSON by index."""

    results: Mapping[int, str]
    degraded: Sequence[str] = ()


class Scorer(Protocol):
    def score(self, work: Work, wanted: Callable[[], bool]) -> Done | None:
        """The results of all groups of the work; None where it stopped because they are not wanted any more. Raises CannotDoError."""
        ...

    def give_up(self, work: Work) -> Done:
        """What stands in the place of results that cannot be had."""
        ...


class Runner:
    """workers: threads.  keep: seconds that results are kept.  busy, draining: of the service, asked often."""

    def __init__(
        self, store: JobStore, scorer: Scorer, *, workers: int, keep: float, busy: Callable[[], bool], draining: Callable[[], bool]
    ) -> None:
        self._store = store
        self._scorer = scorer
        self._keep = keep
        self._busy = busy
        self._draining = draining
        self._lock = threading.Lock()
        self._held: dict[int, Work] = {}  # by thread
        self._not_here: dict[str, float] = {}  # job -> time.monotonic() until which it is passed over
        self._store_failed = False
        self._groups = Tally[str]()
        self._counts: Counts | None = None
        self._stopping = threading.Event()
        self._news = threading.Condition()
        names = [f"keystep-job-{i}" for i in range(workers)]
        self._threads = [threading.Thread(target=self._work, args=(i,), name=name, daemon=True) for i, name in enumerate(names)]
        self._threads.append(threading.Thread(target=self._beat, name="keystep-job-lease", daemon=True))

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def nudge(self) -> None:
        """There is a new job."""
        with self._news:
            self._news.notify_all()

    def stop(self) -> None:
        """What is under way is handed back, and nothing of it kept from now on. Idempotent."""
        self._stopping.set()
        self.nudge()
        self._hand_back_all()
        until = time.monotonic() + _JOIN
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, until - time.monotonic()))

    @property
    def counts(self) -> Counts | None:
        """Jobs of the store, as of a moment ago; None while it cannot be asked."""
        return self._counts

    @property
    def groups(self) -> Mapping[str, int]:
        """What came of groups that were taken here: scored, given_up, handed_back."""
        with self._lock:
            return dict(self._groups)

    def _work(self, number: int) -> None:
        while not self._over():
            if number and self._busy():
                self._stopping.wait(_STAND_BACK)
                continue
            try:
                work = self._store.claim(lease=LEASE_SECONDS, passing=self._passing())
                self._well()
                if work is not None:
                    self._do(number, work)
                    continue
            except JobStoreError as error:
                self._ill(error)
                self._stopping.wait(_STORE_FAILED)
            else:
                with self._news:
                    self._news.wait(_LOOK)

    def _do(self, number: int, work: Work) -> None:
        with self._lock:
            self._held[number] = work
        if self._over():  # whoever hands everything back may have been here already
            self._hand_back(work)
            return
        try:
            if work.tries >= MOST_TRIES:
                done: Done | None = self._scorer.give_up(work)
            else:
                done = self._scorer.score(work, lambda: self._held.get(number) is work)
        except CannotDoError as error:
            _log.warning("job %s is left to other replicas: %s", work.job, error)
            with self._lock:
                self._not_here[work.job] = time.monotonic() + _NOT_HERE
            self._hand_back(work, why=str(error))
            return
        except Exception:  # noqa: BLE001 - a defect under one chunk ends neither the thread nor the job
            # It stays leased, and counts as begun: whoever has it next, after that, does it alone.
            _log.exception("groups %s of job %s failed", list(work.groups), work.job)
            return
        finally:
            with self._lock:
                # Handed back while it was scored: what was scored while everything was being closed is not to be trusted.
                wanted = self._held.pop(number, None) is work
        if wanted and done is not None:
            self._keep_result(work, done)
            self._tell("given_up" if work.tries >= MOST_TRIES else "scored", work)

    def _keep_result(self, work: Work, done: Done) -> None:
        """Tried again while the lease is worth having: work that is done should not be done again for a moment's failure."""
        waited = 0.0
        while True:
            try:
                self._store.keep(work, done.results, done.degraded, keep=self._keep)
            except JobStoreError:
                if waited >= LEASE_SECONDS or self._stopping.wait(_STORE_FAILED):
                    raise
                waited += _STORE_FAILED
            else:
                return

    def _beat(self) -> None:
        since_renewed = 0.0
        while not self._over():
            self._stopping.wait(_TICK)
            since_renewed += _TICK
            if since_renewed >= LEASE_SECONDS / 3:
                since_renewed = 0.0
                with self._lock:
                    held = list(self._held.values())
                self._each(held, self._renew)
                self._count()
        self._hand_back_all()

    def _count(self) -> None:
        try:
            self._counts = self._store.counts()
        except JobStoreError as error:
            self._counts = None
            self._ill(error)

    def _hand_back(self, work: Work, why: str = "") -> None:
        self._store.hand_back(work, why=why)
        self._tell("handed_back", work)

    def _tell(self, what: str, work: Work) -> None:
        with self._lock:
            self._groups[what] += len(work.groups)

    def _renew(self, work: Work) -> None:
        if not self._store.renew(work, lease=LEASE_SECONDS):
            with self._lock:
                self._held = {number: other for number, other in self._held.items() if other is not work}

    def _passing(self) -> list[str]:
        now = time.monotonic()
        with self._lock:
            self._not_here = {job: until for job, until in self._not_here.items() if until > now}
            return list(self._not_here)

    def _over(self) -> bool:
        return self._stopping.is_set() or self._draining()

    def _hand_back_all(self) -> None:
        """Once: what has been handed back is somebody else's by now."""
        with self._lock:
            held = list(self._held.values())
            self._held.clear()
        self._each(held, self._hand_back)

    def _each(self, works: Sequence[Work], act: Callable[[Work], None]) -> None:
        try:
            for work in works:
                act(work)
        except JobStoreError as error:
            self._ill(error)

    def _ill(self, error: JobStoreError) -> None:
        """Told once, not by every thread at every look."""
        if not self._store_failed:
            _log.warning("%s; no job goes on until then", error)
        self._store_failed = True

    def _well(self) -> None:
        if self._store_failed:
            _log.warning("jobs can be reached again")
        self._store_failed = False
