"""``analyse``: the figures of runs side by side as JSON, their plots as SVG, and both on one HTML page that needs nothing else."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from keystep_train import plots
from keystep_train.analysis import RunFiles, figures, read
from keystep_train.config import Analyse

_CURVES = {
    "loss": "loss",
    "rewards/reward": "reward",
    "rewards/outcome": "share right, as drawn",
    "rewards/step_rvr": "StepRVR",
    "rewards/key_steps_matched": "key steps matched",
    "rewards/zero_variance_share": "groups without variance",
    "rewards/accuracy": "reward accuracy on the batch",
    "evaluation/sampled_accuracy": "sampled accuracy",
    "evaluation/greedy_accuracy": "greedy accuracy",
    "kl": "KL to the reference, nats a token",
    "lengths/mean": "tokens a response",
    "reward_time/hidden_share": "share of reward time hidden",
}
_STYLE = "body{font:15px/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem}td,th{padding:.2rem .8rem;text-align:right}svg{max-width:100%;height:auto}"


def write(settings: Analyse) -> None:
    """figures.json, a file for each plot, report.html."""
    runs = [read(name, Path(folder)) for name, folder in settings.runs.items()]
    numbers = {run.name: figures(run) for run in runs}
    place = Path(settings.output)
    place.mkdir(parents=True, exist_ok=True)
    (place / "figures.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    drawings = {title: plots.svg(figure) for title, figure in _plots(runs, numbers).items() if figure is not None}
    for title, drawing in drawings.items():
        (place / f"{title.replace(' ', '-').replace(',', '')}.svg").write_text(drawing, encoding="utf-8")
    (place / "report.html").write_text(page(numbers, drawings), encoding="utf-8")
    print(f"{len(runs)} runs, {len(drawings)} plots: {place / 'report.html'}")


def page(numbers: dict[str, dict[str, Any]], drawings: dict[str, str]) -> str:
    """One page: a table with a column a run, then the plots."""
    names = list(numbers)
    rows = "".join(
        f"<tr><th>{figure.replace('_', ' ')}</th>" + "".join(f"<td>{_shown(numbers[name][figure])}</td>" for name in names) + "</tr>"
        for figure in numbers[names[0]]
    )
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    # The drawing alone, without what belongs to a file of its own.
    body = "".join(f"<h2>{html.escape(title)}</h2>{drawing[drawing.index('<svg') :]}" for title, drawing in drawings.items())
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>keystep-train: {html.escape(', '.join(names))}</title><style>{_STYLE}</style>"
        f"<h1>Runs side by side</h1><table><tr><th></th>{head}</tr>{rows}</table>{body}</html>\n"
    )


def _plots(runs: list[RunFiles], numbers: dict[str, dict[str, Any]]) -> dict[str, Figure | None]:
    column = {figure: [numbers[run.name][figure] for run in runs] for figure in numbers[runs[0].name]}
    names = [run.name for run in runs]
    return {label: plots.curve(runs, metric, label) for metric, label in _CURVES.items()} | {
        "margins of held-out pairs": plots.margins(runs),
        "log-probability against length": plots.lengths(runs),
        "margin against length difference": plots.margins_by_length(runs),
        "KL against beta": plots.kl_by_beta(runs, column["kl_on_chosen"]),
        "seconds a step": plots.bars(names, column["seconds_a_step"], "seconds a step, median"),
        "peak memory": plots.bars(names, column["peak_memory_mib"], "MiB"),
    }


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "<br>".join(f"{html.escape(key)} {share:.2f}" for key, share in value.items())
    return f"{value:.4g}"
