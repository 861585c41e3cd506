"""Two processes: each takes its share, and together they take the step that one would."""

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from keystep_train import commands
from keystep_train.errors import ConfigError
from keystep_train.runs import Run
from train import configs


def launched(command, path):
    """By torchrun with two processes on the CPU; what `accelerate launch` starts on GPUs is the same."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "keystep_train.cli"]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    subprocess.run([*launch, command, "--config", str(path)], check=True, env=environment, timeout=300)


def losses(output):
    return [json.loads(line)["loss"] for line in (output / "metrics.jsonl").read_text().splitlines()]


def test_two_processes_take_the_step_of_one(tmp_path, service):
    for name in ("one", "two"):
        configs.write(tmp_path / f"{name}.yaml", configs.warm_up(tmp_path / name, service.url, steps=4))
    assert commands.execute(["warmup", "--config", str(tmp_path / "one.yaml")]) == 0
    launched("warmup", tmp_path / "two.yaml")
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)
    one, two = (load_file(tmp_path / name / "model" / "model.safetensors") for name in ("one", "two"))
    for name, weight in one.items():
        assert (weight - two[name]).abs().max() < 1e-3


def test_two_processes_share_the_questions_of_a_step(tmp_path, service, warmed):
    path = configs.write(tmp_path / "a.yaml", configs.stepgrpo(tmp_path / "a", service.url, warmed, steps=3, schedule="one_step_off"))
    launched("stepgrpo", path)
    assert len(losses(tmp_path / "a")) == 3
    extras = [torch.load(tmp_path / "a" / "checkpoints" / "2" / f"extra-{i}.pt", weights_only=False) for i in (0, 1)]
    asked = [{group["id"] for group in extra.groups} for extra in extras]
    assert [len(ids) for ids in asked] == [1, 1]
    assert not asked[0] & asked[1]


def test_what_processes_cannot_share_evenly_is_named():
    second = SimpleNamespace(accelerator=SimpleNamespace(num_processes=2, process_index=1))
    assert Run.share(second, "batch", 6) == (3, 3)
    with pytest.raises(ConfigError, match="batch is 3, which 2 processes cannot share evenly; take a multiple of 2"):
        Run.share(second, "batch", 3)
