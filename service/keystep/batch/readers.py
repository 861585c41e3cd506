"""Formats: from a file's rows to groups of the wire. To add one, write a converter and put it into READERS.

A converter takes one row and returns one group in the wire's form, or raises UnusableError with the reason. `flat` alone looks
at many rows at once: one rollout a line, gathered by question.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

from keystep import wire
from keystep.batch.rows import BadLine, Row
from keystep.core import structure
from keystep.errors import InputError
from keystep.keysteps import formats
from keystep.nouns import SectionKind

_Fields = Mapping[str, Any]
# The lines a group came from, and the group in the wire's form, not validated yet.
_Found = tuple[tuple[int, ...], dict[str, Any]] | BadLine
_GSM8K_MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")


class UnusableError(ValueError):
    """Why a row makes no group."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One group, and the lines it came from (the first one first)."""

    lines: tuple[int, ...]
    group: wire.GroupIn


@dataclass(frozen=True, slots=True)
class Reader:
    """recognises: whether a row looks like this format.  groups: the rows' groups."""

    name: str
    recognises: Callable[[_Fields], bool]
    groups: Callable[[Iterable[Row]], Iterator[_Found]]


def choose(name: str | None, first: Row) -> Reader:
    """The reader of that name, else the first one that recognises the first row."""
    if name is not None:
        if name not in READERS:
            raise InputError(f"there is no format {name!r}; use one of {', '.join(READERS)}", field="format")
        return READERS[name]
    for reader in READERS.values():
        if reader.recognises(first.fields):
            return reader
    raise InputError(
        f"the format cannot be told from line {first.number} (fields {', '.join(list(first.fields)[:12]) or 'none'}); "
        f"name it with --format: {', '.join(READERS)}",
        field="format",
    )


def entries(reader: Reader, lines: Iterable[Row | BadLine]) -> Iterator[Entry | BadLine]:
    """Valid groups with distinct ids; everything else as bad lines. Faults of the file itself come in their place."""
    aside: list[BadLine] = []
    seen: dict[str, int] = {}

    def rows() -> Iterator[Row]:
        for line in lines:
            if isinstance(line, Row):
                yield line
            else:
                aside.append(line)

    for found in reader.groups(rows()):
        yield from aside
        aside.clear()
        yield found if isinstance(found, BadLine) else _valid(*found, seen)
    yield from aside


def _valid(lines: tuple[int, ...], group: dict[str, Any], seen: dict[str, int]) -> Entry | BadLine:
    number = lines[0]
    try:
        valid = wire.parse(wire.GroupIn, to_json(group))
    except (InputError, ValueError) as error:
        return BadLine(number, str(error), _text(group))
    if valid.id in seen:
        return BadLine(number, f"id {valid.id!r} stands on line {seen[valid.id]} already; ids must be distinct", _text(group))
    seen[valid.id] = number
    return Entry(lines, valid)


def _text(group: _Fields) -> str:
    return json.dumps(group, default=str)


def _one_a_row(convert: Callable[[_Fields, int], dict[str, Any]]) -> Callable[[Iterable[Row]], Iterator[_Found]]:
    def groups(rows: Iterable[Row]) -> Iterator[_Found]:
        for row in rows:
            try:
                yield (row.number,), convert(row.fields, row.number)
            except UnusableError as error:
                yield BadLine(row.number, str(error), _text(row.fields))

    return groups


def _wire(row: _Fields, _: int) -> dict[str, Any]:
    return dict(row)


def _r1vl(row: _Fields, number: int) -> dict[str, Any]:
    """R1-VL training rows: problem, solution (Mulberry text), key_steps {"Steps": [...]}, image_path; sampled texts beside them."""
    sampled = row.get("completions", row.get("rollouts"))
    if not isinstance(sampled, list) or not sampled:
        raise UnusableError("no rollouts: the row needs sampled texts under 'completions' or 'rollouts'")
    solution = _string(row, "solution")
    id_ = str(row.get("id", f"row-{number}"))
    group: dict[str, Any] = {
        "id": id_,
        "question": _string(row, "problem"),
        "reference": solution,
        "answer": _last_answer(solution),
        "rollouts": [{"id": f"{id_}/{n}", "text": text} if isinstance(text, str) else text for n, text in enumerate(sampled)],
    }
    if "key_steps" in row:
        try:
            group["key_steps"] = [list(step.forms) for step in formats.read(row["key_steps"])]
        except InputError as error:
            raise UnusableError(f"key_steps: {error}") from None
    if "image_path" in row:
        group["images"] = [row["image_path"]]
    return group


def _last_answer(solution: str) -> str:
    sections = structure.parse(solution).of(SectionKind.ANSWER)
    answer = solution[slice(*sections[-1].body)].strip() if sections else ""
    if not answer:
        raise UnusableError("the solution has no text under '### The final answer is:', so there is no gold answer")
    return answer


