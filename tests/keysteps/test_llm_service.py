"""The LLM extractor behind the service: a recipe names it, and nothing else is scored in its place."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from keysteps.openai_server import MODEL, Bad, FakeOpenAI, openai_server
from keysteps.test_llm import KEY_STEPS, QUESTION, REFERENCE
from running import Service, running

RECIPE = {"base": "hardened", "extractor": f"llm/{MODEL}"}


@pytest.fixture(scope="module")
def server() -> Iterator[FakeOpenAI]:
    with openai_server() as it:
        yield it


@pytest.fixture(scope="module")
def llm_service(server: FakeOpenAI, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    told = {"llm_url": server.url, "llm_model": MODEL, "llm_retries": 0, "llm_timeout_seconds": 10}
    with running(tmp_path_factory.mktemp("llm"), **told) as it:
        yield it


def group(question: str, text: str) -> dict[str, object]:
    return {"id": "g", "question": question, "reference": REFERENCE, "answer": "4", "rollouts": [{"id": "g/0", "text": text}]}


def test_key_steps_are_extracted_once_and_then_known(llm_service, server):
    before = len(server.seen)
    asked = {"recipe": RECIPE, "questions": [{"id": "q", "question": QUESTION, "reference": REFERENCE}]}
    for cached in (False, True):
        (got,) = llm_service.post("/v1/key-steps", asked).json()["questions"]
        assert (got["extractor"], got["cached"], got["status"]) == (f"llm/{MODEL}", cached, "ok")
        assert got["key_steps"] == [list(s.forms) for s in KEY_STEPS]
    assert len(server.seen) == before + 3


def test_rollouts_are_scored_by_them(llm_service):
    answer = llm_service.post("/v1/score", {"recipe": RECIPE, "groups": [group(QUESTION, REFERENCE)]}).json()
    (rollout,) = answer["groups"][0]["rollouts"]
    assert (rollout["status"], rollout["key_steps_matched"]) == ("ok", 1.0)
    assert rollout["reward"] == pytest.approx(2.1)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [(Bad.BROKEN, "extractor_unavailable"), (Bad.NOTHING, "extraction_invalid"), (Bad.REFUSAL, "extraction_refused")],
)
def test_a_failed_extraction_is_null_with_its_reason_never_zero(llm_service, server, bad, reason):
    server.misbehave(bad)
    try:
        answer = llm_service.post("/v1/score", {"recipe": RECIPE, "groups": [group(f"not asked before: {bad}", REFERENCE)]}).json()
    finally:
        server.misbehave(bad, times=0)
    (rollout,) = answer["groups"][0]["rollouts"]
    assert rollout["reasons"] == [reason]
    assert [rollout[name] for name in ("reward", "step_rar", "key_steps_matched", "key_steps_soft")] == [None] * 4
    assert (rollout["outcome"], rollout["step_rvr"], rollout["status"]) == (1.0, 1.0, "partial")


def test_an_extractor_that_is_not_here_is_refused_naming_those_that_are(llm_service):
    for path, rest in (("/v1/score", {"groups": [group("q", "x")]}), ("/v1/key-steps", {"questions": [{"id": "q", "reference": "r"}]})):
        refused = llm_service.post(path, {"recipe": {"base": "hardened", "extractor": "llm/other"}, **rest})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["field"] == "recipe.extractor"
        assert f"it has rules, llm/{MODEL}" in refused.json()["errors"][0]["message"]
