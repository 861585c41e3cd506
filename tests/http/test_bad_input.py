"""Bad input: a clear 4xx in problem JSON that names the field, the value and the mend."""

from __future__ import annotations

import json

import pytest

from running import running

ROLLOUT = {"id": "r", "text": "6"}
GROUP = {"id": "q", "answer": "6", "rollouts": [ROLLOUT]}


def ask(**changes):
    return json.dumps({"groups": [GROUP | changes]}).encode()


CASES = {
    "no groups": (b'{"groups": []}', 422, "groups", "at least 1 item"),
    "groups missing": (b"{}", 422, "groups", "required"),
    "no rollouts": (ask(rollouts=[]), 422, "groups.0.rollouts", "at least 1 item"),
    "duplicate groups": (json.dumps({"groups": [GROUP, GROUP]}).encode(), 422, "groups", "'q' stands more than once"),
    "duplicate rollouts": (ask(rollouts=[ROLLOUT, ROLLOUT]), 422, "groups.0.rollouts", "'r' stands more than once"),
    "text not a string": (ask(rollouts=[{"id": "r", "text": 5}]), 422, "groups.0.rollouts.0.text", "(got 5)"),
    "answer not a string": (ask(answer=6), 422, "groups.0.answer", "(got 6)"),
    "no id": (ask(rollouts=[{"text": "6"}]), 422, "groups.0.rollouts.0.id", "required"),
    "an empty id": (ask(id=""), 422, "groups.0.id", "at least 1 character"),
    "unknown field": (ask(colour=1), 422, "groups.0.colour", "no such field"),
    "unknown field at the top": (b'{"groups": [], "colour": 1}', 422, "colour", "no such field"),
    "unknown recipe": (json.dumps({"groups": [GROUP], "recipe": "best"}).encode(), 422, "recipe", "hardened, paper, official"),
    "unknown recipe field": (json.dumps({"groups": [GROUP], "recipe": {"base": "hardened", "a": 1}}).encode(), 422, "recipe.a", "alpha"),
    "unknown profile": (ask(profile="best"), 422, "groups.0.profile", "gsm8k"),
    "unknown answer type": (ask(answer_type="best"), 422, "groups.0.answer_type", "auto"),
    "both references": (ask(reference="a", references=["b"]), 422, "groups.0", "not both"),
    "an empty key step": (ask(key_steps=[" "]), 422, "groups.0.key_steps.0", "blank"),
    "a key step without alternatives": (ask(key_steps=[[]]), 422, "groups.0.key_steps.0", "at least 1 item"),
    "an empty alternative": (ask(key_steps=[["a", ""]]), 422, "groups.0.key_steps.0.1", "blank"),
    "a negative deadline": (json.dumps({"groups": [GROUP], "deadline_ms": -1}).encode(), 422, "deadline_ms", "greater than or equal to 1"),
    "a deadline beyond all bounds": (b'{"groups": [], "deadline_ms": 1' + b"0" * 400 + b"}", 422, "deadline_ms", "less than or equal to"),
    "NaN in a recipe": (b'{"groups": [], "recipe": {"base": "hardened", "alpha": NaN}}', 422, "recipe.alpha", "finite number"),
    "10 MB of key step": (ask(key_steps=["x" * 10_000_000]), 413, "groups.0.key_steps.0", "KEYSTEP_MAX_TEXT_CHARS"),
    "10 MB of choice": (ask(choices=["x" * 10_000_000]), 413, "groups.0.choices.0", "KEYSTEP_MAX_TEXT_CHARS"),
    "too many key steps": (ask(key_steps=["x"] * 1001), 413, "groups.0.key_steps", "KEYSTEP_MAX_KEY_STEPS"),
    "NaN": (b'{"groups": NaN}', 422, "groups", "valid"),
    "NaN in a number": (b'{"groups": [], "deadline_ms": NaN}', 422, "groups", "at least 1 item"),
    "not UTF-8": (b'{"groups": "\xff"}', 400, "", "not JSON"),
    "cut JSON": (b'{"groups": [', 400, "", "not JSON"),
    "a lone surrogate": (b'{"groups": [{"id": "q", "rollouts": [{"id": "r", "text": "\\ud800"}]}]}', 400, "", "not JSON"),
    "deep nesting": (b'{"groups": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400, "", "not JSON"),
    "nothing": (b"", 400, "", "not JSON"),
    "10 MB of text": (ask(rollouts=[{"id": "r", "text": "x" * 10_000_000}]), 413, "groups.0.rollouts.0.text", "KEYSTEP_MAX_TEXT_CHARS"),
}


@pytest.mark.parametrize("name", CASES)
def test_score(service, name):
    body, status, field, said = CASES[name]
    answer = service.post("/v1/score", content=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    errors = problem.get("errors", [])
    assert any(e["field"] == field and said in e["message"] for e in errors), problem
    assert len(answer.content) < 8_000


def test_other_routes(service):
    for path, body in (
        ("/v1/verify", {"items": []}),
        ("/v1/key-steps", {"questions": [{"id": "q"}]}),
        ("/v1/verify", {"items": [{"id": "a", "text": None}]}),
    ):
        answer = service.post(path, body)
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    missing = service.get("/v2/score")
    assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
    assert missing.json()["detail"].endswith("; /docs lists the routes")
    other_method = service.get("/v1/score")
    assert (other_method.status_code, other_method.json()["detail"]) == (405, "'/v1/score' does not take GET; /docs lists the routes")


def test_limits_are_settings_and_say_so(tmp_path):
    with running(tmp_path, max_body_mib=1, max_rollouts=2, max_text_chars=100) as small:
        body = small.post("/v1/score", content=b" " * (2 << 20))
        assert (body.status_code, "KEYSTEP_MAX_BODY_MIB" in body.json()["detail"]) == (413, True)
        three = small.post("/v1/score", {"groups": [GROUP | {"rollouts": [{"id": str(i), "text": "6"} for i in range(3)]}]})
        assert (three.status_code, "KEYSTEP_MAX_ROLLOUTS" in three.json()["detail"]) == (413, True)
        for field in ("question", "answer", "reference"):
            long = small.post("/v1/score", {"groups": [GROUP | {field: "x" * 101}]})
            assert (long.status_code, long.json()["errors"][0]["field"]) == (413, f"groups.0.{field}")
        assert small.post("/v1/score", {"groups": [GROUP]}).status_code == 200
