"""Two processes: each takes its share, and together they take the step that one would."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

import keystep_train
from keystep_train import commands, config
from keystep_train.errors import ConfigError
from keystep_train.runs import Run
from train import configs

PEERS = Path(__file__).parents[2] / ".venv" / "peers"
LAUNCH = Path(keystep_train.__file__).parent / "configs" / "accelerate"


def launched(command, path):
    """By torchrun with two processes on the CPU; what `accelerate launch` starts on GPUs is the same."""
    start(["torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m", "keystep_train.cli"], command, path)


def fsdp(command, path):
    """By accelerate with the file that comes with the package."""
    launch = ["accelerate.commands.launch", "--config_file", str(LAUNCH / "fsdp.yaml"), "--main_process_port", "0"]
    start([*launch, str(Path(__file__).with_name("shards_on_cpus.py"))], command, path)


def deepspeed(command, path):
    """Likewise, but in float32, so that figures can be compared; in processes that see .venv/peers."""
    assert (PEERS / "deepspeed").is_dir(), "DeepSpeed is not installed: run make .venv/.peers (make test does)"
    launch = ["accelerate.commands.launch", "--config_file", str(LAUNCH / "deepspeed.yaml"), "--main_process_port", "0"]
    path_with_ninja = f"{PEERS / 'bin'}{os.pathsep}{os.environ['PATH']}"
    told = {"PYTHONPATH": str(PEERS), "PATH": path_with_ninja, "DS_ACCELERATOR": "cpu", "ACCELERATE_USE_CPU": "false"}
    start([*launch, "--mixed_precision", "no", str(Path(__file__).with_name("deepspeed_on_cpus.py"))], command, path, **told)


def start(launch, command, path, **told):
    environment = os.environ | {"OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"} | told
    subprocess.run([sys.executable, "-m", *launch, command, "--config", str(path)], check=True, env=environment, timeout=300)


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


def three_steps(output, service, model, **more):
    """Drawn one step off, with an evaluation and, after two steps, a checkpoint."""
    evaluation = {"every": 3, "questions": 4}
    return configs.stepgrpo(output, service.url, model, steps=3, schedule="one_step_off", evaluation=evaluation, **more)


@pytest.fixture(scope="module")
def two(tmp_path_factory, service, warmed):
    """What two processes came to, each with the whole model."""
    output = tmp_path_factory.mktemp("two") / "out"
    launched("stepgrpo", configs.write(output.with_suffix(".yaml"), three_steps(output, service, warmed)))
    return output


def test_two_processes_share_the_questions_of_a_step(two):
    assert len(losses(two)) == 3
    extras = [torch.load(two / "checkpoints" / "2" / f"extra-{i}.pt", weights_only=False) for i in (0, 1)]
    asked = [{group["id"] for group in extra.groups} for extra in extras]
    assert [len(ids) for ids in asked] == [1, 1]
    assert not asked[0] & asked[1]


@pytest.mark.parametrize("sharded", [fsdp, deepspeed])
def test_shards_take_the_steps_of_whole_models_and_go_on_where_they_were_stopped(tmp_path, two, service, warmed, sharded):
    """Every process draws from its shards, a step's gradients come in two parts, and what is saved is whole."""
    output = tmp_path / "shards"
    path = configs.write(tmp_path / "shards.yaml", three_steps(output, service, warmed, micro_batch=2))
    sharded("stepgrpo", path)
    once = losses(output)
    assert once == pytest.approx(losses(two), rel=1e-3, abs=1e-6)
    whole, shards = (load_file(folder / "model" / "model.safetensors") for folder in (two, output))
    assert whole.keys() == shards.keys()
    for name, weight in whole.items():
        assert (weight - shards[name]).abs().max() < 1e-3
    (output / "model").rename(tmp_path / "first")  # as if it had been stopped after its checkpoint
    sharded("stepgrpo", path)
    assert losses(output) == pytest.approx(once, rel=1e-5)


def test_an_adapter_in_shards_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    said = configs.warm_up(tmp_path / "out", "http://127.0.0.1:9", model=configs.TINY | {"lora": {"rank": 2}})
    monkeypatch.setattr(Accelerator, "is_fsdp2", property(lambda _: True))
    with pytest.raises(ConfigError, match=r"model\.lora: an adapter cannot be merged from shards"):
        Run(configs.settings(config.Warmup, said))


def test_what_processes_cannot_share_evenly_is_named():
    second = SimpleNamespace(accelerator=SimpleNamespace(num_processes=2, process_index=1))
    assert Run.share(second, "batch", 6) == (3, 3)
    with pytest.raises(ConfigError, match="batch is 3, which 2 processes cannot share evenly; take a multiple of 2"):
        Run.share(second, "batch", 3)
