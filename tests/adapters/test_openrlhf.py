"""OpenRLHF's own remote reward client against a live service: over HTTP, and through the reward file."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from keystep_client.adapters.openrlhf import keystep_reward
from running import Service
from tcp_proxy import proxy_to
from trainers import LABEL, PROMPT, RIGHT, UNDECIDED, WRONG, query

ROOT = Path(__file__).parents[2]
SCRIPT = Path(__file__).parent / "peers/openrlhf_client.py"
SAMPLES = [{"response": RIGHT, "label": LABEL}, {"response": WRONG, "label": LABEL}, {"response": RIGHT, "label": "6"}]


def start(peers: Path, urls: str, samples: list[dict[str, str]], **environment: str) -> subprocess.Popen[str]:
    command = [sys.executable, str(SCRIPT), str(peers), urls, *map(json.dumps, samples)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=os.environ | environment)


def result(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return json.loads(out.splitlines()[-1])


def rewards(told: dict[str, Any]) -> list[float]:
    return [one["reward"][0] for one in told["one_by_one"]]


def test_right_rewards_with_special_tokens_in_the_query(service: Service, peers: Path) -> None:
    told = result(start(peers, f"{service.url}/get_reward", SAMPLES))
    assert rewards(told) == pytest.approx([2.1, 1.1, 2.0])
    assert [one["scores"] for one in told["one_by_one"]] == [[1.0], [0.0], [1.0]]
    assert {tuple(one["extra_logs"]) for one in told["one_by_one"]} == {
        ("step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft", "undecided")
    }


def test_several_urls(service: Service, peers: Path) -> None:
    with proxy_to(service.url) as other:
        told = result(start(peers, f"{service.url}/get_reward,{other.url(service.url)}/get_reward", SAMPLES))
        assert other.done["pass"] >= 1
    assert rewards(told) == pytest.approx([2.1, 1.1, 2.0])
    assert [reward for part in told["divided"] for reward in part["rewards"]] == pytest.approx([2.1, 1.1, 2.0])


def test_a_service_that_is_down_and_comes_back(service: Service, peers: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = start(peers, f"http://127.0.0.1:{port}/get_reward", SAMPLES[:1])
    assert process.stdout is not None
    assert process.stdout.readline() == "asking\n"
    time.sleep(1.5)  # it tries five times, a second apart
    with proxy_to(service.url, port=port):
        assert rewards(result(process)) == pytest.approx([2.1])


def test_undecided_is_tried_again_then_the_fallback(service: Service, peers: Path) -> None:
    undecided = [{"response": UNDECIDED, "label": LABEL}]
    told = result(start(peers, f"{service.url}/get_reward?undecided=-1", undecided))
    assert rewards(told) == [-1.0]
    assert told["one_by_one"][0]["extra_logs"]["undecided"] == [1.0]


def test_the_reward_file(service: Service, peers: Path) -> None:
    told = result(start(peers, str(ROOT / "clients/examples/openrlhf_reward.py"), SAMPLES, KEYSTEP_URL=service.url))
    assert rewards(told) == pytest.approx([2.1, 1.1, 2.0])


def test_the_adapter_by_itself(service: Service) -> None:
    reward = keystep_reward([service.url], undecided=0.5, recipe={"base": "hardened", "alpha": 0.5})
    told = reward([query(RIGHT), query(UNDECIDED)], [PROMPT] * 2, [LABEL] * 2)
    assert told["rewards"] == pytest.approx([2.5, 0.5])
    assert told["extra_logs"]["undecided"] == [0.0, 1.0]
