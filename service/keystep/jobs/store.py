"""What a store of jobs does. Two of them: sqlite.py and redis.py, held to one test-suite (tests/jobs/test_contract.py)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class State(StrEnum):
    QUEUED = "queued"  # nobody has taken a group yet
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class NewJob:
    """id: random.  key: the Idempotency-Key, if any.  fingerprint: of what was asked.
    about: whatever its groups have in common, as the runner reads it (JSON).  groups: each as JSON.
    chunk: how many groups are leased at once.
    """

    id: str
    key: str | None
    fingerprint: str
    about: str
    groups: Sequence[str]
    chunk: int

    @property
    def size(self) -> int:
        """Bytes, about."""
        return len(self.about) + sum(map(len, self.groups))


@dataclass(frozen=True, slots=True)
class Job:
    """created, expires: seconds since the epoch; expires is None until it has ended.  groups, done: how many.
    degraded: what was missing underneath.  waits: why nobody takes it up, when somebody had to leave it.
    """

    id: str
    fingerprint: str
    about: str
    state: State
    groups: int
    done: int
    created: float
    expires: float | None = None
    degraded: tuple[str, ...] = ()
    waits: str | None = None


@dataclass(frozen=True, slots=True)
class Counts:
    """Jobs of a store. ended: done or cancelled, and not forgotten yet."""

    queued: int
    running: int
    ended: int


@dataclass(frozen=True, slots=True)
class Work:
    """Groups that were leased. groups: JSON by index.  tries: how often any of them was begun before and not finished.
    age: seconds since the job was handed in.
    """

    job: str
    about: str
    groups: Mapping[int, str]
    tries: int
    age: float


class JobStore(Protocol):
    """Thread-safe. Every method raises JobStoreError where the store fails."""

    def submit(self, new: NewJob, *, room: int) -> Job:
        """Stores it, or returns the job that its key names already. Raises OverloadedError when the store would hold over room bytes."""
        ...

    def get(self, job: str) -> Job | None: ...

    def results(self, job: Job) -> list[str]:
        """One JSON a group, in order, of a job that is done; all of them, or JobStoreError."""
        ...

    def cancel(self, job: str, *, keep: float) -> Job | None:
        """Ends it where it is; one that has ended stays as it is. keep: seconds after which it is forgotten."""
        ...

    def claim(self, *, lease: float, passing: Collection[str] = ()) -> Work | None:
        """Leases groups for so many seconds, of the job that was served longest ago; None when there is nothing to do.

        passing: jobs that the caller cannot do.
        """
        ...

    def renew(self, work: Work, *, lease: float) -> bool:
        """Whether the job still wants anything done."""
        ...

    def hand_back(self, work: Work, *, why: str = "") -> None:
        """As if it had not been claimed. why: shown as what the job waits for, until somebody claims it."""
        ...

    def keep(self, work: Work, results: Mapping[int, str], degraded: Sequence[str], *, keep: float) -> None:
        """Stores results (JSON by index) that nobody stored before. With the last of them the job is done, and kept so many seconds."""
        ...

    def counts(self) -> Counts: ...

    def close(self) -> None: ...


def full(held: int, room: int) -> str:
    """What a caller is told when there is no room. held, room: bytes."""
    return f"jobs hold {held >> 20} of {room >> 20} MiB (KEYSTEP_JOBS_MAX_MIB); hand this in again when some have ended, or cancel some"
