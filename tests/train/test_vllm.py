"""Rollouts by vLLM. Where it is not installed (it is no dependency: it brings a torch of its own), only that this is said is tested."""

import importlib.util
import json
import subprocess
import sys
from contextlib import closing

import pytest
import torch

from keystep_train import config, warmup
from keystep_train.batches import response_logps
from keystep_train.errors import ConfigError
from keystep_train.generation import generator
from keystep_train.policies import load
from keystep_train.questions import Questions
from train import configs

HERE = importlib.util.find_spec("vllm") is not None
with_vllm = pytest.mark.skipif(not HERE, reason="vLLM is not installed: docs/training.md has the versions it was run with")
VLLM = {"vllm": {"memory": 0.05}}


@pytest.mark.skipif(HERE, reason="vLLM is installed")
def test_vllm_that_is_not_installed_is_named_with_what_to_do(tmp_path):
    said = configs.stepgrpo(tmp_path / "out", "http://127.0.0.1:9", tmp_path)
    said["sampling"] |= VLLM
    with pytest.raises(ConfigError, match=r"a\.yaml: sampling\.vllm: .*not installed here: pip install vllm"):
        config.load(configs.write(tmp_path / "a.yaml", said), config.StepGrpo)


@pytest.mark.parametrize(
    ("sees", "processes", "wrong"), [(True, 1, "models of text alone"), (False, 2, "in one process, and there are 2; launch one")]
)
def test_what_vllm_cannot_draw_is_refused_before_it_is_started(sees, processes, wrong):
    questions = Questions(config.Data(task="scenes", difficulty=1), seed=0)
    policy = load(config.Model(tiny=config.Tiny(sees=sees, hidden=32, layers=1, heads=2)), questions.task, seed=0)
    with pytest.raises(ConfigError, match=wrong):
        generator(policy, config.Sampling().model_copy(update={"vllm": config.Vllm.model_construct()}), processes=processes)


@pytest.fixture(scope="module")
def wide(tmp_path_factory, service):
    """A warmed-up model whose heads have a size that vLLM knows on a CPU."""
    output = tmp_path_factory.mktemp("wide")
    more = {"model": {"tiny": {"hidden": 64, "layers": 1, "heads": 2}}, "batch": 32, "checkpoints": 1000}
    said = configs.warm_up(output, service.url, steps=60, optimiser={"rate": 1e-2, "warmup": 5}, **more)
    warmup.train(configs.settings(config.Warmup, said))
    return output / "model"


@pytest.fixture(scope="module")
def drawing(wide):
    """One engine for all: it takes half a minute to start."""
    policy = load(config.Model(path=str(wide)), None, seed=0)
    told = config.Sampling(rollouts=2, temperature=1.5, max_new_tokens=34, vllm=VLLM["vllm"])
    with closing(generator(policy, told)) as vllm:
        yield policy, told, vllm


@with_vllm
def test_vllm_draws_with_the_weights_as_they_were_renewed(drawing):
    policy, told, vllm = drawing
    questions = Questions(config.Data(task="arithmetic", difficulty=2), seed=0).take("train", 0, 8)

    def gap():
        batch = vllm.generate(questions, seed=3)
        with policy.drawing() as model:
            return float(((response_logps(model, batch, temperature=told.temperature) - batch.logps).abs() * batch.mask).max())

    vllm.renew()
    assert gap() < 1e-4
    with torch.no_grad():
        for weight in policy.model.parameters():
            weight.mul_(1.5)
    assert gap() > 0.1
    vllm.renew()
    assert gap() < 1e-4


@with_vllm
def test_vllm_hands_each_group_on_once_as_soon_as_it_has_ended_and_a_seed_draws_the_same_again(drawing):
    policy, _, vllm = drawing
    questions = Questions(config.Data(task="arithmetic", difficulty=2), seed=0).take("train", 0, 8)
    vllm.renew()
    told = []
    batch = vllm.generate(questions, seed=3, done=lambda number, rows: told.append((number, policy.texts(rows))))
    texts = policy.texts(batch)
    assert sorted(told) == [(i, texts[2 * i : 2 * i + 2]) for i in range(8)]
    ended = [int(batch.lengths[2 * i : 2 * i + 2].max()) for i, _ in told]
    assert ended == sorted(ended)
    assert len(set(ended)) > 1
    assert policy.texts(vllm.generate(questions, seed=3)) == texts
    assert policy.texts(vllm.generate(questions, seed=4)) != texts


@with_vllm
@pytest.mark.parametrize("schedule", ["sync", "one_step_off"])
def test_stepgrpo_learns_from_what_vllm_draws_and_logs_how_far_apart_both_are(tmp_path, service, wide, schedule):
    """In a process of its own, as one has one engine."""
    said = configs.stepgrpo(tmp_path / "out", service.url, wide, schedule=schedule)
    said["sampling"] |= VLLM
    arguments = [sys.executable, "-m", "keystep_train.cli", "stepgrpo", "--config", str(configs.write(tmp_path / "a.yaml", said))]
    told = subprocess.run(arguments, check=True, capture_output=True, text=True)
    assert "Traceback" not in told.stderr
    lines = [json.loads(line) for line in (tmp_path / "out" / "metrics.jsonl").read_text().splitlines()]
    assert len(lines) == 6
    assert max(line["sampler/gap"] for line in lines) < 1e-4
    assert any(line["optimiser/gradient_norm"] > 0 for line in lines)


@with_vllm
def test_each_round_of_the_on_policy_loop_draws_by_an_engine_of_its_own(tmp_path, service, wide):
    said = configs.common(tmp_path / "loop", service.url, steps=2, batch=2, model={"path": str(wide)}, objective={"name": "dpo"})
    said |= {"on_policy": {"rounds": 2, "questions": 8, "seeds": [13, 21, 42]}}
    said["sampling"] |= VLLM | {"rollouts": 1}
    arguments = [sys.executable, "-m", "keystep_train.cli", "preference", "--config", str(configs.write(tmp_path / "a.yaml", said))]
    subprocess.run(arguments, check=True)
    assert (tmp_path / "loop" / "round-1" / "trained" / "model").is_dir()
