"""POST /v1/pairs through a real service."""

from __future__ import annotations

import pytest
from datasets import Dataset
from trl import is_conversational

GROUP = {
    "id": "q1",
    "question": "2 + 2?",
    "images": ["file:1.png"],
    "rollouts": [
        {"id": "a", "text": "It is 4.", "scores": {"reward": 2.0, "rm": 0.5}},
        {"id": "b", "text": "Perhaps 5.", "scores": {"reward": 0.0, "rm": 0.75}},
        {"id": "c", "text": "4", "scores": {"reward": 1.5, "rm": None}},
    ],
}
TIED = {"id": "q2", "question": "?", "rollouts": [{"id": n, "text": n, "scores": {"reward": 1.0, "rm": 1}} for n in "ab"]}


def ask(service, **how):
    answer = service.post("/v1/pairs", {"groups": [GROUP, TIED], **how})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_line_is_what_trl_reads_and_where_it_comes_from(service):
    got = ask(service)
    assert got["pairs"] == [
        {
            "prompt": "2 + 2?",
            "chosen": "It is 4.",
            "rejected": "Perhaps 5.",
            "images": ["file:1.png"],
            "id": "q1",
            "chosen_id": "a",
            "rejected_id": "b",
            "score_chosen": 2.0,
            "score_rejected": 0.0,
            "margin": 2.0,
            "decided_by": "reward",
        }
    ]
    assert got["dropped"] == {"q2": "tie"}
    assert got["statistics"] == {
        "groups": 2,
        "pairs": 1,
        "dropped": {"tie": 1},
        "undecided": 0,
        "duplicates": 0,
        "length": {"chosen_mean": 8.0, "rejected_mean": 10.0, "chosen_longer": 0.0},
    }


def test_any_score_may_decide_and_null_ones_are_left_out(service):
    got = ask(service, by="rm")
    assert [(p["chosen_id"], p["rejected_id"], p["margin"]) for p in got["pairs"]] == [("b", "a", 0.25)]
    assert got["statistics"]["undecided"] == 1
    assert ask(service, by=["rm", "reward"], min_margin=0.3)["dropped"] == {"q1": "margin", "q2": "tie"}


def test_messages_are_conversations_to_trl(service):
    plain, messages = (Dataset.from_list(ask(service, form=form)["pairs"]) for form in ("trl", "trl_messages"))
    assert not is_conversational(plain[0])
    assert is_conversational(messages[0])
    assert messages[0]["chosen"] == [{"role": "assistant", "content": "It is 4."}]


def test_simpos_form_has_all_responses_with_their_scores(service):
    (line,) = ask(service, form="simpo", by="rm")["pairs"]
    assert line["prompt"] == "2 + 2?"
    assert line["all_generated_responses"] == ["It is 4.", "Perhaps 5."]
    assert line["all_rm_scores"] == [0.5, 0.75]
    assert line["chosen"] == [{"role": "user", "content": "2 + 2?"}, {"role": "assistant", "content": "Perhaps 5."}]
    assert line["rejected"][-1]["content"] == "It is 4."


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"by": "outcome"}, "groups.0.rollouts.0.scores", "no score 'outcome' (it has 'reward', 'rm')"),
        ({"by": []}, "by", "at least 1"),
        ({"top": 0}, "top", "greater than or equal to 1"),
        ({"min_margin": -1}, "min_margin", "greater than or equal to 0"),
        ({"form": "csv"}, "form", "trl"),
        ({"groups": [GROUP, GROUP]}, "groups", "'q1' stands more than once"),
        ({"groups": [GROUP | {"question": ""}]}, "groups.0.question", "at least 1"),
        ({"groups": [GROUP | {"rollouts": [GROUP["rollouts"][0]] * 2}]}, "groups.0.rollouts", "'a' stands more than once"),
        (
            {"groups": [GROUP | {"rollouts": [{"id": "a", "text": "t", "scores": {"reward": "1"}}]}]},
            "groups.0.rollouts.0.scores.reward",
            "'1'",
        ),
    ],
)
def test_what_is_wrong_is_named(service, change, field, said):
    answer = service.post("/v1/pairs", {"groups": [GROUP], **change})
    assert answer.status_code == 422, answer.text
    told = answer.json()["errors"]
    assert [(e["field"], said in e["message"]) for e in told] == [(field, True)], told
