"""Reward models behind vLLM, SGLang and TEI: raw logits, and what becomes of failures."""

from __future__ import annotations

import json
import time

import pytest

from keystep.errors import InputError
from keystep.models.remote import RemoteModel
from keystep.models.sample import Sample, Score
from keystep.models.spec import Remote
from keystep.nouns import Reason
from models.reward_servers import LONGEST, logit, reward_server
from running import running

TEMPLATE = "{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}<|end|>{% endfor %}"
SAMPLES = [Sample(f"question {n}", "word " * n) for n in range(10)]
GONE = Score(reason=Reason.MODEL_UNAVAILABLE)
KINDS = ("vllm", "sglang", "tei")


def text(sample: Sample) -> str:
    return f"<|user|>{sample.question}<|end|><|assistant|>{sample.text}<|end|>"


@pytest.fixture
def server():
    with reward_server() as it:
        yield it


@pytest.fixture
def build(server):
    made = []

    def make(kind: str, **more) -> RemoteModel:
        spec = {"kind": kind, "url": server.url, "model": "rm", "chat_template": TEMPLATE, "batch": 4, "retries": 2} | more
        made.append(RemoteModel("remote", Remote(**spec)))
        return made[-1]

    yield make
    for model in made:
        model.close()


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_raw_logits_of_the_text_with_one_bos(server, build, kind):
    assert [s.value for s in build(kind).score([*SAMPLES, SAMPLES[0]])] == [pytest.approx(logit(text(s))) for s in [*SAMPLES, SAMPLES[0]]]
    assert len(server.seen) == 3
    path, _, body = server.seen[0]
    assert path == {"vllm": "/classify", "sglang": "/v1/embeddings", "tei": "/predict"}[kind]
    assert not any("<s>" in json.dumps(b) for _, _, b in server.seen)
    if kind == "vllm":
        assert body["use_activation"] is False
    if kind == "tei":
        assert (body["raw_scores"], body["truncate"]) == (True, False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sample_that_is_too_long_is_alone_without_a_score(build, kind):
    samples = [*SAMPLES[:5], Sample("long", "x" * LONGEST)]
    assert build(kind).score(samples) == [*(Score(pytest.approx(logit(text(s)))) for s in SAMPLES[:5]), GONE]


@pytest.mark.parametrize("busy", [(429, {"error": "Model is overloaded", "error_type": "overloaded"}), (503, {"error": "restarting"})])
def test_an_overloaded_server_is_asked_again(server, build, busy):
    server.fail = [busy, busy]
    assert build("tei").score(SAMPLES[:1]) == [Score(pytest.approx(logit(text(SAMPLES[0]))))]
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("vllm", lambda a: a | {"data": a["data"][1:]}),
        ("vllm", lambda a: a | {"data": [d | {"probs": [0.5, 0.5]} for d in a["data"]]}),
        ("vllm", lambda a: a | {"data": [d | {"probs": [float("nan")]} for d in a["data"]]}),
        ("vllm", lambda a: {"object": "error"}),
        ("sglang", lambda a: a | {"data": [d | {"index": 0} for d in a["data"]]}),
        ("sglang", lambda a: a | {"data": [d | {"embedding": []} for d in a["data"]]}),
        ("tei", lambda a: a[1:]),
        ("tei", lambda a: [[{"score": "high", "label": "x"}] for _ in a]),
        ("tei", (500, {"error": "backend"})),
        ("tei", (401, {"error": "no"})),
    ],
)
def test_what_is_no_logit_a_text_is_no_score(server, build, kind, wrong):
    server.fail = [wrong] * 20
    assert build(kind).score(SAMPLES[:2]) == [GONE, GONE]


def test_a_time_out_and_a_server_that_is_gone_are_no_scores(server, build):
    server.fail = ["slow"]
    assert build("vllm", timeout_seconds=0.3).score(SAMPLES[:1]) == [GONE]
    assert build("vllm", url="http://127.0.0.1:9", retries=0).score(SAMPLES[:1]) == [GONE]
    model = build("vllm")
    model.close()
    assert model.score(SAMPLES[:1]) == [GONE]


def test_a_deadline_costs_what_is_not_there(server, build):
    server.fail = ["slow"]
    began = time.monotonic()
    assert build("vllm").score(SAMPLES[:1], deadline=began + 0.2) == [Score(reason=Reason.DEADLINE)]
    assert time.monotonic() - began < 10


def test_a_key_is_taken_from_the_variable_that_is_named(server, build, monkeypatch):
    monkeypatch.setenv("RM_KEY", "secret")
    build("vllm", api_key_env="RM_KEY").score(SAMPLES[:1])
    assert server.seen[0][1]["authorization"] == "Bearer secret"
    with pytest.raises(InputError, match="takes its key from the variable RM_NONE, which is not set"):
        build("vllm", api_key_env="RM_NONE")


@pytest.mark.parametrize("template", ["{% for m in messages %}", "{{ messages }}{{ eos_token }}"])
def test_a_template_that_does_not_work_is_refused_at_the_start(build, template):
    with pytest.raises(InputError, match="chat_template of the reward model remote"):
        build("vllm", chat_template=template)


def test_as_a_component_of_a_recipe_without_torch(server, tmp_path):
    spec = {"kind": "vllm", "url": server.url, "model": "rm", "chat_template": TEMPLATE, "retries": 0}
    (tmp_path / "models.json").write_text(json.dumps({"away": spec}))
    group = {"id": "q", "question": "2 + 2?", "answer": "4", "rollouts": [{"id": "a", "text": "4"}, {"id": "b", "text": "5"}]}
    body = {"recipe": {"base": "hardened", "extras": [{"reward_model": "away", "normalise": "sigmoid"}]}, "groups": [group]}
    with running(tmp_path, reward_models_path=tmp_path / "models.json", processes=1) as service:
        right, wrong = service.post("/v1/score", body).json()["groups"][0]["rollouts"]
        assert right["extras"]["away"] == pytest.approx(1 / (1 + 2.718281828459045 ** -logit(text(Sample("2 + 2?", "4")))))
        assert right["reward"] == pytest.approx(1.0 + right["extras"]["away"])
        assert wrong["status"] == "ok"
        server.fail = [(500, {})] * 9
        right, _ = service.post("/v1/score", body).json()["groups"][0]["rollouts"]
        assert (right["reward"], right["extras"], right["outcome"], right["status"]) == (None, {"away": None}, 1.0, "partial")
        assert "model_unavailable" in right["reasons"]
