"""The default cache: one SQLite file in WAL mode, shared by the threads and processes of one machine."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from keystep.errors import CacheError

# Well below SQLite's bound on the variables of one statement.
_CHUNK = 500

# A file of another layout is emptied: what it held can be made again.
_LAYOUT = 1
# Expiry times are on the clock that processes share; NULL never expires.
_SCHEMA = (
    "DROP TABLE IF EXISTS entries",
    "DROP TABLE IF EXISTS leases",
    "CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, expires REAL) WITHOUT ROWID",
    "CREATE TABLE leases (key TEXT PRIMARY KEY, owner TEXT NOT NULL, expires REAL NOT NULL) WITHOUT ROWID",
    f"PRAGMA user_version = {_LAYOUT}",
)


class SqliteCache:
    """Thread-safe; a write survives a crash of the process."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. Raises CacheError where it cannot."""
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=5.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("BEGIN IMMEDIATE")  # of several processes that find no tables, one makes them
            if self._db.execute("PRAGMA user_version").fetchone() != (_LAYOUT,):
                for statement in _SCHEMA:
                    self._db.execute(statement)
            self._db.execute("COMMIT")
        except (OSError, sqlite3.Error) as error:
            raise CacheError(f"cannot open the cache {path}: {error}; set KEYSTEP_CACHE_PATH to a writable file") from error

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        now = time.time()
        with self._failing("read"), self._lock:
            for i in range(0, len(keys), _CHUNK):
                chunk = keys[i : i + _CHUNK]
                marks = ",".join("?" * len(chunk))
                rows = self._db.execute(
                    f"SELECT key, value FROM entries WHERE key IN ({marks}) AND (expires IS NULL OR expires > ?)",  # noqa: S608 - only marks
                    (*chunk, now),
                )
                found.update(rows)
        return found

    def put_many(self, items: Mapping[str, str], *, seconds: float | None = None) -> None:
        expires = None if seconds is None else time.time() + seconds
        with self._transaction():
            self._db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", [(k, v, expires) for k, v in items.items()])

    def claim(self, keys: Sequence[str], owner: str, *, seconds: float) -> set[str]:
        now = time.time()
        with self._transaction():
            taken = self._db.executemany(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, expires = excluded.expires"
                " WHERE owner = excluded.owner OR expires <= ?",
                [(key, owner, now + seconds, now) for key in keys],
            )
            taken.close()
            held = self._db.execute("SELECT key FROM leases WHERE owner = ? AND expires > ?", (owner, now)).fetchall()
        return {key for (key,) in held} & set(keys)

    def release(self, keys: Sequence[str], owner: str) -> None:
        with self._transaction():
            self._db.executemany("DELETE FROM leases WHERE key = ? AND owner = ?", [(key, owner) for key in keys])

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._failing("write"), self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextmanager
    def _failing(self, what: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise CacheError(f"cannot {what} the cache: {error}") from error
