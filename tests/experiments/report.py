"""docs/experiments.md's tables and plots, from the results that are kept. What is between its marks is written by this module alone."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.results import FILE, interval
from keystep_train.plots import svg

PAGE = FILE.parents[1] / "experiments.md"
# Two arms are one comparison: these colours are told apart by the colour-blind too.
_COLOURS = {"warm-up": "#7f7f7f", "outcome": "#d55e00", "step-wise": "#0072b2"}
Rows = list[dict[str, Any]]


def write(rows: Rows) -> None:
    """Puts every table in its place in docs/experiments.md, and draws the plots beside the results."""
    page = PAGE.read_text(encoding="utf-8")
    sparse = [row for row in rows if row["experiment"] == "sparse"]
    page = _between(page, "sparse", table(sparse))
    step_wise = [row for row in rows if row["arm"].startswith("step-wise")]
    page = _between(page, "schedules", table(step_wise) + "\n\n" + difference(step_wise, "step-wise", "step-wise, one step off"))
    # The slides' Table 2 has all four combinations.
    page = _between(page, "parts", table([row for row in rows if row["experiment"] in {"sparse", "parts"}]))
    page = _between(page, "preference", preference_table([row for row in rows if row["experiment"] == "preference"]))
    PAGE.write_text(page, encoding="utf-8")
    curves(sparse, FILE.parent / "sparse.svg")


def difference(rows: Rows, one: str, other: str) -> str:
    """How the second arm's sampled accuracy at the end differs from the first's, seed by seed."""
    ends = {(row["arm"], row["seed"]): row["evaluations"][str(row["steps"])]["sampled_accuracy"] for row in rows}
    both = sorted(seed for arm, seed in ends if arm == other and (one, seed) in ends)
    return (
        f"{other} less {one}, sampled accuracy, seeds {both}: {_cell([ends[other, seed] - ends[one, seed] for seed in both])}"
        if both
        else ""
    )


def preference_table(rows: Rows) -> str:
    """A line an objective: what held-out pairs say of the policies it trained, over the seeds."""
    lines = [
        "| objective | seeds | reward accuracy | the warm-up's own | length correlation | both margins agree | KL on chosen | seconds a step |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm in dict.fromkeys(row["arm"] for row in rows):
        runs = [row for row in rows if row["arm"] == arm]
        found = [row["held_out"] for row in runs]
        both = [one | {"agree": one["agreement"]["++"] + one["agreement"]["--"]} for one in found]
        cells = [
            _cell([one[name] for one in both], each=False)
            for name in ("accuracy", "reference_accuracy", "length_correlation", "agree", "kl_on_chosen")
        ]
        seconds = sum(one["seconds_a_step"] for one in found) / len(found)
        lines.append(f"| {arm} | {_seeds(runs)} | {' | '.join(cells)} | {seconds:.2f} |")
    return "\n".join(lines)


def table(rows: Rows) -> str:
    """A line an arm: what it came to at the end, over the seeds."""
    lines = [
        "| arm | seeds | sampled accuracy | greedy accuracy | StepRVR | key steps matched | groups without variance | CPU s a run |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for arm in dict.fromkeys(row["arm"] for row in rows):
        runs = [row for row in rows if row["arm"] == arm]
        last = [row["evaluations"][str(row["steps"])] for row in runs]
        cells = [
            _cell([one[name] for one in last])
            for name in ("sampled_accuracy", "greedy_accuracy", "sampled_step_rvr", "sampled_key_steps_matched")
        ]
        variance = [tenth for row in runs for tenth in row["course"].get("rewards/zero_variance_share", [])]
        cells.append(f"{sum(variance) / len(variance):.2f}" if variance else "")
        cells.append(f"{sum(row['cpu_seconds'] for row in runs) / len(runs):.0f}")
        lines.append(f"| {arm} | {_seeds(runs)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def curves(rows: Rows, place: Path) -> None:
    """Sampled accuracy over steps, a line a run; all begin at the warm-up's."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    for arm in ("outcome", "step-wise"):
        for i, row in enumerate(row for row in rows if row["arm"] == arm):
            steps = sorted(map(int, row["evaluations"]))
            began = [r["evaluations"][str(r["steps"])]["sampled_accuracy"] for r in rows if r["arm"] == "warm-up"]
            values = [*began, *(row["evaluations"][str(step)]["sampled_accuracy"] for step in steps)]
            axes.plot([0] * len(began) + steps, values, color=_COLOURS[arm], label=arm if i == 0 else None, linewidth=1.2)
    axes.set(xlabel="step", ylabel="sampled accuracy", ylim=(0, None))
    axes.legend()
    place.write_text(svg(figure), encoding="utf-8")


def _seeds(runs: Rows) -> str:
    return ", ".join(str(row["seed"]) for row in runs)


def _cell(values: list[float | None], *, each: bool = True) -> str:
    """The mean with its interval, where there are several; and every one of them. Of what could not be taken there is none."""
    values = [value for value in values if value is not None]
    if not values:
        return "none"
    mean, half = interval(values)
    cell = f"**{mean:.2f}**" if len(values) < 2 else f"**{mean:.2f} ± {half:.2f}**"
    return cell + f" ({' / '.join(f'{value:.2f}' for value in values)})" if each and len(values) > 1 else cell


def _between(page: str, name: str, text: str) -> str:
    """The page with the text between <!-- name --> and <!-- /name -->."""
    return re.sub(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", lambda match: f"{match[1]}{text}\n{match[2]}", page, flags=re.DOTALL)
