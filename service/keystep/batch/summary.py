"""The closing table: what the groups came to. A fold over scored groups in the wire's form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from keystep.batch.benchmarks import Tally
from keystep.nouns import Reason

COMPONENTS = ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft")

# The reasons that make a component null; all others explain a number.
UNDECIDED = frozenset(
    {
        Reason.VERIFIER_TIMEOUT,
        Reason.VERIFIER_CRASHED,
        Reason.EXTRACTOR_UNAVAILABLE,
        Reason.EXTRACTION_INVALID,
        Reason.EXTRACTION_REFUSED,
        Reason.MODEL_UNAVAILABLE,
        Reason.TRUNCATED_STEPS,
        Reason.JUDGE_UNAVAILABLE,
        Reason.JUDGE_INVALID,
        Reason.JUDGE_REFUSED,
        Reason.DEADLINE,
        Reason.INTERNAL_ERROR,
        Reason.NEEDS_JUDGE,
        Reason.NO_REFERENCE_ANSWER,
    }
)


@dataclass(slots=True)
class Summary:
    """sums, counts: over decided values, by component. undecided, flags: rollouts, by name. benchmark: its own figures."""

    groups: int = 0
    rollouts: int = 0
    zero_variance: int = 0
    bad_lines: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    undecided: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    degraded: set[str] = field(default_factory=set)
    benchmark: Tally | None = None

    def add(self, group: Mapping[str, Any]) -> None:
        self.groups += 1
        if self.benchmark is not None:
            self.benchmark.add(group)
        self.zero_variance += group["zero_variance"]
        for rollout in group["rollouts"]:
            self.rollouts += 1
            self.flags.update(rollout["flags"])
            if any(rollout[name] is None for name in COMPONENTS):
                self.undecided.update(UNDECIDED.intersection(rollout["reasons"]))
            for name in COMPONENTS:
                if rollout[name] is not None:
                    self.sums[name] += rollout[name]
                    self.counts[name] += 1

    def mean(self, component: str) -> float | None:
        """Over decided values; None when there are none."""
        return self.sums[component] / self.counts[component] if self.counts[component] else None

    def show(self, console: Console) -> None:
        means = Table("component", "mean", "decided", "undecided", title=f"{self.rollouts} rollouts of {self.groups} groups")
        for column in means.columns[1:]:
            column.justify = "right"
        for name in COMPONENTS:
            mean = self.mean(name)
            means.add_row(name, "-" if mean is None else f"{mean:.4f}", str(self.counts[name]), str(self.rollouts - self.counts[name]))
        console.print(means)
        console.print(f"zero-variance groups: {self.zero_variance} of {self.groups}")
        for what, counter in (("undecided", self.undecided), ("flags", self.flags)):
            told = ", ".join(f"{name} {n}" for name, n in sorted(counter.items(), key=lambda item: (-item[1], item[0])))
            console.print(f"{what}: {told or 'none'}", highlight=False, soft_wrap=True)
        if self.benchmark is not None:
            figures = ", ".join(f"{name} {value:.2f}" for name, value in self.benchmark.figures().items())
            told = f" ({self.benchmark.undecided} undecided count as not right)" if self.benchmark.undecided else ""
            console.print(f"{self.benchmark.profile}: {figures}{told}", highlight=False, soft_wrap=True)
        if self.degraded:
            console.print(f"degraded: {', '.join(sorted(self.degraded))}")
        if self.bad_lines:
            console.print(f"bad lines: {self.bad_lines}", style="bold red")
