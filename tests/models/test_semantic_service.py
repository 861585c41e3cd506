"""The recipe semantic with the real all-MiniLM-L6-v2: in process, and through a service."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest

from keystep.engine import build
from keystep.errors import RecipeError
from keystep.nouns import Group, KeyStep, Question, Reason, Rollout
from keystep.recipe import HARDENED, SEMANTIC
from keystep.settings import Settings
from models.minilm import folder
from running import running

FRAME = "### Image Description:\nSome posts stand here.\n\n### Rationales:\nLook.\n\n### Step 1:\n{}\n\n### The final answer is: 4"
KEY = "The fence surrounds the garden"
PARAPHRASE = FRAME.format("The garden is enclosed by a fence.")
OTHER = FRAME.format("The gate is closed.")
OPPOSITE = FRAME.format("The garden is not enclosed by a fence.")


def group(id_: str = "q", *texts: str) -> Group:
    question = Question(id_, "How many posts?", key_steps=(KeyStep(KEY),), answer="4")
    return Group(question, tuple(Rollout(f"{id_}/{i}", text) for i, text in enumerate(texts or (PARAPHRASE, OTHER, OPPOSITE))))


def settings(tmp_path, **more) -> Settings:
    return Settings(cache_path=tmp_path / "cache.sqlite3", verifier_workers=1, embedder=SEMANTIC.embedder, embedder_path=folder(), **more)


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    it = build(settings(tmp_path_factory.mktemp("semantic")))
    it.start()
    yield it
    it.close()


def test_a_paraphrase_is_matched_with_the_cosine_as_its_evidence(engine):
    (scored,) = engine.score([group()], SEMANTIC).groups
    assert [r.reward.k for r in scored.rollouts] == [1.0, 0.0, 0.0]
    (m,) = scored.rollouts[0].evidence.matches
    assert (m.tier, m.matched, m.form) == ("semantic", True, KEY)
    assert 0.9 <= m.score < 1.0
    assert m.score == round(m.score, 4)
    assert PARAPHRASE[slice(*m.span)] == "garden is enclosed by a fence"
    assert [r.reward.k for r in engine.score([group()], HARDENED).groups[0].rollouts] == [0.0, 0.0, 0.0]


def test_the_best_of_several_references_is_found_after_the_embedder_has_spoken(engine, monkeypatch):
    question = Question("q", references=("first", "second"), answer="4")
    steps = {"first": (KeyStep("The gate is painted"),), "second": (KeyStep(KEY),)}
    monkeypatch.setattr("keystep.keysteps.rules.extract", lambda _, reference: steps[reference])
    (scored,) = engine.score([Group(question, (Rollout("r", PARAPHRASE),))], SEMANTIC).groups
    assert scored.rollouts[0].reward.k == 1.0
    assert scored.rollouts[0].evidence.key_steps == (KeyStep(KEY),)


def test_a_reward_is_the_same_alone_and_among_others(engine):
    alone = engine.score([group()], SEMANTIC).groups[0]
    others = [
        group(f"o{i}", *(FRAME.format(f"The wall of house {i} is {w}.") for w in ("old", "near the fence of the garden"))) for i in range(9)
    ]
    assert engine.score([*others, group()], SEMANTIC).groups[-1] == alone


def test_another_embedder_than_the_services_is_refused(engine, tmp_path):
    with pytest.raises(RecipeError, match="has no embedder 'other/model'; it has sentence-transformers/all-MiniLM-L6-v2") as raised:
        engine.score([group()], SEMANTIC.but(embedder="other/model"))
    assert raised.value.field == "recipe.embedder"
    without = build(Settings(cache_path=None, verifier_workers=1))
    with pytest.raises(RecipeError, match="it has none; KEYSTEP_EMBEDDER names one"):
        without.score([group()], SEMANTIC)
    without.close()


def test_a_deadline_that_passes_costs_what_was_undecided(engine):
    scored = engine.score([group()], SEMANTIC, deadline=time.monotonic() - 1)
    assert {r.reward.reasons for r in scored.groups[0].rollouts} == {(Reason.DEADLINE,)}


def test_a_dead_embedder_nulls_what_needed_it_and_nothing_else(tmp_path):
    engine = build(settings(tmp_path))
    engine.start()
    assert engine.ready()
    whole = engine.score([group()], SEMANTIC).groups[0].rollouts
    engine._embedder.close()
    assert not engine.ready()
    needed, other, opposite = engine.score([group()], SEMANTIC).groups[0].rollouts
    engine.close()
    assert (needed.reward.total, needed.reward.step_rar, needed.reward.k) == (None, None, None)
    assert (needed.reward.step_rvr, needed.reward.outcome, needed.reward.reasons) == (1.0, 1.0, (Reason.MODEL_UNAVAILABLE,))
    assert (other, opposite) == (whole[1], whole[2])


def body(**recipe: object) -> dict[str, object]:
    rollouts = [{"id": str(i), "text": text} for i, text in enumerate((PARAPHRASE, OTHER, OPPOSITE))]
    return {
        "recipe": recipe or "semantic",
        "detail": "evidence",
        "groups": [{"id": "q", "key_steps": [KEY], "answer": "4", "rollouts": rollouts}],
    }


def test_a_service_offers_it_by_setting(tmp_path):
    with running(tmp_path, embedder=SEMANTIC.embedder, embedder_path=folder()) as service:
        answer = service.post("/v1/score", body())
        assert answer.status_code == 200, answer.text
        got = answer.json()
        assert got["recipe"] == {"name": "semantic", "hash": SEMANTIC.hash}
        rollouts = got["groups"][0]["rollouts"]
        assert [r["key_steps_matched"] for r in rollouts] == [1.0, 0.0, 0.0]
        assert rollouts[0]["evidence"]["key_steps"][0]["tier"] == "semantic"
        refused = service.post("/v1/score", body(base="semantic", embedder="other/model"))
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "recipe.embedder")


def test_a_service_that_cannot_load_it_says_so_and_does_not_become_ready(tmp_path):
    told = {"port": 0, "cache_path": "", "jobs_path": "", "drain_seconds": 0, "embedder": tmp_path / "nothing"}
    environment = os.environ | {f"KEYSTEP_{name.upper()}": str(value) for name, value in told.items()}
    with subprocess.Popen([sys.executable, "-m", "keystep", "serve"], env=environment, stderr=subprocess.PIPE, text=True) as process:
        said = ""
        for line in process.stderr:
            said += line
            if "will not become ready" in line:
                break
        address = re.search(r"http://[\d.]+:\d+", said)[0]
        assert httpx2.get(f"{address}/readyz", timeout=10).status_code == 503
        process.terminate()
        process.stderr.read()
    assert f"will not become ready: the model {tmp_path / 'nothing'} cannot be loaded" in said
    assert "Traceback" not in said


def test_a_service_without_refuses_it_and_loads_no_torch(service):
    refused = service.post("/v1/score", body())
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {
            "field": "recipe.embedder",
            "message": "this service has no embedder 'sentence-transformers/all-MiniLM-L6-v2'; it has none; KEYSTEP_EMBEDDER names one",
        }
    ]
    maps = Path(f"/proc/{service.process.pid}/maps")
    if maps.exists():  # Linux tells
        assert "libtorch" not in maps.read_text(encoding="utf-8")


def test_recipes_are_listed_in_full(service):
    listed = {r["name"]: r for r in service.get("/v1/recipes").json()["recipes"]}
    assert listed["semantic"]["hash"] == SEMANTIC.hash
    assert json.dumps(listed["semantic"]).count("all-MiniLM-L6-v2") == 1
