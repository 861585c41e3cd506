"""Files of key steps, read and written: keystep's own lines, and R1-VL's rows with either of its two notations.

keystep  {"id", "question", "reference", "key_steps": [[form, ...], ...], "extractor", "address", "images"}
r1vl     {"id", "problem", "solution", "image_path", "key_steps": {"Steps": [form | [form, ...], ...]}}, or its JSON as a string
raw      the same with "key_steps": 'Key Elements:\\nImage Description: ["k1"]; Step 1: ["k2"]'
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from keystep.batch import rows
from keystep.batch.rows import BadLine
from keystep.errors import InputError
from keystep.keysteps import formats, grounding
from keystep.nouns import KeyStep
from keystep.wire.requests import Id, KeyStepIn

Notation = Literal["keystep", "r1vl", "raw"]

# Key steps that somebody else made.
IMPORTED = "imported"


class Record(BaseModel):
    """One line. address: what the extractor was, in full (ports.Extractor); None for imported key steps."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    id: Id
    question: str = ""
    reference: str = ""
    key_steps: list[KeyStepIn]
    extractor: str = IMPORTED
    address: str | None = None
    images: list[str] = []

    def steps(self) -> tuple[KeyStep, ...]:
        return tuple(KeyStep(s) if isinstance(s, str) else KeyStep(s[0], tuple(s[1:])) for s in self.key_steps)


def read(path: Path) -> Iterator[tuple[int, Record] | BadLine]:
    """The records of a file, whatever its notation, with their lines. Raises InputError at once when it cannot be read."""
    rows.identify(path)
    return _records(path)


def _records(path: Path) -> Iterator[tuple[int, Record] | BadLine]:
    for row in rows.read(path):
        if isinstance(row, BadLine):
            yield row
            continue
        try:
            yield row.number, _record(row.fields, row.number)
        except InputError as error:
            yield BadLine(row.number, f"{error.field}: {error}" if error.field else str(error), repr(row.fields))


def _record(fields: Mapping[str, Any], number: int) -> Record:
    if "Steps" in fields or "problem" in fields or isinstance(fields.get("key_steps"), str | Mapping):
        steps = formats.read({"Steps": fields["Steps"]} if "Steps" in fields else fields.get("key_steps"))
        fields = {
            "id": str(fields.get("id", f"row-{number}")),
            "question": fields.get("problem", fields.get("question", "")),
            "reference": fields.get("solution", fields.get("reference", "")),
            "key_steps": [list(step.forms) for step in steps],
            "images": [fields["image_path"]] if "image_path" in fields else fields.get("images", []),
        }
    try:
        return Record.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise InputError(first["msg"], field=".".join(map(str, first["loc"]))) from None


def line(record: Record, notation: Notation = "keystep") -> dict[str, Any]:
    """A record as it is written."""
    if notation == "keystep":
        return record.model_dump()
    row: dict[str, Any] = {"id": record.id, "problem": record.question, "solution": record.reference}
    if record.images:
        row["image_path"] = record.images[0]
    row["key_steps"] = formats.write_steps(record.steps()) if notation == "r1vl" else formats.write_raw(_sections(record))
    return row


def _sections(record: Record) -> dict[str, list[KeyStep]]:
    """Key steps by the section of the reference in which one of their forms stands; else by that of the one before."""
    parts = grounding.divide(record.reference).parts
    name = "Step 1"
    out: dict[str, list[KeyStep]] = {}
    for step in record.steps():
        where = next((p.name for form in step.forms for p in parts if grounding.find(form, p) is not None), name)
        # A reference without sections is one step to R1-VL.
        name = where if re.fullmatch(r"Image Description|Rationales|Step \d+", where) else "Step 1"
        out.setdefault(name, []).append(step)
    return out
