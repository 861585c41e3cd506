"""`make experiments`: what the slides say of training, tried on a task small enough for a CPU. Resumable at any point.

    PYTHONPATH=tests python tests/experiments [--seeds N] [--report]

Runs lie in a folder (--runs); each goes on where it was stopped, and what is finished is not run again. Results are kept in
docs/experiments/results.jsonl, a line for each finished run; docs/experiments.md's tables and plots are made from them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from experiments import arms, report, results
from experiments.results import Row
from keystep_train import preference, sample, warmup, worker
from keystep_train.config import Settings
from running import running

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENTS = ["sparse", "schedules", "preference", "parts"]
S = TypeVar("S", bound=Settings)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=5, help="how many seeds of every arm")
    arguments.add_argument("--runs", type=Path, default=ROOT / "runs" / "experiments", help="where runs lie")
    arguments.add_argument("--only", choices=EXPERIMENTS, action="append", help="one of the experiments; may be given several times")
    arguments.add_argument("--report", action="store_true", help="only make the tables and plots of what is there")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is stopped too
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if not given.report:
        given.runs.mkdir(parents=True, exist_ok=True)
        with running(given.runs) as service:
            run_all(arms.Runs(given.runs, service.url), given.only or EXPERIMENTS, given.seeds)
    report.write(results.read())


def run_all(runs: arms.Runs, wanted: list[str], seeds: int) -> None:
    """Seed after seed, so that whatever is there compares like with like."""
    finish(Row("base", "base", 0), runs.base(), warmup.train)
    finish(Row("sparse", "warm-up", 0), runs.warm_up(), warmup.train)
    for experiment in wanted:
        for seed in range(seeds):
            for arm in arms.STEPGRPO.get(experiment, ()):
                finish(Row(experiment, arm.name, seed), runs.arm(arm, seed), worker.train)
            if experiment == "preference":
                prefer(runs, seed)


def prefer(runs: arms.Runs, seed: int) -> None:
    """Every objective on the same pairs. Those to train on are a seed's own, those that are held out everybody's."""
    for drawn in (runs.pairs("held-out", "test", 200, 0), runs.pairs(f"drawn-{seed}", "train", 500, seed)):
        if not Path(drawn.output).is_dir():
            sample.run(drawn)
    for arm in arms.PREFERENCE:
        finish(Row("preference", arm, seed), runs.preference(arm, seed), preference.train)


def finish(row: Row, settings: S, train: Callable[[S], None]) -> None:
    """Trains what is not trained yet, and keeps what came of it. CPU seconds are those of this process: a resumed run shows its last part's."""
    if results.has(row):
        return
    print(f"{row.experiment}: {row.arm}, seed {row.seed}", flush=True)
    began = time.process_time()
    train(settings)
    results.keep(row, Path(settings.output), cpu_seconds=time.process_time() - began)


if __name__ == "__main__":
    main()
