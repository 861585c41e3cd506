"""What a request leaves behind: an id, times, figures, lines in the log."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
from pathlib import Path

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families

from http_groups import groups, symbolic
from keystep.core.advantage import normalise
from keystep.http import problems
from keystep.http.observing import Observing
from keystep.metrics import Metrics
from keystep.nouns import Reward, ScoredGroup, ScoredRollout
from keystep.recipe import HARDENED, resolve
from running import running

STAGES = {
    "/v1/score": ({"groups": groups(2)}, ["body", "parse", "key_steps", "score", "write", "total"]),
    "/v1/verify": ({"items": [{"id": "i", "text": "6", "answer": "6"}]}, ["body", "parse", "verify", "total"]),
    "/v1/key-steps": ({"questions": [{"id": "q", "question": "?", "reference": "1 + 1 = 2"}]}, ["body", "parse", "key_steps", "total"]),
    "/v1/score/stream": ({"groups": groups(2)}, ["body", "parse", "total"]),
    "/get_reward": ({"query": ["6"], "prompts": [""], "labels": ["6"]}, ["body", "parse", "key_steps", "score", "write", "total"]),
}


def samples(text: str) -> dict:
    return {(s.name, *sorted(s.labels.values())): s.value for family in text_string_to_metric_families(text) for s in family.samples}


@pytest.mark.parametrize("path", STAGES)
def test_an_answer_says_where_its_time_went(service, path):
    body, stages = STAGES[path]
    answer = service.post(path, body)
    timing = dict(part.split(";dur=") for part in answer.headers["server-timing"].split(", "))
    assert list(timing) == stages
    *parts, total = map(float, timing.values())
    assert all(p >= 0 for p in parts)
    assert sum(parts) <= total + 0.01


def test_the_parts_of_scoring_are_in_histograms_of_all_processes(service):
    def counts() -> dict[str, float]:
        found = samples(service.get("/metrics").text)
        return {part: found.get(("keystep_component_seconds_count", part), 0) for part in ("structure", "verify", "match", "symbolic")}

    before = counts()
    given = [*groups(40), symbolic(3)]
    assert service.post("/v1/score", {"groups": given}).status_code == 200
    grown = {part: n - before[part] for part, n in counts().items()}
    rollouts = sum(len(group["rollouts"]) for group in given)
    assert grown == {"structure": rollouts, "verify": rollouts, "match": rollouts, "symbolic": 3}
    found = samples(service.get("/metrics").text)
    assert found["keystep_component_seconds_bucket", "+Inf", "match"] == found["keystep_component_seconds_count", "match"]
    assert 0 < found["keystep_component_seconds_sum", "match"] < 60


def test_the_same_times_are_in_the_histograms(service):
    def count(stage):
        return samples(service.get("/metrics").text).get(("keystep_stage_seconds_count", stage), 0)

    before = {stage: count(stage) for stage in ("body", "parse", "key_steps", "score", "write")}
    for _ in range(3):
        service.post("/v1/score", {"groups": groups(1)})
    assert {stage: count(stage) - n for stage, n in before.items()} == dict.fromkeys(before, 3)


def test_a_request_keeps_its_id_or_is_given_one(service):
    def asked(**headers):
        return httpx2.get(f"{service.url}/nowhere", headers=headers)

    kept = asked(**{"x-request-id": "run-7/step:12"})
    assert (kept.headers["x-request-id"], kept.json()["request_id"]) == ("run-7/step:12", "run-7/step:12")
    ours = [asked() for _ in range(2)]
    assert len({a.headers["x-request-id"] for a in ours}) == 2
    assert all(
        re.fullmatch("[0-9a-f]{32}", a.headers["x-request-id"]) and a.json()["request_id"] == a.headers["x-request-id"] for a in ours
    )
    for strange in ("a b", 'x"y', "x" * 129, "ä"):
        assert re.fullmatch("[0-9a-f]{32}", asked(**{"x-request-id": strange.encode()}).headers["x-request-id"])


def test_a_defect_of_ours_is_answered_with_the_id_too():
    app = FastAPI(telemetry={"metrics": False, "logs": False, "tracing": False})
    problems.install(app)
    app.add_middleware(Observing, metrics=Metrics())

    @app.get("/")
    async def defect():
        raise ZeroDivisionError

    async def asked():
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app, raise_app_exceptions=False), base_url="http://here") as client:
            return await client.get("/", headers={"x-request-id": "mine-2"})

    answer = asyncio.run(asked())
    assert (answer.status_code, answer.headers["x-request-id"], answer.json()["request_id"]) == (500, "mine-2", "mine-2")


def test_rewards_are_spread_over_buckets_by_recipe():
    metrics = Metrics()

    def group(*rewards):
        rollouts = tuple(ScoredRollout(str(i), Reward(r, None, None, None, None, None)) for i, r in enumerate(rewards))
        return ScoredGroup("q", rollouts, normalise(rewards), None)

    metrics.saw_groups(HARDENED, [group(-2.0, 0.0, 1.0), group(1.0, 2.05, None)], ())
    metrics.saw_groups(HARDENED, [group(99.0)], ())
    metrics.saw_groups(resolve({"base": "hardened", "alpha": 0.2}), [group(1.0)], ())
    told = samples(metrics.exposition().decode())
    of = {bound: told["keystep_reward_bucket", *sorted((bound, "hardened"))] for bound in ("0.0", "0.99", "1.0", "2.05", "2.5", "+Inf")}
    assert of == {"0.0": 2, "0.99": 2, "1.0": 4, "2.05": 5, "2.5": 5, "+Inf": 6}
    assert (told["keystep_reward_count", "hardened"], told["keystep_reward_sum", "hardened"]) == (6, pytest.approx(101.05))
    assert told["keystep_reward_count", "hardened(...)"] == 1


def test_what_is_wrong_underneath_is_counted_by_name(service):
    undecided = {"id": "q", "answer": "6", "rollouts": [{"id": "r", "text": "6"}]}
    assert service.post("/v1/score", {"groups": [undecided], "recipe": {"base": "paper", "alpha": 0.3}}).status_code == 200
    told = samples(service.get("/metrics").text)
    assert told["keystep_reasons_total", "no_key_steps"] >= 1
    assert told["keystep_rollouts_total", "decided", "paper(...)"] >= 1


def scoring_process(front: int) -> int:
    pids = {int(pid) for task in Path(f"/proc/{front}/task").iterdir() for pid in (task / "children").read_text().split()}
    return min(pid for pid in pids if b"processes.worker" in Path(f"/proc/{pid}/cmdline").read_bytes())


def test_logs_are_json_with_the_id_of_the_request(tmp_path, capfd):
    with running(tmp_path, log_format="json", log_level="debug", processes=1, verifier_workers=1) as service:
        httpx2.get(f"{service.url}/v1/recipes", headers={"x-request-id": "mine-1", "authorization": "Bearer hush"})
        os.kill(scoring_process(service.process.pid), signal.SIGKILL)
        for _ in range(200):
            if samples(service.get("/metrics").text)[("keystep_scoring_process_deaths_total",)] == 1:
                break
            time.sleep(0.05)
    said = capfd.readouterr().err
    lines = [json.loads(line) for line in said.splitlines()]
    assert all({"timestamp", "level", "logger", "event", "process"} <= line.keys() for line in lines)
    assert [line["logger"] for line in lines if line.get("request_id") == "mine-1"] == ["uvicorn.access"]
    assert [line["level"] for line in lines if "died" in line["event"]] == ["error"]
    assert "hush" not in said
