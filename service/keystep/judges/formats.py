"""Outputs of models as AlpacaEval 2, Arena-Hard and MT-Bench store them.

alpaca_eval  [{"instruction", "output", "generator"}]                                           a JSON array
arena_hard   {"uid" | "question_id", "model" | "model_id", "messages": [...]}                    a line each, or with "choices"
mt_bench     {"question_id", "model_id", "choices": [{"turns": ["...", ...]}]}                    a line each
plain        {"id", "question", "output"}                                                         a line each

Arena-Hard and MT-Bench keep questions in a file of their own: {"question_id" | "uid", "turns" | "prompt"}. Several turns are one
conversation here, with its turns named.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystep.errors import InputError

_Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Answered:
    """One question and a model's answer to it."""

    id: str
    question: str
    output: str
    model: str


def rows(path: Path) -> list[_Row]:
    """Of a JSON array, or of JSON lines. Raises InputError that names the line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read {path}: {error}", field="in") from None
    if text.lstrip().startswith("["):
        found = _parsed(text, f"{path}")
    else:
        found = [_parsed(line, f"line {n} of {path}") for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    for number, row in enumerate(found, 1):
        if not isinstance(row, dict):
            raise InputError(f"entry {number} of {path} is no JSON object", field="in")
    if not found:
        raise InputError(f"{path} is empty", field="in")
    return list(found)


def answers(path: Path, questions: Path | None = None) -> dict[str, Answered]:
    """By id, in the file's order. questions: for formats that keep them apart."""
    asked = {} if questions is None else {_id(row): _question(row) for row in rows(questions)}
    found: dict[str, Answered] = {}
    for number, row in enumerate(rows(path), 1):
        try:
            answer = _answer(row, asked)
        except (KeyError, IndexError, TypeError) as error:
            raise InputError(
                f"entry {number} of {path}: {error} is not as AlpacaEval, Arena-Hard or MT-Bench store outputs, nor id, question and output",
                field="in",
            ) from None
        if answer.id in found:
            raise InputError(f"entry {number} of {path}: the id {answer.id!r} stands in it already", field="in")
        found[answer.id] = answer
    return found


def _answer(row: _Row, asked: Mapping[str, str]) -> Answered:
    if "instruction" in row:
        return Answered(str(row["instruction"]), _text(row["instruction"]), _text(row["output"]), str(row.get("generator", "")))
    id_ = _id(row)
    model = str(row.get("model", row.get("model_id", "")))
    if "output" in row:
        return Answered(id_, _text(row["question"]), _text(row["output"]), model)
    if id_ not in asked:
        raise InputError(f"there is no question {id_!r}; give the benchmark's questions with --questions", field="questions")
    if "messages" in row:
        turns = [_content(m["content"]) for m in row["messages"] if m["role"] == "assistant"]
    else:
        turns = [_content(turn) for turn in row["choices"][0]["turns"]]
    return Answered(id_, asked[id_], _joined(turns), model)


def _question(row: _Row) -> str:
    return _text(row["prompt"]) if "prompt" in row else _joined([_content(turn) for turn in row["turns"]])


def _content(turn: Any) -> str:
    """A turn is a text, or an object with it; Arena-Hard 2 puts the text of an answer under answer."""
    if isinstance(turn, Mapping):
        turn = turn["content"] if "content" in turn else turn["answer"]
    return _text(turn["answer"] if isinstance(turn, Mapping) else turn)


def _joined(turns: Iterable[str]) -> str:
    told = list(turns)
    return told[0] if len(told) == 1 else "\n\n".join(f"[Turn {n}]\n{turn}" for n, turn in enumerate(told, 1))


def _id(row: _Row) -> str:
    for name in ("uid", "question_id", "id"):
        if name in row:
            return str(row[name])
    raise KeyError("question_id")


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(repr(value)[:80])
    return value


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InputError(f"{where} is not JSON: {error}", field="in") from None
