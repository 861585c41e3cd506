"""What a run's own files say of it: curves from metrics.jsonl, and from held_out.jsonl what SimPO's paper (section 4) asks of a policy.

No I/O but reading; figures are null (None) where there is nothing to take them from, never 0.
"""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scipy import stats

from keystep_train.errors import DataError


@dataclass(frozen=True)
class HeldOut:
    """One pair as the trained policy and its reference see it: sums of log-probabilities, lengths in tokens, the objective's margin."""

    chosen: float
    rejected: float
    reference_chosen: float
    reference_rejected: float
    chosen_length: float
    rejected_length: float
    margin: float

    @property
    def averages(self) -> tuple[float, float]:
        """Log-probability a token, of chosen and of rejected."""
        return self.chosen / max(1.0, self.chosen_length), self.rejected / max(1.0, self.rejected_length)

    @property
    def log_ratio_margin(self) -> float:
        """D: DPO's margin but for its beta."""
        return (self.chosen - self.reference_chosen) - (self.rejected - self.reference_rejected)

    @property
    def average_margin(self) -> float:
        return self.averages[0] - self.averages[1]

    @property
    def reference_average_margin(self) -> float:
        return self.reference_chosen / max(1.0, self.chosen_length) - self.reference_rejected / max(1.0, self.rejected_length)


@dataclass(frozen=True)
class RunFiles:
    """config, metrics: as the run wrote them. held_out: empty where it measured none."""

    name: str
    config: dict[str, Any]
    metrics: list[dict[str, float]]
    held_out: list[HeldOut]

    def curve(self, metric: str) -> tuple[list[float], list[float]]:
        """Steps and values of a metric, where it was logged."""
        logged = [(line["step"], line[metric]) for line in self.metrics if metric in line]
        return [step for step, _ in logged], [value for _, value in logged]


def read(name: str, folder: Path) -> RunFiles:
    """A run's files. DataError: the folder is no run's."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        metrics = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    except OSError as error:
        raise DataError(f"runs.{name}: {error.filename}: {error.strerror}; give the output folder of a keystep-train run") from error
    place = folder / "held_out.jsonl"
    lines = place.read_text(encoding="utf-8").splitlines() if place.is_file() else []
    return RunFiles(name, config, metrics, [HeldOut(**json.loads(line)) for line in lines])


def figures(run: RunFiles) -> dict[str, Any]:
    """One run in numbers; those of held-out pairs are None without any.

    accuracy: share of positive margins.  reference_accuracy: of pairs that the reference's log-probability a token ranks rightly.
    length_correlation: Spearman's, of log-probability a token with length, over all responses.
    margin_length_correlation: Spearman's, of the margin with how much longer the chosen response is.
    agreement: shares of pairs by the signs of DPO's margin (first) and of the average log-probabilities' (second).
    kl_on_chosen: mean of log pi - log pi_ref over chosen responses, nats a response; below 0 where they have become less likely.
    cpu_seconds_a_step: median, of one process; seconds_a_step is by the clock.
    """
    pairs = run.held_out
    seconds = run.curve("time/step")[1]
    cpu = run.curve("time/cpu")[1]
    memory = run.curve("memory/peak_mib")[1]
    return {
        "steps": run.metrics[-1]["step"] if run.metrics else 0,
        "seconds_a_step": statistics.median(seconds) if seconds else None,
        "cpu_seconds_a_step": statistics.median(cpu) if cpu else None,
        "peak_memory_mib": max(memory) if memory else None,
        "accuracy": _mean([float(p.margin > 0) for p in pairs]),
        "reference_accuracy": _mean([float(p.reference_average_margin > 0) for p in pairs]),
        "mean_margin": _mean([p.margin for p in pairs]),
        "length_correlation": _spearman(
            [a for p in pairs for a in p.averages], [n for p in pairs for n in (p.chosen_length, p.rejected_length)]
        ),
        "margin_length_correlation": _spearman([p.margin for p in pairs], [p.chosen_length - p.rejected_length for p in pairs]),
        "agreement": _agreement(pairs) if pairs else None,
        "kl_on_chosen": _mean([p.chosen - p.reference_chosen for p in pairs]),
    }


def _agreement(pairs: list[HeldOut]) -> dict[str, float]:
    signs = [("+" if p.log_ratio_margin > 0 else "-") + ("+" if p.average_margin > 0 else "-") for p in pairs]
    return {both: signs.count(both) / len(signs) for both in ("++", "+-", "-+", "--")}


def _mean(values: list[float]) -> float | None:
    return statistics.fmean(values) if values else None


def _spearman(a: list[float], b: list[float]) -> float | None:
    """None where one of them does not vary: there is no rank to correlate."""
    if len(set(a)) < 2 or len(set(b)) < 2:
        return None
    return float(stats.spearmanr(a, b).statistic)
