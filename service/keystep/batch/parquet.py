"""A finished journal as Parquet: one row a rollout, in order. The file appears whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

_GROUPS_A_BATCH = 512
_NUMBERS = ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft")


def schema(recipe: Mapping[str, str], *, evidence: bool) -> pa.Schema:
    """extras and evidence are JSON texts; the recipe's name and hash stand in the file's metadata."""
    columns = [
        pa.field("id", pa.string()),
        pa.field("rollout_id", pa.string()),
        *(pa.field(name, pa.float64()) for name in _NUMBERS),
        pa.field("advantage", pa.float64()),
        pa.field("answer", pa.string()),
        pa.field("status", pa.string()),
        pa.field("reasons", pa.list_(pa.string())),
        pa.field("flags", pa.list_(pa.string())),
        pa.field("extras", pa.string()),
        *([pa.field("evidence", pa.string())] if evidence else []),
    ]
    return pa.schema(columns, metadata={f"keystep.recipe.{key}": value for key, value in recipe.items()})


def write(groups: Iterable[Mapping[str, Any]], path: Path, recipe: Mapping[str, str], *, evidence: bool) -> None:
    """groups: in the wire's form."""
    whole = schema(recipe, evidence=evidence)
    unfinished = path.with_name(path.name + ".part")
    left = iter(groups)
    with pq.ParquetWriter(unfinished, whole) as writer:
        while batch := list(islice(left, _GROUPS_A_BATCH)):
            writer.write_table(pa.Table.from_pylist([row for group in batch for row in _rows(group, evidence=evidence)], schema=whole))
    unfinished.replace(path)


def _rows(group: Mapping[str, Any], *, evidence: bool) -> Iterator[dict[str, Any]]:
    for rollout, advantage in zip(group["rollouts"], group["advantages"], strict=True):
        row = {name: rollout[name] for name in (*_NUMBERS, "answer", "status", "reasons", "flags")}
        row |= {"id": group["id"], "rollout_id": rollout["id"], "advantage": advantage, "extras": json.dumps(rollout["extras"])}
        if evidence:
            row["evidence"] = json.dumps(rollout["evidence"])
        yield row
