"""Rollouts to look at again: a ledger's folder, or any file that `keystep score` reads. Both as groups of the wire, in order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystep import wire
from keystep.batch import rows
from keystep.batch.readers import Entry, choose, entries
from keystep.batch.rows import BadLine
from keystep.errors import InputError
from keystep.ledger import segments
from keystep.recipe import Recipe

_GIVEN = ("question", "key_steps", "answer", "choices", "answer_type", "precision", "profile")
_SCORED = ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft", "status", "reasons", "flags")


@dataclass(frozen=True, slots=True)
class Item:
    """recorded: the group as it was answered then, in the wire's form; None for a file, which has texts only.

    recipe: of then: its name and hash.  spec: the same as POST /v1/score takes it.
    """

    group: wire.GroupIn
    recorded: dict[str, Any] | None = None
    recipe: str | None = None
    spec: str | dict[str, Any] | None = None


def read(source: Path, recipe: Recipe, format: str | None = None) -> Iterator[Item | BadLine]:  # noqa: A002 - as the option
    """recipe: what they are to be scored by now. InputError where that cannot be."""
    return _ledger(source, recipe) if source.is_dir() else _file(source, format)


def _file(source: Path, format: str | None) -> Iterator[Item | BadLine]:  # noqa: A002
    first, lines = rows.peek(rows.read(source))
    if first is None:
        raise InputError(f"{source} has no line that is a JSON object; give a JSONL or Parquet file, or a ledger's folder", field="in")
    for found in entries(choose(format, first), lines):
        yield Item(found.group) if isinstance(found, Entry) else found


def _ledger(folder: Path, recipe: Recipe) -> Iterator[Item]:
    if recipe.extractor.endswith("+images"):
        raise InputError(
            f"the recipe {recipe.name} shows pictures to its extractor, and a ledger keeps only their hashes; use another", field="recipe"
        )
    found = False
    for row in segments.read(folder):
        found = True
        yield Item(_given(row), _recorded(row), f"{row['recipe']} {row['recipe_hash']}", json.loads(row["recipe_spec"]))
    if not found:
        raise InputError(f"the ledger {folder} has no entry yet", field="in")


def _given(row: dict[str, Any]) -> wire.GroupIn:
    given = {name: row[name] for name in _GIVEN if row[name] is not None}
    if row["reference_texts"] is not None:
        given["references"] = row["reference_texts"]
    rollouts = [{"id": r["rollout_id"], "text": r["text"], "truncated": r["truncated"]} for r in row["rollouts"]]
    return wire.GroupIn.model_validate({"id": row["group_id"], "rollouts": rollouts, **given})


def _recorded(row: dict[str, Any]) -> dict[str, Any]:
    rollouts = [{"id": r["rollout_id"], "answer": r["read_answer"], **{name: r[name] for name in _SCORED}} for r in row["rollouts"]]
    pair = None if row["chosen"] is None else {name: row[name] for name in ("chosen", "rejected", "margin")}
    return {
        "id": row["group_id"],
        "rollouts": rollouts,
        "advantages": [r["advantage"] for r in row["rollouts"]],
        **{name: row[name] for name in ("mean", "std", "zero_variance")},
        "pair": pair,
    }
