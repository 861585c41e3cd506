"""`make train-smoke`: every command on a tiny model against a live service; stopped and resumed, a run is the run it would have been."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from keystep_train import commands
from train import configs

PEERS = Path(__file__).parents[2] / ".venv" / "peers"
# What depends on the machine: times, and what the process held at most.
MEASURED = ("time/", "reward_time/", "memory/")


def curve(output):
    """Every figure of every step but those measured."""
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if not name.startswith(MEASURED)} for line in lines]


def keystep_train(command, path):
    assert commands.execute([command, "--config", str(path)]) == 0


def stopped_after(monkeypatch, step):
    """The next run ends, as by Ctrl-C, when it has logged so many steps."""
    from keystep_train.runs import Run

    log = Run.log

    def logged(self, values):
        log(self, values)
        if self.step == step:
            raise KeyboardInterrupt

    monkeypatch.setattr(Run, "log", logged)


def preference(output, url, model, pairs, **more):
    said = configs.common(output, url, steps=6, batch=4, checkpoints=2, model={"path": str(model)}, pairs=str(pairs))
    return said | {"objective": {"name": "simpo", "gamma_beta_ratio": 0.5}, "optimiser": {"rate": 1e-3}} | more


@pytest.fixture(scope="module")
def drawn(tmp_path_factory, service, warmed):
    """What `sample` makes."""
    folder = tmp_path_factory.mktemp("drawn")
    said = configs.common(folder / "drawn", service.url, model={"path": str(warmed)}, questions=16, split="train", seeds=[13, 21, 42])
    del said["trackers"]
    said["sampling"] |= {"rollouts": 1, "top_p": 0.95}
    keystep_train("sample", configs.write(folder / "sample.yaml", said))
    return folder / "drawn"


def test_sample_scores_and_pairs(drawn):
    groups = [json.loads(line) for line in (drawn / "groups.jsonl").read_text().splitlines()]
    scores = [json.loads(line) for line in (drawn / "scores.jsonl").read_text().splitlines()]
    pairs = [json.loads(line) for line in (drawn / "pairs.jsonl").read_text().splitlines()]
    assert [len(group["rollouts"]) for group in groups] == [3] * 16
    assert [group["id"] for group in scores] == [group["id"] for group in groups]
    assert pairs
    for pair in pairs:
        assert pair["margin"] > 0
        assert pair["chosen"] != pair["rejected"]


@pytest.mark.parametrize("command", ["warmup", "stepgrpo", "one_step_off", "preference"])
def test_a_run_that_is_stopped_goes_on_as_if_it_had_not_been(command, tmp_path, service, warmed, drawn, monkeypatch, capsys):
    def said(name):
        output = tmp_path / name
        if command == "warmup":
            return configs.warm_up(output, service.url, evaluation={"every": 3, "questions": 4})
        if command == "preference":
            return preference(output, service.url, warmed, drawn / "pairs.jsonl", held_out=str(drawn / "pairs.jsonl"))
        schedule = "one_step_off" if command == "one_step_off" else "sync"
        return configs.stepgrpo(output, service.url, warmed, schedule=schedule)

    def run(name):
        keystep_train("stepgrpo" if command == "one_step_off" else command, configs.write(tmp_path / f"{name}.yaml", said(name)))

    run("whole")
    with monkeypatch.context() as patched:
        stopped_after(patched, 5)
        with pytest.raises(SystemExit, match="130"):
            run("stopped")
    assert len(curve(tmp_path / "stopped")) == 5
    run("stopped")
    assert curve(tmp_path / "stopped") == curve(tmp_path / "whole")
    assert len(curve(tmp_path / "whole")) == 6
    weights = [(tmp_path / name / "model" / "model.safetensors").read_bytes() for name in ("whole", "stopped")]
    assert weights[0] == weights[1]
    run("whole")
    assert "is finished: its model lies in" in capsys.readouterr().out


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(tmp_path, service, warmed):
    """kill -9, in the middle of a step, with a batch drawn ahead."""
    for name in ("whole", "killed"):
        configs.write(tmp_path / f"{name}.yaml", configs.stepgrpo(tmp_path / name, service.url, warmed, steps=20, schedule="one_step_off"))
    keystep_train("stepgrpo", tmp_path / "whole.yaml")
    arguments = [sys.executable, "-m", "keystep_train.cli", "stepgrpo", "--config", str(tmp_path / "killed.yaml")]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, env=os.environ | {"OMP_NUM_THREADS": "1"})
    metrics = tmp_path / "killed" / "metrics.jsonl"
    while not (metrics.is_file() and metrics.read_text().count("\n") >= 5):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait(60)
    done = len(curve(tmp_path / "killed"))
    assert 5 <= done < 20
    keystep_train("stepgrpo", tmp_path / "killed.yaml")
    assert curve(tmp_path / "killed") == curve(tmp_path / "whole")


def test_the_on_policy_loop_draws_scores_pairs_and_trains_in_rounds(tmp_path, service, warmed):
    said = preference(tmp_path / "loop", service.url, warmed, None, steps=2)
    del said["pairs"]
    said["on_policy"] = {"rounds": 2, "questions": 16, "seeds": [13, 21, 42]}
    said["sampling"] |= {"rollouts": 1, "temperature": 0.8, "top_p": 0.95}
    keystep_train("preference", configs.write(tmp_path / "loop.yaml", said))
    rounds = [json.loads((tmp_path / "loop" / f"round-{i}" / "drawn" / "groups.jsonl").read_text().splitlines()[0]) for i in (0, 1)]
    assert rounds[0]["id"] != rounds[1]["id"]
    assert (tmp_path / "loop" / "round-1" / "trained" / "model").is_dir()


def test_a_run_goes_on_under_its_own_configuration_only(tmp_path, service, capsys):
    configs.write(tmp_path / "a.yaml", configs.warm_up(tmp_path / "out", service.url, steps=1))
    keystep_train("warmup", tmp_path / "a.yaml")
    configs.write(tmp_path / "b.yaml", configs.warm_up(tmp_path / "out", service.url, steps=1, seed=4))
    assert commands.execute(["warmup", "--config", str(tmp_path / "b.yaml")]) == 2
    assert "was begun with seed = 0, and is now to go on with 4" in capsys.readouterr().err


def test_metrics_go_to_tensorboard_too(tmp_path, service):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    said = configs.warm_up(tmp_path / "out", service.url, steps=2) | {"trackers": ["tensorboard"]}
    keystep_train("warmup", configs.write(tmp_path / "a.yaml", said))
    events = EventAccumulator(str(tmp_path / "out" / "tensorboard" / "keystep-train"))
    events.Reload()
    assert all(event.value > 0 for event in events.Scalars("time/cpu"))
    logged = [event.value for event in events.Scalars("loss")]
    assert logged == pytest.approx([line["loss"] for line in curve(tmp_path / "out")])


def test_metrics_go_to_wandb_too(tmp_path):
    """Without a network, as WANDB_MODE=offline asks; in a process that sees .venv/peers, as what wandb brings is no version of ours."""
    assert (PEERS / "wandb").is_dir(), "wandb is not installed: run make .venv/.peers (make test does)"
    said = configs.warm_up(tmp_path / "out", "http://127.0.0.1:9", steps=2) | {"trackers": ["wandb"]}
    path = configs.write(tmp_path / "a.yaml", said)
    environment = os.environ | {"PYTHONPATH": str(PEERS), "WANDB_MODE": "offline", "OMP_NUM_THREADS": "1"}
    arguments = [sys.executable, "-m", "keystep_train.cli", "warmup", "--config", str(path)]
    subprocess.run(arguments, check=True, env=environment, cwd=tmp_path, timeout=300)
    (log,) = (tmp_path / "out" / "wandb").glob("offline-run-*/run-*.wandb")
    assert log.read_bytes().count(b"optimiser/gradient_norm") >= len(curve(tmp_path / "out")) == 2
