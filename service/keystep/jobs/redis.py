"""Jobs in Redis: any number of replicas share them, and they outlive all of these. scripts.py says how they lie there.

No key of a job has a time to live, so that a `volatile-*` memory policy never evicts one; what has ended is forgotten when the
next job is handed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from keystep.cache.circuit import Circuit
from keystep.cache.connect import Link
from keystep.errors import CacheError, JobStoreError, OverloadedError
from keystep.jobs import scripts
from keystep.jobs.store import Job, NewJob, State, Work, full

T = TypeVar("T")

_PREFIX = "keystep:{jobs}:"
_QUEUE = f"{_PREFIX}queue"
# Groups travel ahead of their job, some at a time; what a process leaves behind when it dies between goes after this (seconds).
_ORPHANED = 3600
_SENT_AT_ONCE = 256


class RedisJobs:
    """A store.JobStore. url: as cache/connect.py says. timeout: seconds. rest: seconds it is left alone after a failure."""

    def __init__(self, url: str, *, timeout: float, rest: float = 1.0) -> None:
        self._link = Link(url, timeout=timeout)
        self._circuit = Circuit(rest=rest)

    def submit(self, new: NewJob, *, room: int) -> Job:
        key = "" if new.key is None else hashlib.sha256(new.key.encode()).hexdigest()
        given = f"{_PREFIX}{new.id}:given"

        def send(redis: Any) -> Any:
            for start in range(0, len(new.groups), _SENT_AT_ONCE):
                pipe = redis.pipeline(transaction=False)
                chunk = new.groups[start : start + _SENT_AT_ONCE]
                pipe.hset(given, mapping={str(start + i): group for i, group in enumerate(chunk)})
                pipe.expire(given, _ORPHANED)
                pipe.execute()
            told = (new.id, key, room, new.size, new.chunk, len(new.groups), new.fingerprint, new.about)
            return _run(redis, scripts.SUBMIT, *told)

        said, what = self._try(send)
        if said == "full":
            raise OverloadedError(full(int(what), room), retry_after=30)
        job = self.get(what)
        if job is None:
            raise JobStoreError("Redis dropped the job that it had just accepted; its maxmemory-policy must not be allkeys-*")
        return job

    def get(self, job: str) -> Job | None:
        flat, done, now = self._run(scripts.GET, job)
        fields = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
        if "created" not in fields or int(fields.get("expires", now + 1)) <= now:
            return None
        return Job(
            job,
            fields["fingerprint"],
            fields["about"],
            State(fields["state"]),
            int(fields["groups"]),
            done,
            int(fields["created"]) / 1000,
            int(fields["expires"]) / 1000 if "expires" in fields else None,
            tuple(sorted(name.removeprefix("degraded:") for name in fields if name.startswith("degraded:"))),
            fields.get("waits"),
        )

    def results(self, job: str) -> list[str]:
        found = self._try(lambda redis: redis.hgetall(f"{_PREFIX}{job}:results"))
        return [found[at] for at in sorted(found, key=int)]

    def cancel(self, job: str, *, keep: float) -> Job | None:
        self._run(scripts.CANCEL, job, _milliseconds(keep))
        return self.get(job)

    def claim(self, *, lease: float, passing: Collection[str] = ()) -> Work | None:
        found = self._run(scripts.CLAIM, _milliseconds(lease), *passing)
        if not found:
            return None
        job, about, age, tries, *groups = found
        return Work(job, about, {int(at): group for at, group in zip(groups[::2], groups[1::2], strict=True)}, int(tries), int(age) / 1000)

    def renew(self, work: Work, *, lease: float) -> None:
        self._run(scripts.RENEW, work.job, _milliseconds(lease), *work.groups)

    def hand_back(self, work: Work, *, why: str = "") -> None:
        self._run(scripts.HAND_BACK, work.job, why, *work.groups)

    def keep(self, work: Work, results: Mapping[int, str], degraded: Sequence[str], *, keep: float) -> None:
        flat = [x for at, result in results.items() for x in (at, result)]
        self._run(scripts.KEEP, work.job, _milliseconds(keep), ",".join(degraded), *flat)

    def close(self) -> None:
        self._link.close()

    def _run(self, script: str, *arguments: Any) -> Any:
        return self._try(lambda redis: _run(redis, script, *arguments))

    def _try(self, work: Callable[[Any], T]) -> T:
        try:
            return self._circuit.call(lambda: self._link.use(work))
        except CacheError as error:
            raise JobStoreError(f"jobs cannot be reached just now: {error}") from error


def _run(redis: Any, script: str, *arguments: Any) -> Any:
    return redis.eval(script, 1, _QUEUE, *arguments)


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
