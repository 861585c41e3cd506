"""A log of the ledger while it is written."""

from __future__ import annotations

import fcntl
import os
import secrets
import time
from pathlib import Path


class Segment:
    """A new log in the folder, held by this process alone. OSError where it cannot be made or written."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{time.time_ns():020d}-{secrets.token_hex(4)}.jsonl"
        self.size = 0
        # What models say may be private: for the service's own user only.
        self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sync_folder(folder)

    def write(self, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[os.write(self._file, left) :]
        self.size += len(content)

    def sync(self) -> None:
        os.fsync(self._file)

    def close(self) -> None:
        os.close(self._file)


def sync_folder(folder: Path) -> None:
    """A new name is durable once its folder is."""
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
