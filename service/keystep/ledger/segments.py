"""The ledger's files: *.jsonl, logs that are or were written to, and *.parquet, logs that were closed and compacted. Names sort by time.

A log whose end is torn (kill -9, power, a full disk) is read up to its last whole line. A log is compacted into a file beside it,
which is renamed once it is whole; where both stand, the log is left over from a kill and is not read.
"""

from __future__ import annotations

import fcntl
import io
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.json
import pyarrow.parquet as pq

from keystep.errors import InputError
from keystep.ledger.log import sync_folder
from keystep.ledger.schema import SCHEMA

_ROWS = 1024


def paths(folder: Path) -> list[Path]:
    """What is to be read, the oldest first. InputError where there is no such folder."""
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; give the one that KEYSTEP_LEDGER_PATH named", field="ledger")
    # Logs first: one that becomes Parquet meanwhile is then seen twice, not never.
    logs = {path.stem: path for path in folder.glob("*.jsonl")}
    compacted = {path.stem: path for path in folder.glob("*.parquet")}
    return [path for _, path in sorted({**logs, **compacted}.items())]


def read(folder: Path) -> Iterator[dict[str, Any]]:
    """Every entry, the oldest first, as SCHEMA names its columns. A service may be writing."""
    for path in paths(folder):
        content = _whole(path) if path.suffix == ".jsonl" else None
        if content is not None:
            for line in content.splitlines():
                yield {**dict.fromkeys(SCHEMA.names), **orjson.loads(line)}
            continue
        with closing(pq.ParquetFile(path.with_suffix(".parquet"))) as file:
            for batch in file.iter_batches(_ROWS):
                yield from batch.to_pylist()


def tables(folder: Path) -> tuple[pa.Table, list[Path]]:
    """The logs as one table, and the Parquet files beside them."""
    logs, compacted = [SCHEMA.empty_table()], []
    for path in paths(folder):
        content = _whole(path) if path.suffix == ".jsonl" else None
        if content is None:
            compacted.append(path.with_suffix(".parquet"))
        else:
            logs.append(_table(content))
    return pa.concat_tables(logs), compacted


def _table(content: bytes) -> pa.Table:
    if not content:
        return SCHEMA.empty_table()
    # pyarrow reads blocks, and a line has to stand in one.
    longest, start = 0, 0
    while (end := content.find(b"\n", start)) >= 0:
        longest, start = max(longest, end + 1 - start), end + 1
    reading = pa.json.ReadOptions(block_size=max(longest + 1, 1 << 20))
    parsing = pa.json.ParseOptions(explicit_schema=SCHEMA, unexpected_field_behavior="error")
    return pa.json.read_json(io.BytesIO(content), reading, parsing)


def compact(folder: Path) -> None:
    """Turns every log that nobody writes to any more into Parquet, and removes it. Whatever stops this, no entry is lost or doubled."""
    for path in sorted(folder.glob("*.jsonl")):
        try:
            held = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            continue  # another replica was faster
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _compact(path)
        except BlockingIOError:
            continue  # its service lives
        finally:
            os.close(held)


def _compact(path: Path) -> None:
    made = path.with_suffix(".parquet")
    content = _whole(path)
    if content is None:
        return
    if content and not made.exists():
        unfinished = path.with_suffix(".part")
        pq.write_table(_table(content), unfinished, compression="zstd", row_group_size=_ROWS)
        unfinished.chmod(0o600)
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        unfinished.replace(made)
        sync_folder(path.parent)
    path.unlink()


def _whole(path: Path) -> bytes | None:
    """A log up to its last whole line; None where it has become Parquet."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return content[: content.rfind(b"\n") + 1]
