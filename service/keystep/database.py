"""One SQLite file in WAL mode, shared by the threads and processes of one machine."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal


class OtherLayoutError(sqlite3.DatabaseError):
    """The file was written by another version, and is not ours to empty."""


class Database:
    """Thread-safe. Every method raises sqlite3.Error where the file fails."""

    def __init__(
        self,
        path: Path,
        *,
        layout: int,
        schema: Sequence[str],
        durable: Literal["process", "power"],
        other_layout: Literal["replace", "refuse"] = "refuse",
    ) -> None:
        """Opens or creates the file, and makes its tables. Raises OSError too.

        layout: number of the schema.  durable: what a commit outlives, the process or also the power.
        other_layout: what to do with a file of another one; schema then begins by dropping what it makes.
        """
        self._lock = threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False, timeout=5.0, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(f"PRAGMA synchronous={'FULL' if durable == 'power' else 'NORMAL'}")
        with self.transaction():  # of several processes that find no tables, one makes them
            (have,) = self._db.execute("PRAGMA user_version").fetchone()
            if have == layout:
                return
            if have and other_layout == "refuse":
                raise OtherLayoutError(f"it has layout {have}, this version reads layout {layout}")
            for statement in (*schema, f"PRAGMA user_version = {layout}"):
                self._db.execute(statement)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """For single statements."""
        with self._lock:
            yield self._db

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of it or, where the block raises, nothing."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Every row."""
        with self.reading() as db:
            return db.execute(statement, values).fetchall()

    def close(self) -> None:
        with self._lock:
            self._db.close()
