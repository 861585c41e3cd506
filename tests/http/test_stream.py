"""POST /v1/score/stream over real HTTP: the same groups, each as it is ready."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator

import httpx2
import pytest

from http_groups import groups, symbolic
from keystep.wire.responses import GroupOut, StreamEnd, StreamHead
from keysteps.openai_server import MODEL, FakeOpenAI, openai_server
from keysteps.test_llm import REFERENCE
from responses import mulberry
from running import Service, running


def stream(service: Service, body: dict) -> Iterator[dict]:
    with httpx2.stream("POST", service.url + "/v1/score/stream", json=body, timeout=60) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
        for line in answer.iter_lines():
            yield json.loads(line)


@pytest.mark.parametrize("detail", ["rewards", "evidence"])
@pytest.mark.parametrize("n", [1, 60])
def test_the_lines_are_the_groups_of_the_whole_answer(service, detail, n):
    body = {"groups": groups(n), "detail": detail}
    head, *lines, end = stream(service, body)
    whole = service.post("/v1/score", body).json()
    StreamHead.model_validate_json(json.dumps(head), strict=True)
    StreamEnd.model_validate_json(json.dumps(end), strict=True)
    for line in lines:
        GroupOut.model_validate_json(json.dumps(line), strict=True)
    assert head == {"service": whole["service"], "recipe": whole["recipe"]}
    assert sorted(lines, key=lambda g: int(g["id"][1:])) == whole["groups"]
    assert end == {"degraded": []}


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"groups": []}, 422, "groups"),
        ({"groups": groups(1), "recipe": "best"}, 422, "recipe"),
        ({"groups": [*groups(1), *groups(1)]}, 422, "groups"),
    ],
)
def test_what_is_wrong_is_told_before_the_first_line(service, body, status, field):
    answer = service.post("/v1/score/stream", body)
    assert (answer.status_code, answer.headers["content-type"], answer.json()["errors"][0]["field"]) == (
        status,
        "application/problem+json",
        field,
    )


def test_places_in_admission_are_given_back(service):
    list(stream(service, {"groups": groups(3)}))
    service.post("/v1/score/stream", {"groups": groups(1), "recipe": "best"})
    metrics = service.get("/metrics").text
    assert "keystep_inflight_rollouts 0.0" in metrics
    assert "keystep_inflight_bytes 0.0" in metrics


@pytest.fixture(scope="module")
def slow_extractor() -> Iterator[FakeOpenAI]:
    with openai_server() as it:
        it.think = 1.5
        yield it


@pytest.fixture(scope="module")
def llm_service(slow_extractor, tmp_path_factory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("llm"), llm_url=slow_extractor.url, llm_model=MODEL, llm_retries=0, llm_concurrency=2) as it:
        yield it


RECIPE = {"base": "hardened", "extractor": f"llm/{MODEL}"}


def unextracted(name: str) -> dict:
    return {"id": name, "question": name, "reference": REFERENCE, "answer": "4", "rollouts": [{"id": name, "text": REFERENCE}]}


def test_a_slow_extraction_holds_up_nobody_else(llm_service):
    slow = [unextracted(f"slow {i}") for i in range(3)]
    ids = [line.get("id") for line in stream(llm_service, {"recipe": RECIPE, "groups": [*slow, *groups(20)]})]
    assert sorted(ids[1:21]) == sorted(f"q{i}" for i in range(20))
    assert sorted(ids[21:24]) == ["slow 0", "slow 1", "slow 2"]


def test_a_deadline_ends_the_stream(llm_service):
    began = time.monotonic()
    lines = list(stream(llm_service, {"recipe": RECIPE, "groups": [unextracted("late"), *groups(5)], "deadline_ms": 1000}))
    took = time.monotonic() - began
    print(f"\na deadline of 1 s: {took:.2f} s")
    assert "late" in [line.get("id") for line in lines]
    (late,) = [line for line in lines if line.get("id") == "late"]
    (rollout,) = late["rollouts"]
    assert (rollout["reward"], rollout["step_rar"], rollout["key_steps_matched"]) == (None, None, None)
    assert rollout["reasons"] == ["deadline"]
    # Its key steps are waited for until the deadline; the answer may or may not be judged in what is left of that millisecond.
    assert rollout["outcome"] in (None, 1.0)
    assert sum(1 for line in lines if line.get("id", "").startswith("q") and None not in [r["reward"] for r in line["rollouts"]]) == 5
    assert list(lines[-1]) == ["degraded"]


def test_a_client_that_goes_away_ends_the_work(tmp_path):
    # Symbolic work of minutes, on one worker.
    hard = [symbolic(20, name=f"g{i}") for i in range(100)]
    with running(tmp_path, processes=1, verifier_workers=1) as service:
        host, _, port = service.url.removeprefix("http://").partition(":")
        body = json.dumps({"groups": hard}).encode()
        with socket.create_connection((host, int(port))) as client:
            client.sendall(b"POST /v1/score/stream HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
            assert b"200 OK" in client.recv(4096)
            assert "keystep_inflight_rollouts 2000.0" in service.get("/metrics").text
        for _ in range(200):
            if "keystep_inflight_rollouts 0.0" in service.get("/metrics").text:
                break
            time.sleep(0.05)
        assert "keystep_inflight_rollouts 0.0" in service.get("/metrics").text
        began = time.monotonic()
        answer = service.post(
            "/v1/score",
            {
                "groups": [
                    {
                        "id": "q",
                        "answer": "$x^2-1$",
                        "key_steps": [],
                        "rollouts": [{"id": "r", "text": mulberry("x", answer="$(x-1)(x+1)$")}],
                    }
                ]
            },
        )
        print(f"\nthe next symbolic answer took {time.monotonic() - began:.2f} s")
        assert answer.json()["groups"][0]["rollouts"][0]["outcome"] == 1.0
