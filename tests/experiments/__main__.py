"""`make experiments`: what the slides say of training, tried on a task small enough for a CPU. Resumable at any point.

    PYTHONPATH=tests python tests/experiments [--seeds N] [--only EXPERIMENT] [--report]

Runs lie in a folder (--runs); each goes on where it was stopped, and what is finished is not run again. Results are kept in
docs/experiments/results.jsonl, a line for each finished run; docs/experiments.md's tables and plots are made from them.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path

import torch

from experiments import arms, plan, report, results
from running import running

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seeds", type=int, default=5, help="how many seeds of every arm; some experiments have fewer")
    arguments.add_argument("--runs", type=Path, default=ROOT / "runs" / "experiments", help="where runs lie")
    arguments.add_argument("--only", choices=plan.EXPERIMENTS, action="append", help="one of the experiments; may be given several times")
    arguments.add_argument("--report", action="store_true", help="only make the tables and plots of what is there")
    given = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the service is stopped too
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    if not given.report:
        given.runs.mkdir(parents=True, exist_ok=True)
        results.commit()  # as it is before anything runs: others commit meanwhile
        with running(given.runs) as service:
            runs = arms.Runs(given.runs, service.url)
            for name in given.only or plan.EXPERIMENTS:
                for job in plan.jobs(runs, name, given.seeds):
                    if not results.has(job.row):
                        plan.finish(job)
    report.write(results.read())


if __name__ == "__main__":
    main()
