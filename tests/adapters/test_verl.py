"""verl's own reward managers with keystep's compute_score, and verl's router in front of the service's /classify."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from keystep_client import UndecidedError
from keystep_client.adapters.verl import compute_score, compute_score_sync
from running import Service, running
from trainers import KEY_STEPS, LABEL, QUESTION, RIGHT, UNDECIDED, WRONG

SCRIPT = Path(__file__).parent / "peers/verl_managers.py"
SAMPLES = [{"response": text, "label": LABEL} for text in (RIGHT, WRONG, UNDECIDED)]
KEYS = ["score", "step_rar", "step_rvr", "outcome", "key_steps_matched", "undecided"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, peers: Path) -> dict[str, Any]:
    """verl takes seconds to import: one run for all."""
    folder = tmp_path_factory.mktemp("verl")
    known = folder / "questions.jsonl"
    known.write_text(json.dumps({"question": QUESTION, "answer": "6", "key_steps": KEY_STEPS}))
    with running(folder, questions_path=known) as service:
        command = [sys.executable, str(SCRIPT), str(peers), service.url, *map(json.dumps, SAMPLES)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, env=os.environ)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_the_reward_loop_gets_right_rewards_and_constant_keys(told: dict[str, Any]) -> None:
    # The recipe came through verl's configuration: alpha 0.5.
    assert [one["reward_score"] for one in told["loop"]] == pytest.approx([2.5, 1.5, -1.0])
    assert [list(one["reward_extra_info"]) for one in told["loop"]] == [KEYS] * 3
    assert [one["reward_extra_info"]["undecided"] for one in told["loop"]] == [0, 0, 1]


def test_the_synchronous_manager_gets_the_same(told: dict[str, Any]) -> None:
    assert told["tensor"] == pytest.approx([2.5, 1.5, -1.0])
    assert list(told["extra"]) == KEYS
    assert told["extra"]["outcome"] == [1.0, 0.0, -1.0]


def test_verls_router_reads_classify_and_embeddings(told: dict[str, Any]) -> None:
    assert (told["classify"], told["embeddings"]) == (pytest.approx(2.1), pytest.approx(2.1))


def test_both_functions_answer_the_same(service: Service) -> None:
    assert inspect.iscoroutinefunction(compute_score)
    extra = {"key_steps": KEY_STEPS, "num_turns": 1, "question": QUESTION}

    async def scores() -> list[dict[str, float]]:
        samples = ((RIGHT, "6"), (WRONG, "6"), (UNDECIDED, "6"), (RIGHT, LABEL))
        return await asyncio.gather(
            *(compute_score("x", text, gold, extra, url=service.url, undecided=0.0, reward_router_address=None) for text, gold in samples)
        )

    found = asyncio.run(scores())
    assert [one["score"] for one in found] == pytest.approx([2.1, 1.1, 0.0, 2.1])
    assert found[0] == compute_score_sync("x", RIGHT, "6", extra, url=service.url, undecided=0.0)


def test_undecided_is_the_callers_choice(service: Service) -> None:
    with pytest.raises(UndecidedError, match="needs_judge"):
        compute_score_sync("x", UNDECIDED, "6", url=service.url, undecided="raise")
    with pytest.raises(ValueError, match="numbers only"):
        compute_score_sync("x", RIGHT, "6", url=service.url, undecided=None)
    with pytest.raises(TypeError, match="undecided"):
        compute_score_sync("x", RIGHT, "6", url=service.url)  # type: ignore[call-arg]
