"""The plots of ``analyse``, each a figure of its own, drawn as SVG: the same data give the same file."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from keystep_train.analysis import RunFiles

# Ids in an SVG are random otherwise.
mpl.rcParams["svg.hashsalt"] = "keystep"
_SIZE = (6.0, 3.6)
_FEW = 20


def svg(figure: Figure) -> str:
    """The drawing as text."""
    text = StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def curve(runs: Sequence[RunFiles], metric: str, label: str) -> Figure | None:
    """A line a run over its steps; None where no run has logged it."""
    figure, axes = _figure("step", label)
    drawn = False
    for run in runs:
        steps, values = run.curve(metric)
        if steps:
            # Evaluations are few: one alone has no line to be seen by.
            axes.plot(steps, values, label=run.name, linewidth=1.2, marker="o" if len(steps) <= _FEW else "", markersize=3)
            drawn = True
    return _with_legend(figure) if drawn else None


def margins(runs: Sequence[RunFiles]) -> Figure | None:
    """How the objective's margin is spread over held-out pairs."""
    figure, axes = _figure("margin", "pairs")
    for run in _measured(runs):
        axes.hist([p.margin for p in run.held_out], bins=40, histtype="step", label=run.name)
    axes.axvline(0, color="grey", linewidth=0.8)
    return _with_legend(figure) if _measured(runs) else None


def lengths(runs: Sequence[RunFiles]) -> Figure | None:
    """Log-probability a token against length, a dot a response."""
    return _scatter(
        runs,
        "tokens",
        "log-probability a token",
        lambda run: [(n, a) for p in run.held_out for n, a in zip((p.chosen_length, p.rejected_length), p.averages, strict=True)],
    )


def margins_by_length(runs: Sequence[RunFiles]) -> Figure | None:
    """The margin against how much longer the chosen response is, a dot a pair."""
    return _scatter(
        runs,
        "tokens that the chosen response is longer",
        "margin",
        lambda run: [(p.chosen_length - p.rejected_length, p.margin) for p in run.held_out],
    )


def kl_by_beta(runs: Sequence[RunFiles], kl: Sequence[float | None]) -> Figure | None:
    """KL to the reference on chosen responses against the objective's beta, a line an objective."""
    figure, axes = _figure("beta", "KL on chosen, nats")
    points: dict[str, list[tuple[float, float]]] = {}
    for run, value in zip(runs, kl, strict=True):
        objective = run.config.get("objective", {})
        if value is not None and objective.get("beta") is not None:
            points.setdefault(objective["name"], []).append((objective["beta"], value))
    for name, line in points.items():
        axes.plot(*zip(*sorted(line), strict=True), marker="o", label=name)
    return _with_legend(figure) if points else None


def bars(names: Sequence[str], values: Sequence[float | None], label: str) -> Figure | None:
    """One figure of every run that has it, side by side."""
    known = [(name, value) for name, value in zip(names, values, strict=True) if value is not None and math.isfinite(value)]
    if not known:
        return None
    figure, axes = _figure("", label)
    axes.bar([name for name, _ in known], [value for _, value in known], width=0.5)
    return figure


def _scatter(runs: Sequence[RunFiles], x: str, y: str, points: Callable[[RunFiles], list[tuple[float, float]]]) -> Figure | None:
    figure, axes = _figure(x, y)
    for run in _measured(runs):
        axes.scatter(*zip(*points(run), strict=True), s=5, alpha=0.5, label=run.name)
    return _with_legend(figure) if _measured(runs) else None


def _measured(runs: Sequence[RunFiles]) -> list[RunFiles]:
    return [run for run in runs if run.held_out]


def _figure(x: str, y: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    return figure, axes


def _with_legend(figure: Figure) -> Figure:
    figure.axes[0].legend(fontsize="small")
    return figure
