"""Each protocol by byte-exact replays of its trainer's requests, over real HTTP."""

from __future__ import annotations

import json
import math
from urllib.parse import quote

import pytest

from trainers import KEY_STEPS, LABEL, PROMPT, QUESTION, RIGHT, UNDECIDED, WRONG, query


def replay(**fields):
    """As Python's json writes it: what requests and aiohttp send."""
    return json.dumps(fields).encode()


@pytest.fixture
def post(service):
    def send(path, content):
        answer = service.post(path, content=content)
        assert answer.status_code == 200, answer.text
        return answer.json()

    return send


@pytest.fixture
def refused(service):
    def send(path, content):
        answer = service.post(path, content=content)
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.status_code, answer.json()["detail"], answer.headers.get("retry-after")

    return send


@pytest.fixture
def fallbacks(service):
    def count(protocol):
        lines = service.get("/metrics").text.splitlines()
        found = [line for line in lines if line.startswith(f'keystep_fallbacks_total{{protocol="{protocol}"}}')]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    return count


class TestOpenRLHF:
    def test_one_sample(self, post):
        told = post("/get_reward", replay(query=[query(RIGHT)], prompts=[PROMPT], labels=[LABEL]))
        assert told["rewards"] == pytest.approx([2.1])
        assert told["scores"] == [1.0]
        assert {name: value[0] for name, value in told["extra_logs"].items()} == pytest.approx(
            {"step_rar": 1.1, "step_rvr": 1.0, "outcome": 1.0, "key_steps_matched": 1.0, "key_steps_soft": 1.0, "undecided": 0.0}
        )

    def test_lmm_r1_reads_format_and_accuracy(self, post):
        told = post("/get_reward", replay(query=[query(RIGHT), query(WRONG)], prompts=["its key", "its key"], labels=["6", "6"]))
        assert (told["format_rewards"], told["acc_rewards"]) == ([1.0, 1.0], [1.0, 0.0])

    def test_empty_lists_are_answered_with_empty_lists(self, post):
        told = post("/get_reward", replay(query=[], prompts=[], labels=[]))
        assert told["rewards"] == told["scores"] == told["extra_logs"]["step_rar"] == []

    def test_the_same_keys_on_every_sample_numeric_and_never_nan(self, post, service):
        # Nothing is known of the outcome of a response without a label.
        bodies = [replay(query=[q], prompts=[""], labels=[label]) for q, label in ((RIGHT, LABEL), ("", LABEL), (RIGHT, None))]
        for _ in range(2):
            service.post("/get_reward?undecided=0", content=bodies[2])
        logs = [post("/get_reward?undecided=0", body)["extra_logs"] for body in bodies]
        assert {tuple(log) for log in logs} == {("step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft", "undecided")}
        assert all(isinstance(value, float) and math.isfinite(value) for log in logs for (value,) in log.values())
        assert [log["undecided"] for log in logs] == [[0.0], [0.0], [1.0]]

    def test_an_undecided_reward_is_503_then_the_fallback_counted(self, post, refused, fallbacks):
        body = replay(query=[query(UNDECIDED)], prompts=[PROMPT], labels=[LABEL])
        before = fallbacks("openrlhf")
        for _ in range(2):
            status, detail, after = refused("/get_reward?undecided=-0.5", body)
            assert (status, after) == (503, "1")
            assert "needs_judge" in detail
        assert fallbacks("openrlhf") == before
        told = post("/get_reward?undecided=-0.5", body)
        assert (told["rewards"], told["scores"]) == ([-0.5], [-0.5])
        assert (told["extra_logs"]["undecided"], told["extra_logs"]["step_rvr"]) == ([1.0], [1.0])
        assert fallbacks("openrlhf") == before + 1

    def test_without_a_fallback_an_undecided_reward_stays_a_503_that_says_how(self, refused):
        body = replay(query=[query(UNDECIDED)], prompts=[PROMPT], labels=[LABEL])
        for _ in range(4):
            status, detail, _after = refused("/get_reward", body)
            assert status == 503
            assert "undecided=NUMBER" in detail

    def test_labels_plain_and_json(self, post):
        plain = post("/get_reward", replay(query=[query(RIGHT)], prompts=[PROMPT], labels=["6"]))
        assert plain["rewards"] == pytest.approx([2.0])
        for label in (6, '{"answer": 6}', '{"answer": "B", "choices": ["5", "6"]}'):
            assert post("/get_reward", replay(query=[query(RIGHT)], prompts=[PROMPT], labels=[label]))["scores"] == [1.0]
        # JSON that is no question of the wire is the gold itself.
        assert post("/get_reward", replay(query=['{"a": 1}'], prompts=[""], labels=['{"a": 1}']))["scores"] == [1.0]

    def test_the_recipe_is_the_urls(self, post):
        body = replay(query=[query(RIGHT)], prompts=[PROMPT], labels=[LABEL])
        recipe = quote('{"base": "hardened", "alpha": 0.5}')
        assert post(f"/get_reward?recipe={recipe}", body)["rewards"] == pytest.approx([2.5])
        assert post("/get_reward?recipe=paper", body)["rewards"] == pytest.approx([2.1])

    @pytest.mark.parametrize(
        ("path", "body", "status", "says"),
        [
            ("/get_reward", b"{", 400, "not JSON"),
            ("/get_reward", replay(prompts=[]), 422, "query: this field is required"),
            ("/get_reward", replay(query=["a"], labels=[]), 422, "labels has 0 entries and query has 1"),
            ("/get_reward", replay(query=["6"], prompts=["How many?"], labels=["6"]), 422, "query.0 does not begin with prompts.0"),
            ("/get_reward", replay(query=["x", "y"], labels=["6", '{"answer": "6", "colour": 1}']), 422, "labels.1.colour: there is no"),
            ("/get_reward", replay(query=["x" * 400_001], labels=["6"]), 413, "query.0 has 400001"),
            ("/get_reward?recipe=best", replay(query=["x"], labels=["6"]), 422, "there is no recipe 'best'"),
            ("/get_reward?recipe={", replay(query=["x"], labels=["6"]), 422, "recipe is not JSON"),
            ("/get_reward?undecided=nan", replay(query=["x"], labels=["6"]), 422, "finite number"),
            ("/get_reward?fallback=0", replay(query=["x"], labels=["6"]), 422, "there is no parameter 'fallback'"),
            ("/compat/slime?wants=all", replay(response="x", label="6"), 422, "number or object"),
        ],
    )
    def test_errors_are_in_the_trainers_words(self, refused, path, body, status, says):
        got, detail, _ = refused(path, body)
        assert got == status
        assert says in detail


