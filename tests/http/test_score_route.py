"""POST /v1/score, /v1/verify, /v1/key-steps and /v1/recipes over real HTTP."""

from __future__ import annotations

import pytest

from keystep.recipe import HARDENED, RECIPES
from keystep.wire.responses import KeyStepsResponse, ScoreResponse, VerifyResponse
from responses import mulberry

TEXT = mulberry("There are 5 cubes and 1 ball.", "5 + 1 = 6.")
GROUP = {
    "id": "q1",
    "question": "How many objects are there?",
    "answer": "6",
    "key_steps": [["5 + 1 = 6", "five plus one is six"], "5 cubes", "a green ball"],
    "rollouts": [{"id": "a", "text": TEXT}, {"id": "b", "text": TEXT.replace("is: 6", "is: 7")}, {"id": "c", "text": "6"}],
}


def test_a_group_with_evidence(service):
    answer = service.post("/v1/score", {"groups": [GROUP], "detail": "evidence"})
    assert answer.status_code == 200
    body = answer.json()
    ScoreResponse.model_validate_json(answer.content, strict=True)
    assert body["recipe"] == {"name": "hardened", "hash": HARDENED.hash}
    assert body["degraded"] == []
    a, b, c = body["groups"][0]["rollouts"]
    assert (a["step_rvr"], a["outcome"], a["answer"], a["status"], a["reasons"]) == (1.0, 1.0, "6", "ok", [])
    assert a["key_steps_matched"] == pytest.approx(2 / 3)
    assert a["reward"] == pytest.approx(2 + 0.1 * 2 / 3)
    assert (b["outcome"], b["answer"]) == (0.0, "7")
    assert (c["outcome"], c["step_rvr"], c["reasons"]) == (1.0, 0.0, ["no_structure"])
    evidence = a["evidence"]
    assert [s["kind"] for s in evidence["sections"]] == ["description", "rationale", "intro", "step", "step", "answer"]
    first, second, third = evidence["key_steps"]
    assert (first["key_step"], first["matched"], second["matched"], third["matched"]) == ("5 + 1 = 6", True, True, False)
    assert TEXT[slice(*first["span"])].strip(" .") == "5 + 1 = 6"
    assert TEXT[slice(*evidence["answer"]["span"])].strip() == "6"
    assert body["groups"][0]["pair"] == {"chosen": "a", "rejected": "c", "margin": pytest.approx(a["reward"] - c["reward"])}


def test_without_detail_there_is_no_evidence_and_the_same_reward(service):
    plain = service.post("/v1/score", {"groups": [GROUP]}).json()["groups"][0]
    full = service.post("/v1/score", {"groups": [GROUP], "detail": "evidence"}).json()["groups"][0]
    for r in full["rollouts"]:
        del r["evidence"]
    assert plain == full


def test_key_steps_come_from_the_reference_when_none_are_given(service):
    group = {k: v for k, v in GROUP.items() if k != "key_steps"} | {"reference": TEXT}
    rollout = service.post("/v1/score", {"groups": [group], "detail": "evidence"}).json()["groups"][0]["rollouts"][0]
    assert rollout["key_steps_matched"] == 1.0
    assert rollout["evidence"]["key_steps"]


def test_of_several_references_the_best_recall_counts(service):
    group = {k: v for k, v in GROUP.items() if k != "key_steps"} | {"references": [mulberry("We compute 70 * 3 = 210."), TEXT]}
    assert service.post("/v1/score", {"groups": [group]}).json()["groups"][0]["rollouts"][0]["key_steps_matched"] == 1.0


def test_no_key_steps_at_all_leaves_the_outcome(service):
    for given in ({"key_steps": []}, {}):
        group = {k: v for k, v in GROUP.items() if k != "key_steps"} | given
        rollout = service.post("/v1/score", {"groups": [group]}).json()["groups"][0]["rollouts"][0]
        assert (rollout["key_steps_matched"], rollout["step_rar"], rollout["status"], rollout["reasons"]) == (
            0.0,
            1.0,
            "ok",
            ["no_key_steps"],
        )


