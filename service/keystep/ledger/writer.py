"""Entries to the log, on one thread: whatever has come by the time it looks is written together, and synced once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue

from keystep.errors import InputError
from keystep.ledger.entries import Entry, line
from keystep.ledger.log import Segment

_log = logging.getLogger(__name__)

# A log is closed and compacted once it is larger.
_SEGMENT_BYTES = 64 * 1024 * 1024
# Written, and synced, together at most: characters of rollouts.
_TOGETHER = 4_000_000
# Waiting to be written at most; what comes while the disk is slower than that is lost, and counted.
_WAITING = 256_000_000
# After a failure, until the next try. A torn line ends a log, so that the next try has one of its own.
_RETRY_SECONDS = 5.0

_Waiting = tuple[Sequence[Entry], "Future[bool]"]


class Ledger:
    """folder: made where it is missing. sync: entries count as written once they are on the disk, not only with the system.

    A disk that is full or gone stops the ledger, not the service: what cannot be written is lost, counted and logged once, and it
    is tried again every few seconds. Thread-safe.
    """

    def __init__(self, folder: Path, *, sync: bool) -> None:
        self.written = 0  # rollouts
        self.lost = 0
        self.stopped: str | None = None  # why, while it is
        self._folder = folder
        self._sync = sync
        self._retry = 0.0
        self._segment: Segment | None = None
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._size = 0
        self._lock = threading.Lock()
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._segment = Segment(folder)
        except OSError as error:
            raise InputError(f"KEYSTEP_LEDGER_PATH: {folder} cannot be written ({error.strerror})", field="ledger_path") from None
        self._compacting: threading.Thread | None = None
        self._compact()
        self._thread = threading.Thread(target=self._run, name="keystep-ledger", daemon=True)
        self._thread.start()

    def append(self, entries: Sequence[Entry]) -> Future[bool]:
        """True once they are written (on the disk, with sync); False where they are lost."""
        done: Future[bool] = Future()
        size = sum(e.size for e in entries)
        with self._lock:
            room = self._size + size <= _WAITING or not self._size
            if room:
                self._size += size
        if room:
            self._queue.put((entries, done))
        else:
            self._lose(entries, done)
        return done

    def close(self) -> None:
        """Writes what is waiting."""
        self._queue.put(None)
        self._thread.join()
        if self._compacting is not None:
            self._compacting.join()

    def _run(self) -> None:
        going = True
        while going:
            batch, going = self._take()
            if batch:
                self._commit(batch)
        if self._segment is not None:
            self._segment.close()

    def _take(self) -> tuple[list[_Waiting], bool]:
        """What has come, up to _TOGETHER; False once there is no more to come."""
        batch: list[_Waiting] = []
        size = 0
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            size += sum(e.size for e in item[0])
            if size >= _TOGETHER:
                break
            try:
                item = self._queue.get_nowait()
            except Empty:
                break
        with self._lock:
            self._size -= size
        return batch, item is not None

    def _commit(self, batch: Sequence[_Waiting]) -> None:
        told = [(item, content) for item in batch if (content := self._lines(item)) is not None]
        batch = [item for item, _ in told]
        try:
            segment = self._open()
            segment.write(b"".join([content for _, content in told]))
            if self._sync:
                segment.sync()
        except OSError as error:
            self._stop(error)
            for entries, done in batch:
                self._lose(entries, done)
            return
        if self.stopped is not None:
            _log.warning("the ledger goes on; %d rollouts were lost so far", self.lost)
            self.stopped = None
        for entries, done in batch:
            self.written += _rollouts(entries)
            done.set_result(True)
        if segment.size >= _SEGMENT_BYTES:
            segment.close()
            self._segment = None
            self._compact()

    def _lines(self, item: _Waiting) -> bytes | None:
        """None, and lost, where a defect of ours stands in the way: it must not end the thread that others wait for."""
        try:
            return b"".join([line(entry) for entry in item[0]])
        except Exception:  # noqa: BLE001 - whatever it is, others wait
            _log.exception("some rollouts could not be written down; they are not in the ledger")
            self._lose(*item)
            return None

    def _open(self) -> Segment:
        if self._segment is None:
            if time.monotonic() < self._retry:
                raise OSError(self.stopped)
            self._segment = Segment(self._folder)
        return self._segment

    def _stop(self, error: OSError) -> None:
        if time.monotonic() >= self._retry:
            self._retry = time.monotonic() + _RETRY_SECONDS
        if self.stopped is None:
            self.stopped = error.strerror or str(error)
            _log.error("the ledger stops, scoring goes on: %s; make room in %s", self.stopped, self._folder)
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _lose(self, entries: Sequence[Entry], done: Future[bool]) -> None:
        with self._lock:
            self.lost += _rollouts(entries)
        done.set_result(False)

    def _compact(self) -> None:
        """Beside the writing; what is under way already finds the next log the next time."""
        if self._compacting is not None and self._compacting.is_alive():
            return

        def run() -> None:
            from keystep.ledger.segments import compact  # pyarrow: only where there is a ledger

            try:
                compact(self._folder)
            except (OSError, ValueError) as error:
                _log.warning("a log of the ledger was not compacted (%s); it is read as it is, and tried again later", error)

        self._compacting = threading.Thread(target=run, name="keystep-compact", daemon=True)
        self._compacting.start()


def _rollouts(entries: Sequence[Entry]) -> int:
    return sum(len(e.group.rollouts) for e in entries)
