"""Jobs in Redis: any number of replicas share them, and they outlive all of these. scripts.py says how they lie there.

What a group is, and its result, are sealed: a digest stands before them, over the job and the index too, so that bytes that were
garbled on the way, or are another group's, are never scored and never answered.

No key of a job has a time to live, so that a `volatile-*` memory policy never evicts one; what has ended is forgotten when the
next job is handed in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from keystep.cache.circuit import Circuit
from keystep.cache.connect import Link
from keystep.errors import CacheError, JobStoreError, OverloadedError
from keystep.jobs import scripts
from keystep.jobs.store import Counts, Job, NewJob, State, Work, full

T = TypeVar("T")

_PREFIX = "keystep:{jobs}:"
_QUEUE = f"{_PREFIX}queue"
# Groups travel ahead of their job, some at a time; what a process leaves behind when it dies between goes after this (seconds).
_ORPHANED = 3600
_SENT_AT_ONCE = 256
# The index under which what is common to a job's groups is sealed.
_ABOUT = -1


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
                pipe.hset(given, mapping={str(at): _sealed(new.id, at, group) for at, group in enumerate(chunk, start)})
                pipe.expire(given, _ORPHANED)
                pipe.execute()
            told = (new.id, key, room, new.size, new.chunk, len(new.groups), new.fingerprint, _sealed(new.id, _ABOUT, new.about))
            return _run(redis, scripts.SUBMIT, *told)

        answer = self._try(send)
        with _as_stored():
            said, what = answer
            held = int(what) if said == "full" else 0
        if said == "full":
            raise OverloadedError(full(held, room), retry_after=30)
        job = self.get(what)
        if job is None:
            raise JobStoreError("Redis dropped the job that it had just accepted; its maxmemory-policy must not be allkeys-*")
        return job

    def get(self, job: str) -> Job | None:
        answer = self._run(scripts.GET, job)
        with _as_stored():
            flat, done, now = answer
            fields = flat if isinstance(flat, dict) else dict(zip(flat[::2], flat[1::2], strict=True))
            return None if "created" not in fields else _job(job, fields, int(done), int(now))

    def results(self, job: Job) -> list[str]:
        found = self._try(lambda redis: redis.hgetall(f"{_PREFIX}{job.id}:results"))
        with _as_stored():
            return [_opened(job.id, at, found[str(at)]) for at in range(job.groups)]

    def cancel(self, job: str, *, keep: float) -> Job | None:
        self._run(scripts.CANCEL, job, _milliseconds(keep))
        return self.get(job)

    def claim(self, *, lease: float, passing: Collection[str] = ()) -> Work | None:
        found = self._run(scripts.CLAIM, _milliseconds(lease), *passing)
        if not found:
            return None
        with _as_stored():
            job, about, age, tries, *flat = found
            groups = {int(at): _opened(job, int(at), group) for at, group in zip(flat[::2], flat[1::2], strict=True)}
            return Work(job, _opened(job, _ABOUT, about), groups, int(tries), int(age) / 1000)

    def renew(self, work: Work, *, lease: float) -> bool:
        return bool(self._run(scripts.RENEW, work.job, _milliseconds(lease), *work.groups) == 1)

    def hand_back(self, work: Work, *, why: str = "") -> None:
        self._run(scripts.HAND_BACK, work.job, why, *work.groups)

    def keep(self, work: Work, results: Mapping[int, str], degraded: Sequence[str], *, keep: float) -> None:
        flat = [x for at, result in results.items() for x in (at, _sealed(work.job, at, result))]
        self._run(scripts.KEEP, work.job, _milliseconds(keep), ",".join(degraded), *flat)

    def counts(self) -> Counts:
        answer = self._run(scripts.COUNTS)
        with _as_stored():
            queued, running, ended = map(int, answer)
            return Counts(queued, running, ended)

    def close(self) -> None:
        self._link.close()

    def _run(self, script: str, *arguments: Any) -> Any:
        return self._try(lambda redis: _run(redis, script, *arguments))

    def _try(self, work: Callable[[Any], T]) -> T:
        try:
            return self._circuit.call(lambda: self._link.use(work))
        except CacheError as error:
            raise JobStoreError(f"jobs cannot be reached just now: {error}") from error


def _job(id_: str, fields: dict[str, str], done: int, now: int) -> Job | None:
    """None where it should be forgotten already. now: milliseconds."""
    expires = int(fields["expires"]) if "expires" in fields else None
    if expires is not None and expires <= now:
        return None
    return Job(
        id_,
        fields["fingerprint"],
        _opened(id_, _ABOUT, fields["about"]),
        State(fields["state"]),
        int(fields["groups"]),
        done,
        int(fields["created"]) / 1000,
        None if expires is None else expires / 1000,
        tuple(sorted(name.removeprefix("degraded:") for name in fields if name.startswith("degraded:"))),
        fields.get("waits"),
    )


def _sealed(job: str, at: int, text: str) -> str:
    return hashlib.blake2b(f"{job} {at} {text}".encode(), digest_size=8).hexdigest() + text


def _opened(job: str, at: int, sealed: str) -> str:
    text = sealed[16:]
    if _sealed(job, at, text) != sealed:
        raise ValueError("not what was stored")
    return text


@contextmanager
def _as_stored() -> Iterator[None]:
    """An answer that is not of the form it should have, or not what was stored, is a failure like any other."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise JobStoreError(f"Redis answered about a job something that was not stored: {error}") from error


def _run(redis: Any, script: str, *arguments: Any) -> Any:
    return redis.eval(script, 1, _QUEUE, *arguments)


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)
