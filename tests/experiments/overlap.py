"""How much of the reward time each schedule hides: a real service behind a proxy that holds its answers back.

    PYTHONPATH=tests python tests/experiments/overlap.py

First a few steps of sync, to see how long drawing a batch takes. Then both schedules, with every answer held back for half of that. Prints
a table, and draws docs/experiments/overlap.svg: what the last steps of both did, on one axis of seconds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure

from experiments.results import FILE
from keystep_train import config, warmup, worker
from keystep_train.plots import svg
from running import running
from tcp_proxy import proxy_to

STEPS = 12
SHOWN = 4
_COLOURS = {"draw": "#0072b2", "prepare": "#56b4e9", "wait": "#d55e00", "learn": "#009e73"}
_ORDER = ("draw", "prepare", "wait", "learn")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with running(place) as service, proxy_to(service.url) as proxy:
            common = {
                "data": {"task": "arithmetic", "difficulty": 5},
                "service": {"url": proxy.url(service.url)},
                "sampling": {"rollouts": 4, "temperature": 1.2, "max_new_tokens": 60, "cache": "dynamic"},
                "trackers": [],
            }
            model = {"tiny": {"hidden": 128, "layers": 2, "heads": 4}}
            warm = config.Warmup.model_validate(common | {"output": str(place / "warm-up"), "steps": 40, "batch": 32, "model": model})
            warmup.train(warm)
            common |= {"questions": 8, "model": {"path": str(place / "warm-up" / "model")}}
            drawing = statistics.median(line["time/draw"] for line in run(common, place / "measured", "sync", steps=4))
            proxy.delay = drawing / 2
            print(f"drawing a batch takes {drawing:.2f} s; every answer is held back {proxy.delay:.2f} s")
            lines = {schedule: run(common, place / schedule, schedule, steps=STEPS) for schedule in ("sync", "one_step_off")}
    print(f"{'schedule':14}{'s a step':>10}{'reward s':>10}{'waited s':>10}{'hidden':>9}")
    for schedule, steps in lines.items():
        # Without the first step, which draws twice one step off, and the last, which draws nothing.
        steady = steps[1:-1]
        reward, waited = (sum(line[f"reward_time/{name}"] for line in steady) for name in ("seconds", "waited"))
        step = statistics.mean(line["time/step"] for line in steady)
        print(f"{schedule:14}{step:10.2f}{reward / len(steady):10.2f}{waited / len(steady):10.2f}{1 - waited / reward:9.1%}")
    timeline(lines, FILE.parent / "overlap.svg")


def run(common: dict[str, Any], output: Path, schedule: str, *, steps: int) -> list[dict[str, float]]:
    """The metrics of a run."""
    worker.train(config.StepGrpo.model_validate(common | {"output": str(output), "steps": steps, "schedule": schedule}))
    return [json.loads(line) for line in (output / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def timeline(lines: dict[str, list[dict[str, float]]], place: Path) -> None:
    """A bar a schedule: the phases of some steps, one after the other."""
    figure = Figure(figsize=(7, 2.2), layout="constrained")
    axes = figure.subplots()
    for row, steps in enumerate(lines.values()):
        at = 0.0
        for step in steps[1 : 1 + SHOWN]:
            for phase in _ORDER:
                axes.barh(row, step[f"time/{phase}"], left=at, color=_COLOURS[phase])
                at += step[f"time/{phase}"]
    axes.set_yticks(range(len(lines)), labels=list(lines))
    axes.set(xlabel=f"seconds, {SHOWN} steps")
    handles = [axes.barh(0, 0, color=colour) for colour in _COLOURS.values()]
    axes.legend(handles, list(_COLOURS), ncols=4, fontsize="small", loc="lower center", bbox_to_anchor=(0.5, 1.0))
    axes.invert_yaxis()
    place.write_text(svg(figure), encoding="utf-8")


if __name__ == "__main__":
    main()
