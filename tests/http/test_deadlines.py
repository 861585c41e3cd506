"""deadline_ms on every route: what is not ready is null with the reason, and the answer comes soon after. Prints how soon."""

from __future__ import annotations

import json
import time

import pytest

from http_groups import groups, symbolic
from verify.bombs import BOMBS

DEADLINE = 400


def asked(service, path: str, body: dict) -> list[dict]:
    """The rollouts, items or questions of the answer."""
    began = time.monotonic()
    answer = service.post(path, {**body, "deadline_ms": DEADLINE})
    took = time.monotonic() - began
    assert answer.status_code == 200, answer.text
    print(f"\n{path}, deadline {DEADLINE} ms: {1000 * took:.0f} ms", end="")
    if path == "/v1/score/stream":
        lines = [json.loads(line) for line in answer.text.splitlines()]
        assert list(lines[-1]) == ["degraded"]
        return [r for g in lines[1:-1] for r in g["rollouts"]]
    told = answer.json()
    return [r for g in told["groups"] for r in g["rollouts"]] if "groups" in told else told["items"]


@pytest.mark.parametrize("path", ["/v1/score", "/v1/score/stream"])
@pytest.mark.parametrize(
    "work",
    [
        pytest.param([symbolic(400)], id="symbolic work of minutes"),
        pytest.param(groups(2000), id="8,000 rollouts"),
        pytest.param(
            [
                {"id": f"b{i}", "answer": "7/3", "key_steps": [], "rollouts": [{"id": f"b{i}", "text": f"\\boxed{{{bomb}}}"}]}
                for i, bomb in enumerate(BOMBS)
            ],
            id="bombs",
        ),
    ],
)
def test_scoring(service, path, work):
    rollouts = asked(service, path, {"groups": [*work, *groups(1, first=9000)]})
    assert len(rollouts) == sum(len(g["rollouts"]) for g in work) + 4
    late = [r for r in rollouts if "deadline" in r["reasons"]]
    print(f", {len(late)} of {len(rollouts)} late", end="")
    assert late
    for rollout in late:
        assert rollout["reward"] is None
        assert rollout["status"] in {"partial", "error"}
    for rollout in rollouts:
        assert rollout["reward"] is not None or rollout["reasons"], rollout


def test_verification(service):
    items = [{"id": r["id"], "text": r["text"], "answer": "$x^2-1$"} for r in symbolic(400)["rollouts"]]
    items += [{"id": f"bomb {i}", "text": f"\\boxed{{{bomb}}}", "answer": "7/3"} for i, bomb in enumerate(BOMBS)]
    answered = asked(service, "/v1/verify", {"items": items})
    assert [a["id"] for a in answered] == [i["id"] for i in items]
    late = [a for a in answered if "deadline" in a["reasons"]]
    print(f", {len(late)} of {len(items)} late")
    assert late
    assert all(a["outcome"] is None for a in late)


def test_what_was_late_is_right_when_there_is_time(service):
    """Nothing half done is remembered."""
    body = {"groups": [symbolic(8, name="again", first=700)]}
    service.post("/v1/score", {**body, "deadline_ms": 1})
    assert [r["outcome"] for r in service.post("/v1/score", body).json()["groups"][0]["rollouts"]] == [1.0] * 8
