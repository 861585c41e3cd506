"""Who watches costs no answer: a defect in one observer is logged and counted, and the others are told all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from http_groups import groups
from running import running


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    program = [str(Path(__file__).with_name("broken_watch.py"))]
    with running(folder, program=program, processes=1, verifier_workers=1, ledger_path=folder / "ledger", ledger_sync=True) as service:
        yield service


def test_every_way_of_scoring_answers_as_if_nobody_watched(broken, service):
    body = {"groups": groups(3)}
    asked = service.post("/v1/score", body).json()["groups"]
    answer = broken.post("/v1/score", body)
    assert (answer.status_code, answer.json()["groups"], answer.json()["degraded"]) == (200, asked, [])
    lines = [json.loads(line) for line in broken.post("/v1/score/stream", body).text.splitlines()]
    assert sorted(lines[1:-1], key=lambda g: g["id"]) == sorted(asked, key=lambda g: g["id"])
    assert "error" not in lines[-1]
    handed_in = broken.post("/v1/jobs", body).json()["id"]
    assert broken.get(f"/v1/jobs/{handed_in}?wait=30").json()["result"]["groups"] == asked
    assert broken.post("/get_reward", {"query": ["6"], "prompts": [""], "labels": ["6"]}).status_code == 200

    families = text_string_to_metric_families(broken.get("/metrics").text)
    counted = {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}
    failed = {
        observer: counted.get(("keystep_observer_failures_total", observer), 0) for observer in ("metrics", "monitor", "recent", "ledger")
    }
    assert failed["metrics"] == failed["monitor"] >= 4
    assert failed["recent"] == failed["ledger"] == 0
    # The ledger comes after those that failed, and has what was scored.
    written = 3 * sum(len(g["rollouts"]) for g in body["groups"]) + 1
    assert counted["keystep_ledger_rollouts_total", "written"] == written