class TestSlime:
    def test_a_number(self, post):
        body = replay(prompt=PROMPT, response=RIGHT + "<|im_end|>", label=LABEL)
        assert post("/compat/slime", body) == pytest.approx(2.1)

    def test_an_object_for_reward_key(self, post):
        body = replay(prompt=[{"role": "user", "content": QUESTION}], response=WRONG, label=json.loads(LABEL))
        told = post("/compat/slime?wants=object", body)
        assert told == pytest.approx(
            {"reward": 1.1, "step_rar": 0.1, "step_rvr": 1, "outcome": 0, "key_steps_matched": 1, "key_steps_soft": 1, "undecided": 0}
        )

    def test_undecided(self, post, refused, fallbacks):
        body = replay(prompt=PROMPT, response=UNDECIDED, label="6")
        before = fallbacks("slime")
        assert [refused("/compat/slime?undecided=0", body)[0] for _ in range(2)] == [503, 503]
        assert post("/compat/slime?undecided=0", body) == 0.0
        assert fallbacks("slime") == before + 1


class TestWithoutLabels:
    """LLaMA-Factory, vLLM and SGLang send none: a recipe that needs no gold decides."""

    RECIPE = quote('{"base": "hardened", "weight_step_rar": 0}')

    def test_llama_factory(self, post):
        body = replay(model="model", messages=[query(RIGHT), query("6")])
        told = post(f"/v1/score/evaluation?recipe={self.RECIPE}", body)
        assert (told["object"], told["model"], told["scores"]) == ("score.evaluation", "model", [1.0, 0.0])
        assert told["id"].startswith("scoreval-")

    def test_llama_factory_empty_is_400(self, refused):
        assert refused("/v1/score/evaluation", replay(model="model", messages=[]))[0] == 400

    def test_llama_factory_undecided(self, post, refused, fallbacks):
        body = replay(model="model", messages=[query(RIGHT)])
        status, detail, _ = refused("/v1/score/evaluation", body)
        assert (status, "no_reference_answer" in detail) == (503, True)
        before = fallbacks("llama_factory")
        assert post("/v1/score/evaluation?undecided=0.25", body)["scores"] == [0.25]
        assert fallbacks("llama_factory") == before + 1

    def test_vllm_classify(self, post):
        body = replay(model="some/reward-model", input=query(RIGHT), use_activation=False)
        told = post(f"/classify?recipe={self.RECIPE}", body)
        assert told["data"][-1]["probs"][-1] == 1.0
        assert told["data"][-1]["num_classes"] == 1
        several = post(f"/classify?recipe={self.RECIPE}", replay(model="m", input=[query("6"), query(RIGHT)]))
        assert [(d["index"], d["probs"]) for d in several["data"]] == [(0, [0.0]), (1, [1.0])]

    def test_sglang_embeddings(self, post):
        told = post(f"/v1/embeddings?recipe={self.RECIPE}", replay(model="m", input=query(RIGHT)))
        assert told["data"][-1]["embedding"][-1] == 1.0

    def test_vllm_undecided_is_503(self, refused):
        assert refused("/classify", replay(model="m", input=query(RIGHT), use_activation=False))[0] == 503


