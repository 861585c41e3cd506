"""Jobs in one SQLite file: they outlive the process and, as every commit is synced, the machine's power."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from keystep.database import Database
from keystep.errors import JobStoreError, OverloadedError
from keystep.jobs.store import Counts, Job, NewJob, State, Work, full

_LAYOUT = 1
# Times are on the clock that processes share. served: when a group of the job was last leased; leased: until when a group is.
_SCHEMA = (
    """CREATE TABLE jobs (
         id TEXT PRIMARY KEY, key TEXT UNIQUE, fingerprint TEXT NOT NULL, about TEXT NOT NULL, state TEXT NOT NULL,
         groups INTEGER NOT NULL, chunk INTEGER NOT NULL, size INTEGER NOT NULL, created REAL NOT NULL, served REAL NOT NULL,
         expires REAL, degraded TEXT NOT NULL DEFAULT '', waits TEXT
       ) WITHOUT ROWID""",
    """CREATE TABLE todo (
         job TEXT NOT NULL, at INTEGER NOT NULL, leased REAL NOT NULL, tries INTEGER NOT NULL, given TEXT NOT NULL, PRIMARY KEY (job, at)
       ) WITHOUT ROWID""",
    "CREATE TABLE results (job TEXT NOT NULL, at INTEGER NOT NULL, result TEXT NOT NULL, PRIMARY KEY (job, at)) WITHOUT ROWID",
)
_JOB = (
    "SELECT id, fingerprint, about, state, groups, (SELECT count(*) FROM results WHERE job = id), created, expires, degraded, waits"
    " FROM jobs WHERE (expires IS NULL OR expires > ?)"
)
_FREE = "SELECT id FROM jobs WHERE expires IS NULL AND EXISTS (SELECT 1 FROM todo WHERE job = id AND leased <= ?) ORDER BY served, created"


class SqliteJobs:
    """A store.JobStore."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. Raises JobStoreError where it cannot."""
        try:
            self._db = Database(path, layout=_LAYOUT, schema=_SCHEMA, durable="power")
        except (OSError, sqlite3.Error) as error:
            raise JobStoreError(
                f"cannot open the jobs {path}: {error}; set KEYSTEP_JOBS_PATH to a writable file", retry_after=None
            ) from error

    def submit(self, new: NewJob, *, room: int) -> Job:
        now = time.time()
        with self._write() as db:
            _forget_expired(db, now)
            known = db.execute(f"{_JOB} AND (id = ? OR key = ?)", (now, new.id, new.key)).fetchone()
            if known is None:
                (held,) = db.execute("SELECT coalesce(sum(size), 0) FROM jobs").fetchone()
                if held + new.size > room:
                    raise OverloadedError(full(held, room), retry_after=30)
                db.execute(
                    "INSERT INTO jobs (id, key, fingerprint, about, state, groups, chunk, size, created, served) VALUES (?,?,?,?,?,?,?,?,?,0)",
                    (new.id, new.key, new.fingerprint, new.about, State.QUEUED, len(new.groups), new.chunk, new.size, now),
                )
                db.executemany("INSERT INTO todo VALUES (?, ?, 0, 0, ?)", [(new.id, at, given) for at, given in enumerate(new.groups)])
                known = db.execute(f"{_JOB} AND id = ?", (now, new.id)).fetchone()
        return _job(known)

    def get(self, job: str) -> Job | None:
        with _failing("read"):
            rows = self._db.all(f"{_JOB} AND id = ?", (time.time(), job))
        return _job(rows[0]) if rows else None

    def results(self, job: Job) -> list[str]:
        with _failing("read"):
            found = [result for (result,) in self._db.all("SELECT result FROM results WHERE job = ? ORDER BY at", (job.id,))]
        if len(found) != job.groups:
            raise JobStoreError(f"job {job.id} was forgotten a moment ago")
        return found

    def cancel(self, job: str, *, keep: float) -> Job | None:
        now = time.time()
        with self._write() as db:
            ended = db.execute(
                "UPDATE jobs SET state = ?, expires = ?, size = 0 WHERE id = ? AND expires IS NULL", (State.CANCELLED, now + keep, job)
            )
            if ended.rowcount:
                db.execute("DELETE FROM todo WHERE job = ?", (job,))
                db.execute("DELETE FROM results WHERE job = ?", (job,))
            found = db.execute(f"{_JOB} AND id = ?", (now, job)).fetchone()
        return None if found is None else _job(found)

    def claim(self, *, lease: float, passing: Collection[str] = ()) -> Work | None:
        now = time.time()
        with _failing("read"):
            if not self._db.all(_FREE, (now,)):  # most looks find nothing, and should keep no writer waiting
                return None
        with self._write() as db:
            job = next((job for (job,) in db.execute(_FREE, (now,)) if job not in passing), None)
            if job is None:
                return None
            about, chunk, created = db.execute("SELECT about, chunk, created FROM jobs WHERE id = ?", (job,)).fetchone()
            rows = db.execute(
                "SELECT at, given, tries FROM todo WHERE job = ? AND leased <= ? ORDER BY tries, at LIMIT ?", (job, now, chunk)
            ).fetchall()
            # What was begun before and not finished may be what ended the process: alone, it takes nothing with it.
            rows = [row for row in rows if row[2] == 0] or rows[:1]
            taken = [(now + lease, job, at) for at, _, _ in rows]
            db.executemany("UPDATE todo SET leased = ?, tries = tries + 1 WHERE job = ? AND at = ?", taken)
            db.execute("UPDATE jobs SET served = ?, state = ?, waits = NULL WHERE id = ?", (now, State.RUNNING, job))
        return Work(job, about, {at: given for at, given, _ in rows}, rows[0][2], now - created)

    def renew(self, work: Work, *, lease: float) -> bool:
        until = time.time() + lease
        with self._write() as db:
            db.executemany("UPDATE todo SET leased = ? WHERE job = ? AND at = ?", [(until, work.job, at) for at in work.groups])
            return db.execute("SELECT 1 FROM jobs WHERE id = ? AND expires IS NULL", (work.job,)).fetchone() is not None

    def hand_back(self, work: Work, *, why: str = "") -> None:
        with self._write() as db:
            db.executemany(
                "UPDATE todo SET leased = 0, tries = tries - 1 WHERE job = ? AND at = ? AND tries > 0",
                [(work.job, at) for at in work.groups],
            )
            if why:
                db.execute("UPDATE jobs SET waits = ? WHERE id = ?", (why, work.job))

    def keep(self, work: Work, results: Mapping[int, str], degraded: Sequence[str], *, keep: float) -> None:
        now = time.time()
        with self._write() as db:
            row = db.execute("SELECT degraded, groups FROM jobs WHERE id = ? AND expires IS NULL", (work.job,)).fetchone()
            if row is None:
                return  # cancelled meanwhile
            db.executemany("INSERT OR IGNORE INTO results VALUES (?, ?, ?)", [(work.job, at, result) for at, result in results.items()])
            db.executemany("DELETE FROM todo WHERE job = ? AND at = ?", [(work.job, at) for at in results])
            db.execute(
                "UPDATE jobs SET degraded = ?, size = size + ? WHERE id = ?",
                (",".join(sorted({*_names(row[0]), *degraded})), sum(map(len, results.values())), work.job),
            )
            (done,) = db.execute("SELECT count(*) FROM results WHERE job = ?", (work.job,)).fetchone()
            if done == row[1]:
                db.execute("UPDATE jobs SET state = ?, expires = ? WHERE id = ?", (State.DONE, now + keep, work.job))

    def counts(self) -> Counts:
        with _failing("count"):
            found = self._db.all(
                "SELECT CASE WHEN expires IS NULL THEN state ELSE 'ended' END AS stands, count(*) FROM jobs"
                " WHERE expires IS NULL OR expires > ? GROUP BY stands",
                (time.time(),),
            )
        counted = dict(found)
        return Counts(counted.get(State.QUEUED, 0), counted.get(State.RUNNING, 0), counted.get("ended", 0))

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _write(self) -> Iterator[sqlite3.Connection]:
        with _failing("write"), self._db.transaction() as db:
            yield db


def _forget_expired(db: sqlite3.Connection, now: float) -> None:
    for (job,) in db.execute("SELECT id FROM jobs WHERE expires <= ?", (now,)).fetchall():
        db.execute("DELETE FROM results WHERE job = ?", (job,))
        db.execute("DELETE FROM jobs WHERE id = ?", (job,))


def _names(degraded: str) -> tuple[str, ...]:
    return tuple(name for name in degraded.split(",") if name)


def _job(row: tuple[Any, ...]) -> Job:
    id_, fingerprint, about, state, groups, done, created, expires, degraded, waits = row
    return Job(id_, fingerprint, about, State(state), groups, done, created, expires, _names(degraded), waits)


@contextmanager
def _failing(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise JobStoreError(f"cannot {what} the jobs: {error}") from error
