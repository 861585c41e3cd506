"""TRL's own trainer and its own tests of what a reward function is, with rewards from a live service."""

from __future__ import annotations

import ast
import asyncio
import json
import multiprocessing
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from trl.trainer.utils import get_callable_name, is_async_callable

from client.scripted import Answer, scripted
from keystep_client.adapters.trl import keystep_reward
from running import Service
from trainers import KEY_STEPS, PROMPT, QUESTION, RIGHT, UNDECIDED, WRONG, trl_rewards

EXAMPLES = Path(__file__).parents[2] / "clients/examples"


def test_trl_takes_it_for_an_asynchronous_function_with_a_name(service: Service) -> None:
    reward = keystep_reward(service.url)
    assert is_async_callable(reward)
    assert get_callable_name(reward) == reward.__name__ == "keystep"


def test_rewards_in_order_and_none_while_undecided(service: Service) -> None:
    rewards = trl_rewards(keystep_reward(service.url), RIGHT, UNDECIDED, WRONG, answer="6", key_steps=KEY_STEPS)
    assert rewards == [pytest.approx(2.1), None, pytest.approx(1.1)]


def test_conversations_and_columns_under_other_names(service: Service) -> None:
    reward = keystep_reward(service.url, columns={"answer": "gold", "key_steps": "steps"})
    prompt = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": QUESTION}]}]
    completion = [{"role": "assistant", "content": RIGHT}]
    assert trl_rewards(reward, completion, prompt=prompt, gold="6", steps=KEY_STEPS, difficulty=3) == [pytest.approx(2.1)]
    assert trl_rewards(keystep_reward(service.url), RIGHT, solution="6") == [pytest.approx(2.0)]
    with pytest.raises(ValueError, match="columns names 'gold'"):
        keystep_reward(service.url, columns={"gold": "answer"})


def test_a_recipe_of_ones_own(service: Service) -> None:
    reward = keystep_reward(service.url, recipe={"base": "hardened", "alpha": 0.5})
    assert trl_rewards(reward, RIGHT, answer="6", key_steps=KEY_STEPS) == [pytest.approx(2.5)]


def test_components_are_logged(service: Service) -> None:
    metrics: dict[str, float] = {}
    columns: dict[str, list[Any]] = {}
    asyncio.run(
        keystep_reward(service.url)(
            prompts=[PROMPT] * 3,
            completions=[RIGHT, UNDECIDED, WRONG],
            answer=["6"] * 3,
            key_steps=[KEY_STEPS] * 3,
            log_metric=metrics.__setitem__,
            log_extra=columns.__setitem__,
        )
    )
    assert metrics == pytest.approx(
        {
            "keystep/undecided": 1 / 3,
            "keystep/step_rar": 0.6,
            "keystep/step_rvr": 1.0,
            "keystep/outcome": 0.5,
            "keystep/key_steps_matched": 1.0,
        }
    )
    assert columns["keystep_outcome"] == [1.0, None, 0.0]
    assert columns["keystep_reasons"] == ["", "needs_judge", ""]
    assert columns["keystep_answer"][0] == "6"


def test_samples_of_one_question_travel_as_one_group_with_its_images() -> None:
    picture = Image.new("RGB", (2, 2))
    with scripted(Answer(422, {"detail": "seen enough"})) as server:
        with pytest.raises(Exception, match="seen enough"):
            trl_rewards(keystep_reward(server.url), RIGHT, WRONG, reference="5 + 1 = 6", answer=6, image=picture)
        with pytest.raises(Exception, match="seen enough"):
            trl_rewards(keystep_reward(server.url), RIGHT, key_steps=KEY_STEPS, images=["a.png"])
        with pytest.raises(Exception, match="seen enough"):
            trl_rewards(
                keystep_reward(server.url),
                RIGHT,
                reference="x",
                images=["a.png", {"bytes": b"x", "path": None}, {"bytes": None, "path": "b"}],
            )
    first, second, third = (json.loads(body)["groups"] for _, body in server.seen)
    assert len(first) == 1
    assert [r["text"] for r in first[0]["rollouts"]] == [RIGHT, WRONG]
    assert (first[0]["answer"], first[0]["question"]) == ("6", QUESTION)
    assert first[0]["images"][0].startswith("data:image/png;base64,")
    # Only extraction looks at images.
    assert "images" not in second[0]
    assert third[0]["images"] == ["a.png", "data:image/png;base64,eA==", "b"]


@pytest.mark.parametrize(("eos", "told"), [([2, 7], [False, True, False, False]), (2, [False, True, True, False]), (None, [False] * 4)])
def test_a_completion_without_an_end_is_told_to_be_truncated(eos: int | list[int] | None, told: list[bool]) -> None:
    with scripted(Answer(422, {"detail": "seen enough"})) as server:
        reward = keystep_reward(server.url, eos_token_id=eos)
        with pytest.raises(Exception, match="seen enough"):
            asyncio.run(
                reward(prompts=[QUESTION] * 4, completions=[RIGHT] * 4, completion_ids=[[5, 2], [5, 5], [5, 7], []], answer=["6"] * 4)
            )
    ((_, body),) = server.seen
    assert [r.get("truncated", False) for r in json.loads(body)["groups"][0]["rollouts"]] == told


def test_it_scores_in_a_spawned_process_as_async_grpo_wants(service: Service) -> None:
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as spawned:
        rewards = spawned.submit(trl_rewards, keystep_reward(service.url), RIGHT, answer="6").result(60)
    assert rewards == [pytest.approx(2.0)]


@pytest.mark.parametrize("vision", [False, True], ids=["text", "qwen2_vl"])
def test_grpo_trains_on_rewards_of_the_service_and_logs_its_components(service: Service, vision: bool) -> None:
    count = 3 if vision else 24
    command = [
        sys.executable,
        str(EXAMPLES / "trl_grpo.py"),
        "--url",
        service.url,
        "--steps",
        str(count),
        *(["--vision"] if vision else []),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    )
    steps = [ast.literal_eval(line) for line in done.stdout.splitlines() if line.startswith("{'rewards/keystep/mean'")]
    assert len(steps) == count
    for step in steps:
        assert step.keys() >= {f"keystep/{name}" for name in ("step_rar", "step_rvr", "outcome", "key_steps_matched", "undecided")}
        assert step["reward"] == pytest.approx(step["keystep/step_rar"] + step["keystep/step_rvr"], abs=2e-3)
    assert any(step["reward_std"] > 0 for step in steps)
    if not vision:
        # It learns what is rewarded.
        assert sum(step["reward"] for step in steps[-6:]) > 1.5 * sum(step["reward"] for step in steps[:6])
