"""docs/experiments.md's tables, each from rows of results.jsonl. A cell is a mean with its 95 % interval, then every seed's value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.results import interval

Rows = list[dict[str, Any]]
_ENDS = ("sampled_accuracy", "greedy_accuracy", "sampled_step_rvr", "sampled_key_steps_matched")


def ends(rows: Rows) -> str:
    """A line an arm: what it came to at the end, over the seeds."""
    lines = _head(
        "arm", "seeds", "sampled accuracy", "greedy accuracy", "StepRVR", "key steps matched", "groups without variance", "CPU s a run"
    )
    for arm, runs in by_arm(rows).items():
        last = [row["evaluations"][str(row["steps"])] for row in runs]
        cells = [cell([one[name] for one in last], each=name == "sampled_accuracy") for name in _ENDS]
        variance = [tenth for row in runs for tenth in row["course"].get("rewards/zero_variance_share", [])]
        cells.append(f"{sum(variance) / len(variance):.2f}" if variance else "")
        cells.append(f"{sum(row['cpu_seconds'] for row in runs) / len(runs):.0f}")
        lines.append(_line(arm, len(runs), *cells))
    return "\n".join([*lines, "", made_at(rows)])


def difference(rows: Rows, one: str, other: str) -> str:
    """How the second arm's sampled accuracy at the end differs from the first's, seed by seed."""
    found = {(row["arm"], row["seed"]): accuracy(row, row["steps"]) for row in rows}
    both = sorted(seed for arm, seed in found if arm == other and (one, seed) in found)
    if not both:
        return ""
    values = [found[other, seed] - found[one, seed] for seed in both]
    return f"{other} less {one}, sampled accuracy, seed by seed ({len(both)}): {cell(values)}"


def group_sizes(rows: Rows, sizes: dict[int, tuple[int, int]]) -> str:
    """Table 3. sizes: M to the step of an equal number of prompts, and the step of an equal number of rollouts."""
    arms = by_arm(rows)
    lines = _head("M", "seeds", "as many prompts: steps", "sampled accuracy", "as many rollouts: steps", "sampled accuracy")
    for m, steps in sizes.items():
        runs = arms.get("step-wise" if m == 4 else f"M = {m}", [])
        if runs:
            cells = [part for step in steps for part in (step, cell([accuracy(row, step) for row in runs]))]
            lines.append(_line(m, len(runs), *cells))
    return "\n".join([*lines, "", made_at(rows)])


def courses(rows: Rows, steps: tuple[int, ...]) -> str:
    """A line an arm: sampled and greedy accuracy after so many steps."""
    lines = _head("arm", "seeds", *(f"{kind} accuracy, step {step}" for step in steps for kind in ("sampled", "greedy")))
    for arm, runs in by_arm(rows).items():
        values = [[row["evaluations"][str(step)][f"{kind}_accuracy"] for row in runs] for step in steps for kind in ("sampled", "greedy")]
        lines.append(_line(arm, len(runs), *map(cell, values)))
    return "\n".join([*lines, "", made_at(rows)])


def preference(rows: Rows) -> str:
    """A line an objective: what held-out pairs and questions say of the policies it trained."""
    return _measured(
        rows,
        {
            "reward accuracy": lambda one: one["accuracy"],
            "the warm-up's own": lambda one: one["reference_accuracy"],
            "median margin": lambda one: one["margins"][10],
            "log-probability with length": lambda one: one["length_correlation"],
            "margin with length difference": lambda one: one["margin_length_correlation"],
            "log-ratio on chosen": lambda one: one["kl_on_chosen"],
        },
        sampled=True,
    )


def contingency(rows: Rows) -> str:
    """The 2x2 of signs: DPO's margin (up or down), then the average log-probabilities'."""
    signs = {"up, likelier": "++", "up, less likely": "+-", "down, likelier": "-+", "down, less likely": "--"}
    return _measured(rows, {title: lambda one, both=both: one["agreement"][both] for title, both in signs.items()})


def cost(rows: Rows) -> str:
    """A line a way of training: CPU seconds of a step, and what its process held at most."""
    return _measured(
        rows,
        {"CPU s a step": lambda one: one["cpu_seconds_a_step"], "peak memory, MiB": lambda one: one["peak_memory_mib"]},
        name="repeats",
    )


def _measured(
    rows: Rows, columns: dict[str, Callable[[dict[str, Any]], float | None]], *, sampled: bool = False, name: str = "seeds"
) -> str:
    lines = _head("objective", name, *columns, *(["sampled accuracy"] if sampled else []))
    for arm, runs in by_arm(rows).items():
        cells = [cell([value(row["measured"]) for row in runs], each=False) for value in columns.values()]
        cells += [cell([accuracy(row, row["steps"]) for row in runs], each=False)] if sampled else []
        lines.append(_line(arm, len(runs), *cells))
    return "\n".join([*lines, "", made_at(rows)])


def by_arm(rows: Rows) -> dict[str, Rows]:
    """The rows of each arm, in the order in which the arms came."""
    return {arm: [row for row in rows if row["arm"] == arm] for arm in dict.fromkeys(row["arm"] for row in rows)}


def accuracy(row: dict[str, Any], step: int) -> float:
    """Sampled accuracy after so many steps."""
    return float(row["evaluations"][str(step)]["sampled_accuracy"])


def cell(values: list[float | None], *, each: bool = True) -> str:
    """The mean with its interval, where there are several; and every one of them. Of what could not be taken there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return "none"
    mean, half = interval(known)
    digits = 0 if abs(mean) >= 100 else 2
    told = f"**{mean:.{digits}f}**" if len(known) < 2 else f"**{mean:.{digits}f} ± {half:.{digits}f}**"
    return told + f" ({' / '.join(f'{value:.{digits}f}' for value in known)})" if each and len(known) > 1 else told


def made_at(rows: Rows) -> str:
    """The commits of the rows, in the order in which they came."""
    commits = dict.fromkeys(row["commit"] for row in rows if row["commit"])
    return f"Made at {', '.join(commits)}." if commits else "Not run yet."


def _head(*titles: str) -> list[str]:
    return [_line(*titles), "|" + "---|" * len(titles)]


def _line(*cells: object) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
