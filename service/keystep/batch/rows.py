"""The lines of an input file: JSON objects of JSONL, or rows of Parquet. A line that is neither is kept aside, with its reason."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic_core import from_json

from keystep.errors import InputError

_PARQUET_ROWS = 256


@dataclass(frozen=True, slots=True)
class Row:
    """number: of the line in the file, from 1."""

    number: int
    fields: dict[str, Any]


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that cannot be scored. text: the line itself, where there is one."""

    number: int
    reason: str
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Identity:
    """What an input is: its content, and how many lines it has."""

    sha256: str
    lines: int


def identify(path: Path) -> Identity:
    """Reads the whole file once; 1 GiB takes about a second."""
    digest, lines, last = hashlib.sha256(), 0, b"\n"
    try:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                lines += block.count(b"\n")
                last = block[-1:]
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; give a JSONL or Parquet file", field="in") from None
    if is_parquet(path):
        lines = _parquet(path).metadata.num_rows
    elif last != b"\n":
        lines += 1
    return Identity(digest.hexdigest(), lines)


def is_parquet(path: Path) -> bool:
    return path.suffix == ".parquet"


def read(path: Path) -> Iterator[Row | BadLine]:
    """Every line but blank ones, in order."""
    return _parquet_rows(path) if is_parquet(path) else _jsonl_rows(path)


def peek(lines: Iterator[Row | BadLine]) -> tuple[Row | None, Iterator[Row | BadLine]]:
    """The first row that could be read, and all lines all the same."""
    before: list[Row | BadLine] = []
    for line in lines:
        before.append(line)
        if isinstance(line, Row):
            return line, chain(before, lines)
    return None, iter(before)


def _jsonl_rows(path: Path) -> Iterator[Row | BadLine]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if line.isspace():
                continue
            try:
                # Strict: no NaN, no lone surrogates, valid UTF-8. What passes here can be written again.
                fields = from_json(line, allow_inf_nan=False)
            except ValueError as error:
                yield BadLine(number, f"not JSON: {error}", _shown(line))
                continue
            if isinstance(fields, dict):
                yield Row(number, fields)
            else:
                yield BadLine(number, f"a line must be a JSON object, not {type(fields).__name__}", _shown(line))


def _parquet_rows(path: Path) -> Iterator[Row | BadLine]:
    number = 0
    for batch in _parquet(path).iter_batches(batch_size=_PARQUET_ROWS):
        for fields in batch.to_pylist():
            number += 1
            yield Row(number, _present(fields))


def _present(value: Any) -> Any:
    """Without nulls: what a row leaves out is null in Parquet and absent in JSON."""
    if isinstance(value, dict):
        return {name: _present(v) for name, v in value.items() if v is not None}
    return [_present(v) for v in value] if isinstance(value, list) else value


def _parquet(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is not a Parquet file ({error}); rename it if it is JSONL", field="in") from None


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")
