"""The default cache: one SQLite file in WAL mode, shared by the threads and processes of one machine."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from keystep.errors import CacheError

# SQLite's default bound on the variables of one statement is far above this.
_CHUNK = 500


class SqliteCache:
    """Content-addressed strings. Thread-safe; a write is durable against a crash of the process."""

    def __init__(self, path: Path) -> None:
        """Opens or creates the file. Raises CacheError where it cannot."""
        self._lock = threading.Lock()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, check_same_thread=False, timeout=5.0, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            self._db.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")
        except (OSError, sqlite3.Error) as error:
            raise CacheError(f"cannot open the cache {path}: {error}; set KEYSTEP_CACHE_PATH to a writable file") from error

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        try:
            with self._lock:
                for i in range(0, len(keys), _CHUNK):
                    chunk = keys[i : i + _CHUNK]
                    marks = ",".join("?" * len(chunk))
                    found.update(self._db.execute(f"SELECT key, value FROM entries WHERE key IN ({marks})", chunk))  # noqa: S608 - only marks
        except sqlite3.Error as error:
            raise CacheError(f"cannot read the cache: {error}") from error
        return found

    def put_many(self, items: Mapping[str, str]) -> None:
        try:
            with self._lock:
                self._db.execute("BEGIN IMMEDIATE")
                try:
                    self._db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", list(items.items()))
                finally:
                    self._db.execute("COMMIT")
        except sqlite3.Error as error:
            raise CacheError(f"cannot write the cache: {error}") from error

    def close(self) -> None:
        with self._lock:
            self._db.close()