class TestNeMoGym:
    @staticmethod
    def body(text, **more):
        return {
            "responses_create_params": {"input": [{"role": "user", "content": [{"type": "input_text", "text": QUESTION}]}]},
            "response": {
                "id": "resp_1",
                "output": [
                    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
                    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text, "annotations": []}]},
                ],
            },
            "expected_answer": "6",
            **more,
        }

    def test_the_same_and_the_reward(self, post):
        sent = self.body(RIGHT, question=QUESTION, other={"kept": 10**30})
        told = post("/verify", json.dumps(sent).encode())
        assert told.pop("reward") == pytest.approx(2.0)
        assert told.pop("reward_components") == {
            "step_rar": 1.0, "step_rvr": 1.0, "outcome": 1.0, "key_steps_matched": 0.0, "key_steps_soft": 0.0, "undecided": 0.0,
        }  # fmt: skip
        assert told.pop("mask_sample") is False
        assert told == sent

    def test_the_expected_answer_may_carry_key_steps(self, post):
        told = post("/verify", json.dumps(self.body(RIGHT, expected_answer={"answer": "6", "key_steps": KEY_STEPS})).encode())
        assert told["reward"] == pytest.approx(2.1)

    def test_undecided_is_set_aside(self, post):
        told = post("/verify", json.dumps(self.body(UNDECIDED)).encode())
        assert (told["_ng_failure_class"], told["mask_sample"], told["failure_reason"]) == (
            "judge_failed",
            True,
            "no_key_steps, needs_judge",
        )
        assert told["reward_components"].keys() == {
            "step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft", "undecided",
        }  # fmt: skip

    def test_odd_outputs_are_empty_responses(self, post):
        for output in (None, "text", [5], [{"type": "message"}], [{"type": "message", "content": [{"refusal": "no"}]}]):
            told = post("/verify", json.dumps(self.body("x") | {"response": {"output": output}}).encode())
            assert told["reward"] == 0.0
            assert "_ng_failure_class" not in told


class TestBedrock:
    @staticmethod
    def sample(id_, text, **more):
        messages = [{"role": "user", "content": QUESTION}, {"role": "assistant", "content": text}]
        return {"id": id_, "messages": messages, "metadata": {"reference_answer": {"answer": "6", "key_steps": KEY_STEPS}}, **more}

    def test_keyed_by_id(self, post):
        told = post("/compat/bedrock", json.dumps([self.sample("b", WRONG), self.sample("a", RIGHT)]).encode())
        assert [t["id"] for t in told] == ["b", "a"]
        assert [t["aggregate_reward_score"] for t in told] == pytest.approx([1.1, 2.1])
        assert told[0]["metrics_list"][0] == {"name": "step_rar", "value": 0.1, "type": "Metric"}

    def test_the_same_id_twice_and_none_at_all(self, post):
        told = post("/compat/bedrock", json.dumps([self.sample("a", RIGHT)] * 2).encode())
        assert [t["aggregate_reward_score"] for t in told] == pytest.approx([2.1, 2.1])
        assert post("/compat/bedrock", b"[]") == []

    def test_undecided_is_null_or_the_urls_number(self, post, fallbacks):
        body = json.dumps([self.sample("a", UNDECIDED, metadata=None, reference_answer="6"), self.sample("b", RIGHT)]).encode()
        first, second = post("/compat/bedrock", body)
        assert (first["aggregate_reward_score"], second["aggregate_reward_score"]) == (None, pytest.approx(2.1))
        before = fallbacks("bedrock")
        assert post("/compat/bedrock?undecided=0", body)[0]["aggregate_reward_score"] == 0.0
        assert fallbacks("bedrock") == before + 1


def test_routes_stand_under_the_limits_of_the_service(service):
    draining = service.post("/get_reward", content=b" " * (65 << 20))
    assert (draining.status_code, "KEYSTEP_MAX_BODY_MIB" in draining.text) == (413, True)
    metrics = service.get("/metrics").text
    assert 'keystep_requests_total{route="/get_reward",status="413"}' in metrics
