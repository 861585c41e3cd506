"""The extractor's endpoint answers 500, 429, garbage, or never: what needs it is null with a reason, all else is as undisturbed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import pytest

from keysteps.openai_server import MODEL, Bad, FakeOpenAI, openai_server
from keysteps.test_llm import REFERENCE
from running import Service, running

RECIPE = {"base": "hardened", "extractor": f"llm/{MODEL}"}
REASONS = {
    Bad.BROKEN: "extractor_unavailable",
    Bad.BUSY: "extractor_unavailable",
    Bad.CUT: "extractor_unavailable",
    Bad.NOT_JSON: "extraction_invalid",
    Bad.SLOW: "extractor_unavailable",
}
_fresh = count()


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with openai_server() as it:
        it.delay = 600.0
        yield it


@pytest.fixture(scope="module")
def llm_service(server, tmp_path_factory) -> Iterator[Service]:
    told = {
        "llm_url": server.url,
        "llm_model": MODEL,
        "llm_retries": 1,
        "llm_timeout_seconds": 2,
        "threads": 2,
        "processes": 1,
        "verifier_workers": 1,
    }
    with running(tmp_path_factory.mktemp("llm"), **told) as it:
        yield it


def group(question: str) -> dict:
    texts = [REFERENCE, REFERENCE.replace("7", "8"), "4", "it is 5"]
    rollouts = [{"id": f"{question}/{i}", "text": text} for i, text in enumerate(texts)]
    return {"id": question, "question": question, "reference": REFERENCE, "answer": "4", "rollouts": rollouts}


def given(question: str) -> dict:
    """The same rollouts with key steps of their own: they need no extractor."""
    return {k: v for k, v in group(question).items() if k != "reference"} | {"id": f"given {question}", "key_steps": ["7 - 3 = 4"]}


@pytest.mark.parametrize("bad", REASONS)
def test_what_needs_it_is_null_and_nothing_else(llm_service, server, bad):
    question = f"How many are left? ({next(_fresh)})"
    body = {"recipe": RECIPE, "groups": [group(question), given(question)]}
    undisturbed = llm_service.post("/v1/score", {"recipe": RECIPE, "groups": [group("How many are left?"), given(question)]}).json()[
        "groups"
    ]
    server.misbehave(bad)
    try:
        disturbed = llm_service.post("/v1/score", body).raise_for_status().json()["groups"]
    finally:
        server.misbehave(bad, times=0)
    assert disturbed[1] == undisturbed[1]
    for hurt, well in zip(disturbed[0]["rollouts"], undisturbed[0]["rollouts"], strict=True):
        assert REASONS[bad] in hurt["reasons"]
        assert [hurt[name] for name in ("reward", "step_rar", "key_steps_matched", "key_steps_soft")] == [None] * 4
        assert [hurt[name] for name in ("outcome", "step_rvr", "answer")] == [well[name] for name in ("outcome", "step_rvr", "answer")]
        assert well["reward"] is not None
    began = time.monotonic()
    while (again := llm_service.post("/v1/score", body).json()["groups"])[0]["rollouts"][0]["reward"] is None:
        assert time.monotonic() - began < 60, "the failure is remembered for ever"
        time.sleep(0.25)
    print(f"\n{bad.value}: the same question was answered {time.monotonic() - began:.1f} s after the endpoint was well")
    assert [r["reward"] for r in again[0]["rollouts"]] == [r["reward"] for r in undisturbed[0]["rollouts"]]


def test_one_that_never_answers_holds_up_nobody_else(llm_service, server):
    """Many more requests wait for it than there are threads."""
    server.misbehave(Bad.SLOW)
    try:
        with ThreadPoolExecutor(40) as threads:
            stuck = [
                threads.submit(llm_service.post, "/v1/score", {"recipe": RECIPE, "groups": [group(f"stuck {next(_fresh)}")]})
                for _ in range(40)
            ]
            time.sleep(0.5)
            by_rule = llm_service.post("/v1/score", {"groups": [group(f"by rule {next(_fresh)}"), given("besides")]})
            assert sum(f.done() for f in stuck) < 40
            assert None not in [r["reward"] for g in by_rule.json()["groups"] for r in g["rollouts"]]
            for future in stuck:
                rollouts = future.result().raise_for_status().json()["groups"][0]["rollouts"]
                assert {(r["reward"], r["reasons"][0]) for r in rollouts} == {(None, "extractor_unavailable")}
    finally:
        server.misbehave(Bad.SLOW, times=0)


def test_one_that_never_answers_holds_up_no_deadline(llm_service, server):
    server.misbehave(Bad.SLOW)
    try:
        for path, body in (
            ("/v1/score", {"groups": [group(f"never {next(_fresh)}")]}),
            ("/v1/score/stream", {"groups": [group(f"never {next(_fresh)}")]}),
            ("/v1/key-steps", {"questions": [{"id": "q", "question": f"never {next(_fresh)}", "reference": REFERENCE}]}),
        ):
            began = time.monotonic()
            answer = llm_service.post(path, {"recipe": RECIPE, "deadline_ms": 500, **body})
            print(f"\n{path}, deadline 0.5 s: {time.monotonic() - began:.2f} s", end="")
            assert answer.status_code == 200
            assert '"deadline"' in answer.text
            assert '"reward":0' not in answer.text
    finally:
        server.misbehave(Bad.SLOW, times=0)
