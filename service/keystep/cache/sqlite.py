"""The default cache: one SQLite file in WAL mode, shared by the threads and processes of one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from keystep.database import Database
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
)


class SqliteCache:
    """Thread-safe; a write survives a crash of the process."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. Raises CacheError where it cannot."""
        try:
            self._db = Database(path, layout=_LAYOUT, schema=_SCHEMA, durable="process", other_layout="replace")
        except (OSError, sqlite3.Error) as error:
            raise CacheError(f"cannot open the cache {path}: {error}; set KEYSTEP_CACHE_PATH to a writable file") from error

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        now = time.time()
        with _failing("read"):
            for i in range(0, len(keys), _CHUNK):
                chunk = keys[i : i + _CHUNK]
                marks = ",".join("?" * len(chunk))
                found.update(
                    self._db.all(
                        f"SELECT key, value FROM entries WHERE key IN ({marks}) AND (expires IS NULL OR expires > ?)",  # noqa: S608 - only marks
                        (*chunk, now),
                    )
                )
        return found

    def put_many(self, items: Mapping[str, str], *, seconds: float | None = None) -> None:
        expires = None if seconds is None else time.time() + seconds
        with _failing("write"), self._db.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?)", [(k, v, expires) for k, v in items.items()])

    def claim(self, keys: Sequence[str], owner: str, *, seconds: float) -> set[str]:
        now = time.time()
        with _failing("write"), self._db.transaction() as db:
            db.executemany(
                "INSERT INTO leases VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET owner = excluded.owner, expires = excluded.expires"
                " WHERE owner = excluded.owner OR expires <= ?",
                [(key, owner, now + seconds, now) for key in keys],
            )
            held = db.execute("SELECT key FROM leases WHERE owner = ? AND expires > ?", (owner, now)).fetchall()
        return {key for (key,) in held} & set(keys)

    def release(self, keys: Sequence[str], owner: str) -> None:
        with _failing("write"), self._db.transaction() as db:
            db.executemany("DELETE FROM leases WHERE key = ? AND owner = ?", [(key, owner) for key in keys])

    def close(self) -> None:
        self._db.close()


@contextmanager
def _failing(what: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise CacheError(f"cannot {what} the cache: {error}") from error