def _gsm8k(row: _Fields, number: int) -> dict[str, Any]:
    """GSM8K example model solutions: one question, four models. The reference's last line is 'A: <n>'."""
    reference, _, answer = _string(row, "ground_truth").rpartition("\n")
    if not answer.startswith("A: "):
        raise UnusableError("the last line of ground_truth must be 'A: <number>'")
    id_ = f"gsm8k-{number}"
    return {
        "id": id_,
        "question": _string(row, "question"),
        "reference": reference,
        "answer": answer.removeprefix("A: "),
        "profile": "gsm8k",
        "rollouts": [{"id": f"{id_}/{model}", "text": _string(_mapping(row, model), "solution")} for model in _GSM8K_MODELS],
    }


def _qwen_math(row: _Fields, number: int) -> dict[str, Any]:
    """Qwen's responses to MATH questions: gt_cot (reference), gt (gold), code (the responses)."""
    texts = row.get("code")
    if not isinstance(texts, list):
        raise UnusableError("code must be a list of responses")
    id_ = f"math-{row.get('idx', number)}"
    return {
        "id": id_,
        "question": _string(row, "question"),
        "reference": _string(row, "gt_cot"),
        "answer": _string(row, "gt"),
        "profile": "math",
        "rollouts": [{"id": f"{id_}/{n}", "text": text} for n, text in enumerate(texts)],
    }


# What a flat row may say about its question, by the wire's names, and what else those are called.
_FLAT_QUESTION = {
    "question": ("question", "prompt"),
    "answer": ("answer", "ground_truth", "label"),
    "reference": ("reference", "solution"),
    **{name: (name,) for name in ("references", "key_steps", "choices", "answer_type", "precision", "profile", "images")},
}
_FLAT_TEXT = ("response", "completion")
_FLAT_ID = ("id", "question_id")


@dataclass(slots=True)
class _Gathered:
    question: dict[str, Any]
    lines: list[int] = field(default_factory=list)
    rollouts: list[dict[str, Any]] = field(default_factory=list)


def _flat(rows: Iterable[Row]) -> Iterator[_Found]:
    """One rollout a line, gathered by id (without ids, by the question itself). Rows of one question need not be neighbours, so
    the whole file is held in memory. Order: of each question's first row."""
    gathered: dict[str, _Gathered] = {}
    for row in rows:
        try:
            _gather(row, gathered)
        except UnusableError as error:
            yield BadLine(row.number, str(error), _text(row.fields))
    for id_, whole in gathered.items():
        yield tuple(whole.lines), {"id": id_, **whole.question, "rollouts": whole.rollouts}


def _gather(row: Row, gathered: dict[str, _Gathered]) -> None:
    text = _first(row.fields, _FLAT_TEXT)
    if not isinstance(text, str):
        raise UnusableError(f"no rollout: the row needs a text under one of {', '.join(_FLAT_TEXT)}")
    found = {name: _first(row.fields, names) for name, names in _FLAT_QUESTION.items()}
    question = {name: value for name, value in found.items() if value is not None}
    given = _first(row.fields, _FLAT_ID)
    id_ = str(given) if given is not None else _address(question)
    whole = gathered.setdefault(id_, _Gathered(question))
    if whole.question != question:
        differing = next(n for n in found if whole.question.get(n) != question.get(n))
        raise UnusableError(f"{differing} is not that of line {whole.lines[0]}, which has the same id {id_!r}")
    rollout: dict[str, Any] = {"id": str(row.fields.get("rollout_id", f"{id_}/{len(whole.rollouts)}")), "text": text}
    if "truncated" in row.fields:
        rollout["truncated"] = row.fields["truncated"]
    if any(r["id"] == rollout["id"] for r in whole.rollouts):
        raise UnusableError(f"rollout_id {rollout['id']!r} stands on an earlier line already; ids must be distinct")
    whole.rollouts.append(rollout)
    whole.lines.append(row.number)


def _address(question: dict[str, Any]) -> str:
    return hashlib.sha256(to_json(question)).hexdigest()[:16]


def _first(row: _Fields, names: Iterable[str]) -> Any:
    return next((row[name] for name in names if name in row), None)


def _string(row: _Fields, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str):
        raise UnusableError(f"{name} must be a string, not {type(value).__name__ if name in row else 'missing'}")
    return value


def _mapping(row: _Fields, name: str) -> _Fields:
    value = row.get(name)
    if not isinstance(value, Mapping):
        raise UnusableError(f"{name} must be an object, not {type(value).__name__ if name in row else 'missing'}")
    return value


def _has(*names: str) -> Callable[[_Fields], bool]:
    return lambda row: all(name in row for name in names)


# In the order in which they are tried.
READERS: Mapping[str, Reader] = {
    reader.name: reader
    for reader in (
        Reader("r1vl", _has("problem", "solution"), _one_a_row(_r1vl)),
        Reader("groups", _has("id", "rollouts"), _one_a_row(_wire)),
        Reader("gsm8k", _has("ground_truth", *_GSM8K_MODELS), _one_a_row(_gsm8k)),
        Reader("qwen-math", _has("gt", "gt_cot", "code"), _one_a_row(_qwen_math)),
        Reader("flat", lambda row: any(name in row for name in _FLAT_TEXT), _flat),
    )
}
