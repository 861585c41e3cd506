"""Datasets to extract key steps from: rows of the formats keystep knows, with or without rollouts, as (question, reference).

The texts are those that `keystep score` sends for the same row, so that what is extracted here is found there in the cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from keystep.batch.rows import BadLine, Row
from keystep.errors import InputError
from keystep.wire.requests import QuestionIn

_Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One reference of one question. line: of the file.  id: the row's, '<id>/reference-<n>' where it has several, or made of the texts."""

    line: int
    id: str
    question: str
    reference: str
    images: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """recognises: whether a row looks like it.  texts: the question and its references, as they stand."""

    name: str
    recognises: Callable[[_Fields], bool]
    texts: Callable[[_Fields], tuple[Any, list[Any]]]


def choose(name: str | None, first: Row) -> Format:
    """The format of that name, else the first one that recognises the first row."""
    if name is not None:
        if name not in FORMATS:
            raise InputError(f"there is no format {name!r}; use one of {', '.join(FORMATS)}", field="format")
        return FORMATS[name]
    found = next((f for f in FORMATS.values() if f.recognises(first.fields)), None)
    if found is None:
        fields = ", ".join(list(first.fields)[:12]) or "none"
        raise InputError(
            f"the format cannot be told from line {first.number} (fields {fields}); name it with --format: {', '.join(FORMATS)}",
            field="format",
        )
    return found


def read(form: Format, lines: Iterable[Row | BadLine]) -> Iterator[Asked | BadLine]:
    """What there is to extract, ids distinct. The same question again (one rollout a line) is passed over; another under its id is bad."""
    seen: dict[str, Asked] = {}
    for line in lines:
        if isinstance(line, BadLine):
            yield line
            continue
        try:
            found = list(_asked(line, *form.texts(line.fields)))
        except (InputError, ValueError, LookupError, TypeError, AttributeError) as error:
            yield BadLine(line.number, f"not a row of format {form.name}: {error}", json.dumps(line.fields, default=str))
            continue
        for asked in found:
            before = seen.setdefault(asked.id, asked)
            if before is asked:
                yield asked
            elif (before.question, before.reference) != (asked.question, asked.reference):
                yield BadLine(
                    line.number, f"id {asked.id!r} stands on line {before.line} with other texts", json.dumps(line.fields, default=str)
                )


def _asked(row: Row, question: Any, references: list[Any]) -> Iterator[Asked]:
    if not references:
        raise ValueError("it has no reference")
    images = row.fields.get("images", [row.fields["image_path"]] if "image_path" in row.fields else [])
    for n, reference in enumerate(references):
        given = row.fields.get("id", row.fields.get("idx"))
        id_ = hashlib.sha256(json.dumps([question, references]).encode()).hexdigest()[:16] if given is None else str(given)
        if len(references) > 1:
            id_ += f"/reference-{n}"
        valid = QuestionIn(id=id_, question=question, reference=reference)
        yield Asked(row.number, valid.id, valid.question, valid.reference, tuple(map(str, images)))


def _r1vl(row: _Fields) -> tuple[Any, list[Any]]:
    return row["problem"], [row["solution"]]


def _gsm8k(row: _Fields) -> tuple[Any, list[Any]]:
    """The last line of ground_truth is 'A: <n>', that of answer '#### <n>': neither is reasoning."""
    return row["question"], [(row["ground_truth"] if "ground_truth" in row else row["answer"]).rpartition("\n")[0]]


def _qwen_math(row: _Fields) -> tuple[Any, list[Any]]:
    return row["question"], [row["gt_cot"]]


def _questions(row: _Fields) -> tuple[Any, list[Any]]:
    """{"id", "question", "reference" or "references"}; groups of POST /v1/score and flat rows have these too."""
    return row.get("question", row.get("prompt", "")), row["references"] if "references" in row else [row["reference"]]


# In the order in which they are tried.
FORMATS: Mapping[str, Format] = {
    form.name: form
    for form in (
        Format("r1vl", lambda row: "problem" in row and "solution" in row, _r1vl),
        Format("questions", lambda row: "reference" in row or "references" in row, _questions),
        Format("gsm8k", lambda row: "question" in row and ("ground_truth" in row or "\n####" in str(row.get("answer"))), _gsm8k),
        Format("qwen-math", lambda row: "question" in row and "gt_cot" in row, _qwen_math),
    )
}