def test_without_a_gold_answer_the_outcome_is_null_never_zero(service):
    group = {k: v for k, v in GROUP.items() if k != "answer"}
    scored = service.post("/v1/score", {"groups": [group]}).json()["groups"][0]
    rollout = scored["rollouts"][0]
    assert (rollout["reward"], rollout["step_rar"], rollout["outcome"], rollout["status"]) == (None, None, None, "partial")
    assert (rollout["step_rvr"], rollout["reasons"]) == (1.0, ["no_reference_answer"])
    assert (scored["advantages"], scored["mean"], scored["zero_variance"], scored["pair"]) == ([None] * 3, None, True, None)


def test_a_deadline_makes_nulls_never_numbers(service):
    # Every one of the 64 answers needs symbolic work, which a millisecond does not hold.
    rollouts = [{"id": str(i), "text": mulberry("x", answer=f"$(y-{i})(y+{i})+{i * i}-1$")} for i in range(2, 66)]
    group = {"id": "q", "answer": "$y^2-1$", "key_steps": [], "rollouts": rollouts}
    assert any(
        r["reward"] is None for r in service.post("/v1/score", {"groups": [group], "deadline_ms": 1}).json()["groups"][0]["rollouts"]
    )
    for rollout in service.post("/v1/score", {"groups": [group], "deadline_ms": 1}).json()["groups"][0]["rollouts"]:
        assert rollout["reward"] is None or "deadline" not in rollout["reasons"]
        assert rollout["reward"] is not None or rollout["reasons"][0] == "deadline"


def test_a_changed_recipe_is_used_and_named(service):
    body = service.post("/v1/score", {"groups": [GROUP], "recipe": {"base": "hardened", "alpha": 1.0}}).json()
    assert body["recipe"]["name"] == "hardened(alpha=1.0)"
    assert body["groups"][0]["rollouts"][0]["step_rar"] == pytest.approx(1 + 2 / 3)


def test_verify(service):
    items = [
        {"id": "a", "text": "So the answer is (B).", "answer": "45", "choices": ["40", "45"]},
        {"id": "b", "text": "It is 7.", "answer": "6"},
        {"id": "c", "text": "It is 7."},
    ]
    answer = service.post("/v1/verify", {"recipe": "hardened", "items": items})
    VerifyResponse.model_validate_json(answer.content, strict=True)
    assert [(i["id"], i["outcome"], i["status"]) for i in answer.json()["items"]] == [
        ("a", 1.0, "ok"),
        ("b", 0.0, "ok"),
        ("c", None, "error"),
    ]


def test_key_steps_are_cached(service):
    ask = {"questions": [{"id": "q", "question": "How many?", "reference": mulberry("12 + 30 = 42 balls, made for this test.")}]}
    first, second = service.post("/v1/key-steps", ask), service.post("/v1/key-steps", ask)
    KeyStepsResponse.model_validate_json(first.content, strict=True)
    one, two = first.json()["questions"][0], second.json()["questions"][0]
    assert (one["cached"], two["cached"]) == (False, True)
    assert one["key_steps"] == two["key_steps"] != []
    assert (one["extractor"], one["status"], one["reasons"]) == ("rules", "ok", [])


def test_recipes(service):
    listed = service.get("/v1/recipes").json()["recipes"]
    assert [(r["name"], r["hash"]) for r in listed] == [(r.name, r.hash) for r in RECIPES.values()]
    assert service.get("/v1/recipes/paper").json()["search_in"] == "steps"
    missing = service.get("/v1/recipes/best")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert "hardened, paper, official" in missing.json()["detail"]


def test_health_metrics_and_docs(service):
    assert service.get("/livez").json() == {"status": "ok"}
    assert service.get("/readyz").json() == {"status": "ready"}
    service.post("/v1/score", {"groups": [GROUP]})
    metrics = service.get("/metrics").text
    assert 'keystep_rollouts_total{recipe="hardened",status="decided"}' in metrics
    assert 'keystep_requests_total{route="/v1/score",status="200"}' in metrics
    page = service.get("/docs").text
    assert "//cdn" not in page
    assert service.get("/static-offline-docs/swagger-ui-bundle.js").status_code == 200
