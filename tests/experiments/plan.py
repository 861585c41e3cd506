"""In which order runs are made, and what each needs to have been made before."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from experiments import arms, results
from experiments.results import Row
from keystep_train import preference, sample, warmup, worker
from keystep_train.config import Preference, Sample, Settings

EXPERIMENTS = [*arms.STEPGRPO, "supervised", *arms.PREFERENCE, "cost"]
# Of those that are not the headline, fewer seeds.
_SEEDS = {"group-size": 3, "longer": 2, "gamma": 3, "gamma-often": 2, "beta": 3, "cost": 3}


@dataclass(frozen=True)
class Job:
    """A run: its place in the tables, its configuration, what trains it, and what it begins from."""

    row: Row
    settings: Settings
    train: Callable[[Any], None]
    needs: list[Callable[[], None]] = field(default_factory=list)


def jobs(runs: arms.Runs, experiment: str, seeds: int) -> Iterator[Job]:
    """Seed after seed, so that whatever is there compares like with like."""
    for seed in range(min(seeds, _SEEDS.get(experiment, seeds))):
        for arm in arms.STEPGRPO.get(experiment, ()):
            yield from _warm_ups(runs, arm.regime)
            yield Job(Row(experiment, arm.name, seed), runs.arm(arm, seed), worker.train, _warmed(runs, arm.regime))
        if experiment == "supervised":
            for told in arms.SUPERVISED:
                yield from _warm_ups(runs, "sparse")
                yield Job(Row(experiment, told.name, seed), runs.supervised(told, seed), warmup.train, _warmed(runs, "sparse"))
        for name in arms.PREFERENCE.get(experiment, ()):
            yield from _warm_ups(runs, "wordy")
            yield Job(Row(experiment, name, seed), runs.preference(experiment, name, seed), preference.train, _paired(runs, seed))
        for name in arms.COST if experiment == "cost" else ():
            yield Job(Row(experiment, name, seed), runs.cost(name, seed), _in_a_process, _drawn(runs, runs.pairs("few", "train", 24, 0)))


def finish(job: Job) -> None:
    """Trains, and keeps what came of it."""
    print(f"{job.row.experiment}: {job.row.arm}, seed {job.row.seed}", flush=True)
    for make in job.needs:
        make()
    job.train(job.settings)
    results.keep(job.row, Path(job.settings.output))


def _warm_ups(runs: arms.Runs, regime: str) -> Iterator[Job]:
    """The models a regime's runs begin from, as rows of their own."""
    yield Job(Row("base", "base", 0), runs.base(), warmup.train)
    yield Job(Row(regime, "warm-up", 0), runs.warm_up(regime), warmup.train, [partial(warmup.train, runs.base())])


def _warmed(runs: arms.Runs, regime: str) -> list[Callable[[], None]]:
    """Where results are kept and their runs are not, as in a fresh checkout, the models are made again. A finished run does nothing."""
    return [partial(warmup.train, runs.base()), partial(warmup.train, runs.warm_up(regime))]


def _paired(runs: arms.Runs, seed: int) -> list[Callable[[], None]]:
    """Pairs to train on are a seed's own, those that are held out everybody's."""
    return _drawn(runs, runs.pairs("held-out", "test", 200, 0), runs.pairs(f"drawn-{seed}", "train", 500, seed))


def _drawn(runs: arms.Runs, *pairs: Sample) -> list[Callable[[], None]]:
    return [*_warmed(runs, "wordy"), *(partial(sample.run, told) for told in pairs if not Path(told.output).is_dir())]


def _in_a_process(settings: Preference) -> None:
    """Of its own, so that the most memory it held is its own."""
    path = Path(settings.output).with_suffix(".json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(settings.model_dump_json(exclude_none=True), encoding="utf-8")  # JSON is YAML
    subprocess.run([sys.executable, "-m", "keystep_train.cli", "preference", "--config", str(path)], check=True)
