"""What finished runs have shown: a JSON line each, in docs/experiments/results.jsonl, and intervals over seeds."""

from __future__ import annotations

import functools
import json
import math
import statistics
import subprocess
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from scipy import stats

from keystep_train.analysis import figures
from keystep_train.analysis import read as read_run

FILE = Path(__file__).resolve().parents[2] / "docs" / "experiments" / "results.jsonl"
# Of a step's figures, those that are kept for every step: evaluations, and what tells a sparse reward from a dense one.
_EVERY_STEP = ("rewards/zero_variance_share", "rewards/outcome", "rewards/step_rvr", "rewards/key_steps_matched", "kl", "lengths/mean")


@dataclass(frozen=True)
class Row:
    experiment: str
    arm: str
    seed: int


def read() -> list[dict[str, Any]]:
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()] if FILE.is_file() else []


def has(row: Row) -> bool:
    """Whether a run is among those kept."""
    return any((one["experiment"], one["arm"], one["seed"]) == (row.experiment, row.arm, row.seed) for one in read())


def keep(row: Row, folder: Path) -> None:
    """Adds a finished run: its evaluations by step, the means of other figures over tenths of it, and what held-out pairs say of it."""
    run = read_run(f"{row.arm}-{row.seed}", folder)
    lines = run.metrics
    evaluations = {
        line["step"]: {k.removeprefix("evaluation/"): v for k, v in line.items() if k.startswith("evaluation/")} for line in lines
    }
    kept = {
        "experiment": row.experiment,
        "arm": row.arm,
        "seed": row.seed,
        "steps": lines[-1]["step"],
        "commit": commit(),
        "cpu_seconds": round(sum(line["time/cpu"] for line in lines), 1),
        "evaluations": {step: values for step, values in evaluations.items() if values},
        "course": {name: _tenths([line[name] for line in lines if name in line]) for name in _EVERY_STEP if name in lines[-1]},
    }
    if "memory/peak_mib" in lines[-1]:
        kept["measured"] = figures(run)
    if run.held_out:
        kept["measured"] |= {"margins": _quantiles([p.margin for p in run.held_out])}
        kept["measured"] |= {"chosen_averages": _quantiles([p.averages[0] for p in run.held_out])}
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a", encoding="utf-8") as file:
        file.write(json.dumps(kept) + "\n")


def interval(values: list[float]) -> tuple[float, float]:
    """The mean, and half the width of its 95 % interval by Student's t; infinite for fewer than two values."""
    if len(values) < 2:
        return statistics.fmean(values), math.inf
    half = stats.t.ppf(0.975, len(values) - 1) * statistics.stdev(values) / math.sqrt(len(values))
    return statistics.fmean(values), float(half)


@functools.cache
def commit() -> str | None:
    """What the worker and the service were when it was first asked, but for what was not committed then. None: this is no checkout."""
    asked = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(asked, check=False, capture_output=True, text=True, cwd=FILE.parents[2]).stdout.strip() or None


def _quantiles(values: list[float]) -> list[float]:
    """The least, every twentieth part, the greatest: 21 values."""
    ordered = sorted(values)
    return [round(ordered[i * (len(ordered) - 1) // 20], 4) for i in range(21)]


def _tenths(values: list[float]) -> list[float]:
    edges = [len(values) * i // 10 for i in range(11)]
    return [round(statistics.fmean(values[a:b]), 4) for a, b in pairwise(edges) if b > a]
