"""The shortest version of `make experiments`: a regime of two operations, one seed, 160 steps. Slow: about a minute of one core."""

import json

import torch

from experiments import arms
from keystep_train import warmup, worker
from keystep_train.config import StepGrpo, Warmup


def evaluations(output):
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return lines, [line for line in lines if "evaluation/sampled_accuracy" in line]


def test_step_wise_reward_mends_steps_and_format_of_a_spoilt_policy(tmp_path, service):
    torch.set_num_threads(1)
    common = {
        "data": {"task": "arithmetic", "difficulty": 2},
        "sampling": {"rollouts": 4, "temperature": 1.2, "max_new_tokens": 36, "cache": "dynamic"},
        "service": {"url": service.url, "recipe": arms.STEP_WISE},
        "trackers": [],
        "micro_batch": 128,
    }

    def warmed(name, model, steps, rate, **more):
        optimiser = {"rate": rate, "warmup": 10, "decay": "cosine"}
        evaluation = {"every": steps, "questions": 256}
        said = {
            "output": str(tmp_path / name),
            "model": model,
            "steps": steps,
            "batch": 64,
            "optimiser": optimiser,
            "evaluation": evaluation,
        }
        warmup.train(Warmup.model_validate(common | said | more))
        return {"path": str(tmp_path / name / "model")}

    base = warmed("base", {"tiny": {"hidden": 64, "layers": 2, "heads": 2}}, 250, 4e-3)
    spoilt = warmed("warm-up", base, 60, 1e-3, seed=1, flaws={"step": 0.3, "layout": 0.2})
    said = {"output": str(tmp_path / "trained"), "model": spoilt, "seed": 1001, "steps": 160, "questions": 8}
    more = {"optimiser": {"rate": 2e-4, "warmup": 10}, "evaluation": {"every": 160, "questions": 256}}
    worker.train(StepGrpo.model_validate(common | said | more))

    (before,) = evaluations(tmp_path / "warm-up")[1]
    lines, (after,) = evaluations(tmp_path / "trained")
    assert [line["step"] for line in lines] == list(range(1, 161))
    assert after["evaluation/sampled_step_rvr"] > max(0.9, before["evaluation/sampled_step_rvr"])
    assert after["evaluation/sampled_key_steps_matched"] > before["evaluation/sampled_key_steps_matched"] + 0.05
    assert after["evaluation/sampled_accuracy"] > before["evaluation/sampled_accuracy"] + 0.05
    assert sum(line["rewards/undecided_share"] for line in lines) == 0
