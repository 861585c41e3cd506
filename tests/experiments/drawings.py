"""docs/experiments.md's plots, each from rows of results.jsonl, drawn as SVG beside them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from experiments.results import interval
from experiments.tables import Rows, accuracy, by_arm
from keystep_train.plots import svg

# Arms of one comparison: told apart by the colour-blind too.
_COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def curves(rows: Rows, arms: list[str], place: Path) -> None:
    """Sampled accuracy over steps, a line a run; all begin at the warm-up's."""
    figure, (axes,) = _figure(1)
    began = [accuracy(row, row["steps"]) for row in rows if row["arm"] == "warm-up"]
    for colour, arm in zip(_COLOURS, arms, strict=False):
        for i, row in enumerate(by_arm(rows).get(arm, [])):
            steps = sorted(map(int, row["evaluations"]))
            values = [*began, *(accuracy(row, step) for step in steps)]
            axes.plot([0] * len(began) + steps, values, color=colour, label=arm if i == 0 else None, linewidth=1.2)
    axes.set(xlabel="step", ylabel="sampled accuracy", ylim=(0, None))
    _written(figure, place)


def gammas(rows: Rows, ratios: dict[str, float], place: Path) -> None:
    """SimPO's Figure 3. ratios: gamma/beta by arm."""
    figure, (against, margins, chosen) = _figure(3)
    arms = {arm: by_arm(rows)[arm] for arm in sorted(ratios, key=lambda arm: ratios[arm]) if arm in by_arm(rows)}
    for colour, (label, values) in zip(
        _COLOURS,
        {
            "reward accuracy": [[row["measured"]["accuracy"] for row in runs] for runs in arms.values()],
            "sampled accuracy": [[accuracy(row, row["steps"]) for row in runs] for runs in arms.values()],
        }.items(),
        strict=False,
    ):
        _with_intervals(against, [ratios[arm] for arm in arms], values, colour, label)
    against.set(xlabel="gamma/beta", ylim=(0, 1))
    for colour, (arm, runs) in zip(_COLOURS, arms.items(), strict=False):
        _spread(margins, [row["measured"]["margins"] for row in runs], colour, f"{ratios[arm]:g}")
        _spread(chosen, [row["measured"]["chosen_averages"] for row in runs], colour, f"{ratios[arm]:g}")
    margins.set(xlabel="reward difference", ylabel="share of pairs below")
    chosen.set(xlabel="log-probability a token of chosen")
    _written(figure, place)


def kl_by_beta(rows: Rows, betas: dict[str, tuple[str, float]], place: Path) -> None:
    """SimPO's Figure 5a and 5b. betas: an arm's objective and its beta."""
    figure, (kl, sampled) = _figure(2)
    for colour, objective in zip(_COLOURS, dict.fromkeys(name for name, _ in betas.values()), strict=False):
        arms = sorted((beta, by_arm(rows)[arm]) for arm, (name, beta) in betas.items() if name == objective and arm in by_arm(rows))
        x = [beta for beta, _ in arms]
        _with_intervals(kl, x, [[row["measured"]["kl_on_chosen"] for row in runs] for _, runs in arms], colour, objective)
        _with_intervals(sampled, x, [[accuracy(row, row["steps"]) for row in runs] for _, runs in arms], colour, objective)
    for axes, label in ((kl, "log-ratio on chosen, nats a response"), (sampled, "sampled accuracy")):
        axes.set(xlabel="beta", xscale="log", ylabel=label)
    _written(figure, place)


def _with_intervals(axes: Any, x: list[float], values: list[list[float]], colour: str, label: str) -> None:
    if not values:
        return
    means, halves = zip(*(interval(one) for one in values), strict=True)
    known = [half if math.isfinite(half) else math.nan for half in halves]
    axes.errorbar(x, means, yerr=known, color=colour, label=label, marker="o", markersize=3, linewidth=1.2, capsize=2)


def _spread(axes: Any, quantiles: list[list[float]], colour: str, label: str) -> None:
    """What share lies below, from the quantiles of each seed."""
    mean = [sum(column) / len(column) for column in zip(*quantiles, strict=True)]
    axes.plot(mean, [i / (len(mean) - 1) for i in range(len(mean))], color=colour, label=label, linewidth=1.2)


def _figure(panels: int) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(6, 3.5) if panels == 1 else (3.6 * panels, 3.2), layout="constrained")
    return figure, list(figure.subplots(1, panels, squeeze=False)[0])


def _written(figure: Figure, place: Path) -> None:
    for axes in figure.axes:
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
    place.write_text(svg(figure), encoding="utf-8")
