"""The commands of `keystep-train`: each reads a configuration and does one thing with it. ``docs/training.md`` tells them all."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from cyclopts.exceptions import CycloptsError

from keystep_client import ClientError
from keystep_train import config
from keystep_train.errors import TrainError

app = App(
    name="keystep-train",
    help="""Train a policy on step-wise rewards from a running keystep.

    The usual order: `warmup` (supervised, on references), then `stepgrpo` (rewards from the service) or `preference` (SimPO and
    the eight objectives it is compared with). Every command reads one YAML file, writes into its `output` folder, and goes on
    where it was stopped when it is given again. Several processes: `torchrun --nproc_per_node 2 -m keystep_train.cli stepgrpo --config ...`.""",
    version_flags=[],
    result_action="return_value",
    help_flags=["--help", "-h"],
    help_epilogue="A file may begin from another: `base: paper` takes R1-VL's settings. docs/training.md has every field.",
)

ConfigPath = Annotated[Path, Parameter(name="--config", help="YAML file; docs/training.md has its fields.")]


@app.command
def warmup(*, config_file: ConfigPath) -> None:
    """Supervised fine-tuning on references: where StepGRPO begins."""
    from keystep_train import warmup

    warmup.train(config.load(config_file, config.Warmup))


@app.command
def stepgrpo(*, config_file: ConfigPath) -> None:
    """StepGRPO with rewards from a running service (`make serve`).

    `schedule: sync` waits for each batch's rewards; `one_step_off` draws the next batch meanwhile.
    """
    from keystep_train import worker

    worker.train(config.load(config_file, config.StepGrpo))


@app.command
def preference(*, config_file: ConfigPath) -> None:
    """SimPO, DPO, IPO, CPO, KTO, ORPO, R-DPO, RRHF or SLiC-HF, on pairs in TRL's form, or on pairs drawn from the policy itself.

    With `on_policy`, each round samples, has the service score and pair, and trains on the pairs; that needs a running service.
    """
    from keystep_train import on_policy, preference

    settings = config.load(config_file, config.Preference)
    (preference if settings.on_policy is None else on_policy).train(settings)


@app.command
def sample(*, config_file: ConfigPath) -> None:
    """Responses of a model to questions, scored and paired by a running service."""
    from keystep_train import sample

    sample.run(config.load(config_file, config.Sample))


@app.command
def analyse(*, config_file: ConfigPath) -> None:
    """Runs side by side: curves, and of preference runs with held-out pairs what SimPO's paper plots. SVG, JSON, one HTML page."""
    from keystep_train import report

    report.write(config.load(config_file, config.Analyse))


def execute(arguments: list[str]) -> int:
    """Runs one command; its exit status."""
    try:
        app(arguments, exit_on_error=False, print_error=True)
    except CycloptsError:
        return 2
    except (TrainError, ClientError) as error:
        print(f"keystep-train: {error}", file=sys.stderr)
        return 2
    return 0
