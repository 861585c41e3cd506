"""Trainers without labels: the deployment knows the questions."""

from __future__ import annotations

import json

import pytest

from keystep.errors import InputError
from keystep.http.compat import questions
from running import running
from trainers import KEY_STEPS, QUESTION, RIGHT, WRONG, query

KNOWN = {"id": "q", "question": f"<image>\n{QUESTION}", "answer": "6", "key_steps": KEY_STEPS}


@pytest.fixture(scope="module")
def knowing(tmp_path_factory):
    folder = tmp_path_factory.mktemp("questions")
    path = folder / "questions.jsonl"
    path.write_text(json.dumps(KNOWN) + "\n")
    with running(folder, questions_path=path) as service:
        yield service


def test_protocols_without_labels_get_the_reward_of_the_question(knowing):
    texts = [query(RIGHT), query(WRONG)]
    scores = knowing.post("/v1/score/evaluation", {"model": "m", "messages": texts}).json()["scores"]
    assert scores == pytest.approx([2.1, 1.1])
    data = knowing.post("/classify", {"model": "m", "input": texts, "use_activation": False}).json()["data"]
    assert [d["probs"][-1] for d in data] == pytest.approx([2.1, 1.1])
    data = knowing.post("/v1/embeddings", {"model": "m", "input": texts[0]}).json()["data"]
    assert data[-1]["embedding"] == pytest.approx([2.1])
    assert knowing.post("/get_reward", {"query": texts}).json()["rewards"] == pytest.approx([2.1, 1.1])


def test_a_label_that_is_sent_counts_and_an_unknown_question_stays_undecided(knowing):
    assert knowing.post("/get_reward", {"query": [query(RIGHT)], "labels": ["7"]}).json()["scores"] == [0.0]
    unknown = query(RIGHT).replace(QUESTION, "How few?")
    assert knowing.post("/v1/score/evaluation", {"model": "m", "messages": [unknown]}).status_code == 503


def test_a_text_that_stands_for_several_questions_stands_for_none(tmp_path):
    path = tmp_path / "q.jsonl"
    path.write_text("\n".join(json.dumps(KNOWN | {"answer": str(i), "rollouts": []}) for i in range(2)) + "\n\n")
    assert questions.load(path).find(QUESTION) is None
    path.write_text(json.dumps(KNOWN) + "\n")
    assert questions.load(path).find("How many\nobjects?") == {k: v for k, v in KNOWN.items() if k != "id"}


@pytest.mark.parametrize(
    ("line", "says"),
    [("{", "line 1"), ("[]", "has no question"), ('{"answer": "6"}', "has no question"), ('{"question": "x", "colour": 1}', "colour")],
)
def test_a_bad_file_is_named_with_its_line(tmp_path, line, says):
    path = tmp_path / "q.jsonl"
    path.write_text(line)
    with pytest.raises(InputError, match=says):
        questions.load(path)
    with pytest.raises(InputError, match="cannot be read"):
        questions.load(tmp_path / "gone.jsonl")
