"""Reward models through a real service: their routes, and as extras of a recipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from keystep.errors import InputError
from keystep.models.local import LocalModel
from keystep.models.sample import Sample
from keystep.models.spec import Local, read
from models import tiny
from running import running

TEXTS = ["### Step 1:\n2 + 2 = 4\n\n### Step 2:\nso 4\n\n### The final answer is: 4", "4", "One thing.\n\nAnother thing."]


@pytest.fixture(scope="module")
def specs(tmp_path_factory):
    base = tmp_path_factory.mktemp("models")
    return {
        "tiny-bt": {"kind": "bradley_terry", "model": tiny.bradley_terry(base / "bt")},
        "tiny-prm": {"kind": "prm_class", "model": tiny.qwen_prm(base / "prm"), "max_length": 120},
        "tiny-pairs": {"kind": "pairrm", "model": tiny.pairrm(base / "pairs"), "max_length": 512},
    }


@pytest.fixture(scope="module")
def ours(specs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    (folder / "models.json").write_text(json.dumps(specs))
    with running(folder, reward_models_path=folder / "models.json") as it:
        yield it


def ask(service, name: str, items: list[dict], **more) -> list[dict]:
    answer = service.post(f"/v1/reward-models/{name}/score", {"items": items, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def here(spec: dict, samples: list[Sample]):
    model = LocalModel("here", Local(**spec))
    model.start()
    try:
        return model.score(samples)
    finally:
        model.close()


def test_they_are_listed(ours):
    listed = ours.get("/v1/reward-models").json()["reward_models"]
    assert [(m["name"], m["kind"], m["process"], m["pairwise"], m["alive"]) for m in listed] == [
        ("tiny-bt", "bradley_terry", False, False, True),
        ("tiny-prm", "prm_class", True, False, True),
        ("tiny-pairs", "pairrm", False, True, True),
    ]


def test_scores_are_those_of_the_model(ours, specs):
    items = [{"id": str(n), "question": "2 + 2?", "text": text} for n, text in enumerate(TEXTS)]
    plain = here(specs["tiny-bt"], [Sample("2 + 2?", text) for text in TEXTS])
    found = ask(ours, "tiny-bt", items)
    assert [f["score"] for f in found] == [pytest.approx(p.value, abs=1e-5) for p in plain]
    assert [(f["id"], f["status"], f["steps"], f["truncated"]) for f in found] == [(str(n), "ok", None, False) for n in range(3)]


def test_steps_are_read_from_the_text_or_given(ours, specs):
    (plain,) = here(specs["tiny-prm"], [Sample("2 + 2?", "", steps=("2 + 2 = 4", "so 4"))])
    item = {"id": "a", "question": "2 + 2?", "text": TEXTS[0]}
    for given in (item, item | {"text": "", "steps": ["2 + 2 = 4", "so 4"]}):
        (found,) = ask(ours, "tiny-prm", [given])
        assert found["steps"] == [pytest.approx(p, abs=1e-5) for p in plain.steps]
        assert found["score"] == min(found["steps"])
    (mean,) = ask(ours, "tiny-prm", [item], aggregate="mean")
    assert mean["score"] == pytest.approx(sum(mean["steps"]) / 2)
    (empty,) = ask(ours, "tiny-prm", [item | {"text": ""}], aggregate="product")
    assert (empty["score"], empty["reasons"]) == (0.0, ["missing_steps"])
    (long,) = ask(ours, "tiny-prm", [item | {"steps": ["one step"] * 100}])
    assert (long["score"], long["steps"], long["status"], long["reasons"]) == (None, None, "error", ["truncated_steps"])


def test_a_pairwise_model_compares_in_both_orders(ours):
    (found,) = ask(ours, "tiny-pairs", [{"id": "a", "question": "q", "text": "yes", "other": "no"}])
    assert found["score"] == pytest.approx(found["parts"]["as_given"] - found["parts"]["swapped"], abs=1e-6)


@pytest.mark.parametrize(
    ("name", "item", "field", "said"),
    [
        ("tiny-bt", {"steps": ["a"]}, "items.0.steps", "scores whole responses"),
        ("tiny-bt", {"other": "b"}, "items.0.other", "leave other out"),
        ("tiny-pairs", {}, "items.0.other", "give the second as other"),
        ("tiny-prm", {"steps": [" "]}, "items.0.steps.0", "blank"),
    ],
)
def test_what_does_not_fit_the_model_is_named(ours, name, item, field, said):
    answer = ours.post(f"/v1/reward-models/{name}/score", {"items": [{"id": "a", "question": "q", "text": "t"} | item]})
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert (error["field"], said in error["message"]) == (field, True)


def test_an_unknown_model_is_a_404_that_names_those_there_are(ours, service):
    for where, said in ((ours, "there are tiny-bt, tiny-prm, tiny-pairs"), (service, "KEYSTEP_REWARD_MODELS_PATH names them")):
        answer = where.post("/v1/reward-models/gpt/score", {"items": []})
        assert (answer.status_code, said in answer.json()["detail"]) == (404, True)


def body(*extras: dict) -> dict:
    rollouts = [{"id": str(n), "text": text} for n, text in enumerate(TEXTS)]
    return {
        "recipe": {"base": "hardened", "extras": list(extras)},
        "groups": [{"id": "q", "question": "2 + 2?", "answer": "4", "rollouts": rollouts}],
    }


def test_as_components_of_a_recipe(ours, specs):
    plain = ours.post("/v1/score", body()).json()
    got = ours.post("/v1/score", body({"reward_model": "tiny-bt", "weight": 0.5}, {"reward_model": "tiny-prm", "aggregate": "last"})).json()
    assert got["recipe"]["name"] == "hardened(extras=tiny-bt+tiny-prm)"
    assert got["recipe"]["hash"] != plain["recipe"]["hash"]
    scores = ask(ours, "tiny-bt", [{"id": str(n), "question": "2 + 2?", "text": text} for n, text in enumerate(TEXTS)])
    for rollout, base, score in zip(got["groups"][0]["rollouts"], plain["groups"][0]["rollouts"], scores, strict=True):
        extras = rollout["extras"]
        assert extras["tiny-bt"] == pytest.approx(score["score"], abs=1e-5)
        assert 0 < extras["tiny-prm"] < 1
        assert rollout["reward"] == pytest.approx(base["reward"] + 0.5 * extras["tiny-bt"] + extras["tiny-prm"])
        assert rollout["status"] == "ok"
    streamed = ours.post(
        "/v1/score/stream", body({"reward_model": "tiny-bt", "weight": 0.5}, {"reward_model": "tiny-prm", "aggregate": "last"})
    )
    assert json.loads(streamed.text.splitlines()[1]) == got["groups"][0]


def test_a_model_that_is_not_there_makes_nulls_with_the_reason(service):
    rollouts = service.post("/v1/score", body({"reward_model": "gone"})).json()["groups"][0]["rollouts"]
    assert {(r["reward"], r["extras"]["gone"], r["status"], "model_unavailable" in r["reasons"]) for r in rollouts} == {
        (None, None, "partial", True)
    }
    assert [r["outcome"] for r in rollouts] == [1.0, 1.0, 0.0]


def test_a_pairwise_model_is_refused_as_a_component(ours):
    answer = ours.post("/v1/score", body({"reward_model": "tiny-pairs"}))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "recipe.extras.0.reward_model")


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("{", "KEYSTEP_REWARD_MODELS_PATH"),
        ('{"m": {"kind": "bt", "model": "m"}}', "'bradley_terry'"),
        ('{"m": {"kind": "bradley_terry"}}', "m.bradley_terry.model: Field required"),
        ('{"m": {"kind": "vllm", "url": "localhost:1", "chat_template": "x"}}', "give the root of the server"),
        ('{"m": {"kind": "bradley_terry", "model": "m", "layout": "plain"}}', "layout plain is for prm_class and prm_token"),
        ('{"a b": {"kind": "bradley_terry", "model": "m"}}', "'a b' is no name of a model"),
        ('{"m": {"kind": "armorm", "model": "m"}}', "set remote_code to true where you trust it"),
    ],
)
def test_a_file_that_is_not_as_it_should_be_is_named(tmp_path, file, said):
    (tmp_path / "models.json").write_text(file)
    with pytest.raises(InputError) as raised:
        read(tmp_path / "models.json")
    assert said in raised.value.message
    assert "models.json" in raised.value.message


def test_a_service_tells_it_in_one_line(tmp_path):
    told = os.environ | {"KEYSTEP_REWARD_MODELS_PATH": str(tmp_path / "none.json"), "KEYSTEP_PORT": "0", "KEYSTEP_CACHE_PATH": ""}
    done = subprocess.run([sys.executable, "-m", "keystep", "serve"], env=told, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "none.json (KEYSTEP_REWARD_MODELS_PATH)" in done.stderr
