"""The output as it grows: append-only, one finished group a line, resumable after a kill at any byte.

Beside the output OUT stands OUT.job.json, which says what job it belongs to (input, format, recipe, detail); it is written
first. On resume a partial last line is cut off, whole lines are the groups that are done, and another job is refused.
A lock on that file keeps a second process out; the system drops it when its holder dies, however it dies.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic_core import from_json

from keystep.errors import InputError

_BLOCK = 1 << 16


class Journal:
    """Opened by `with`. job: JSON values that together say what is being done. fields: what a finished line has at least."""

    def __init__(self, path: Path, job: Mapping[str, Any], *, fields: Sequence[str] = ("id", "rollouts")) -> None:
        self.path = path
        self.card = path.with_name(path.name + ".job.json")
        self._job = dict(job)
        self._fields = fields
        self._lock: IO[str] | None = None
        self._out: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self._lock = _locked(self.card)
        try:
            self._claim(self._lock)
            _cut_partial_line(self.path)
            self._out = self.path.open("ab", buffering=0)
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._out is not None
        assert self._lock is not None
        self._out.close()
        self._lock.close()

    def finished(self) -> Iterator[dict[str, Any]]:
        """The groups that are done, as they were written."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    group = from_json(line)
                    for name in self._fields:
                        group[name]
                except (ValueError, TypeError, KeyError):
                    raise InputError(
                        f"line {number} of {self.path} is no line of this job's; remove {self.path} and {self.card} to begin anew",
                        field="out",
                    ) from None
                yield group

    def append(self, lines: list[bytes]) -> None:
        """Each a group without its line end. On return they are on the disk."""
        assert self._out is not None
        if not lines:
            return
        rest = memoryview(b"".join(line + b"\n" for line in lines))
        while rest:
            rest = rest[self._out.write(rest) :]
        os.fsync(self._out.fileno())

    def _claim(self, card: IO[str]) -> None:
        """Write this job's card if there is none yet; InputError when the output is another job's."""
        begun = _read_card(card)
        if begun is None:
            if self.path.exists() and self.path.stat().st_size:
                raise InputError(f"{self.path} exists and no {self.card} says what it is; give another -o, or remove it", field="out")
            card.truncate(0)
            card.write(json.dumps(self._job, indent=1) + "\n")
            card.flush()
            os.fsync(card.fileno())
            return
        for name, mine in self._job.items():
            if begun.get(name) != mine:
                raise InputError(
                    f"{self.path} was begun with {name} {begun.get(name)!r}, not {mine!r}; "
                    f"give another -o, or remove {self.path} and {self.card} to begin anew",
                    field="out",
                )


def _read_card(card: IO[str]) -> dict[str, Any] | None:
    """None for a card that a kill cut short, or that was only just created: nothing was done under it yet."""
    try:
        begun = json.loads(card.read())
    except ValueError:
        return None
    return begun if isinstance(begun, dict) else None


def _locked(card: Path) -> IO[str]:
    try:
        file = card.open("a+", encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"cannot write {card}: {error.strerror}; give an -o in a folder that exists and can be written", field="out"
        ) from None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise InputError(
            f"another keystep is writing {card.name.removesuffix('.job.json')}; wait for it, or give another -o", field="out"
        ) from None
    file.seek(0)
    return file


def _cut_partial_line(path: Path) -> None:
    """Cut after the last line end; a kill within a write leaves a piece of a line there."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        at = file.seek(0, os.SEEK_END)
        while at:
            start = max(0, at - _BLOCK)
            file.seek(start)
            found = file.read(at - start).rfind(b"\n")
            if found >= 0:
                file.truncate(start + found + 1)
                return
            at = start
        file.truncate(0)
