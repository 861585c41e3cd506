"""One batch, scored in process and over HTTP, in any batch size, order and concurrency: byte-identical rewards."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keystep import wire
from keystep.recipe import resolve

EXAMPLES = Path(__file__).parents[2] / "clients" / "examples" / "groups.jsonl"


def load() -> list[dict]:
    return [json.loads(line) for line in EXAMPLES.read_text(encoding="utf-8").splitlines()]


def over_http(service, groups, recipe) -> dict[str, bytes]:
    answer = service.post("/v1/score", {"groups": groups, "recipe": recipe, "detail": "evidence"})
    assert answer.status_code == 200, answer.text
    return {g["id"]: canonical(g) for g in answer.json()["groups"]}


def canonical(group: dict) -> bytes:
    return json.dumps(group, sort_keys=True).encode()


@pytest.fixture(scope="module", params=["hardened", "paper", "official"])
def recipe(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def in_process(engine, recipe) -> dict[str, bytes]:
    request = wire.parse(wire.ScoreRequest, json.dumps({"groups": load()}).encode())
    scored = engine.score([wire.group_from(g) for g in request.groups], resolve(recipe)).groups
    return {g.id: canonical(json.loads(json.dumps(wire.group_to_json(g, "evidence")))) for g in scored}


def test_over_http_at_once(service, recipe, in_process):
    assert over_http(service, load(), recipe) == in_process


@pytest.mark.parametrize("size", [1, 7])
def test_in_any_batch_size_and_order(service, recipe, in_process, size):
    groups = load()
    random.Random(size).shuffle(groups)
    got: dict[str, bytes] = {}
    for i in range(0, len(groups), size):
        got |= over_http(service, groups[i : i + size], recipe)
    assert got == in_process


def test_with_64_requests_at_once(service, recipe, in_process):
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda g: over_http(service, [g], recipe), [g for g in load() for _ in range(2)]))
    assert len(answers) == 2 * len(in_process)
    assert all(in_process[id_] == group for answer in answers for id_, group in answer.items())


def test_one_rollout_at_a_time_in_any_order(engine, recipe, in_process):
    for group in load():
        rollouts = list(group["rollouts"])
        random.Random(1).shuffle(rollouts)
        known = {r["id"]: r for r in json.loads(in_process[group["id"]])["rollouts"]}
        for rollout in rollouts:
            request = wire.parse(wire.ScoreRequest, json.dumps({"groups": [group | {"rollouts": [rollout]}]}).encode())
            scored = engine.score([wire.group_from(g) for g in request.groups], resolve(recipe)).groups[0]
            assert json.loads(json.dumps(wire.group_to_json(scored, "evidence")))["rollouts"][0] == known[rollout["id"]]
