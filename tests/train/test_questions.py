"""Questions of a file in the wire's form: read with their pictures, in a new order each time, and sent as they were."""

import json

import pytest
from PIL import Image

from keystep_train.config import Data
from keystep_train.errors import DataError
from keystep_train.questions import Questions, group

ROWS = [
    {
        "id": f"q{i}",
        "question": f"{i} + 1?",
        "answer": str(i + 1),
        "reference": f"{i} + 1 = {i + 1}",
        "key_steps": [[f"{i} + 1 = {i + 1}", "a form"], "alone"],
    }
    for i in range(5)
]


@pytest.fixture
def file(tmp_path):
    Image.new("RGB", (28, 28), "red").save(tmp_path / "red.png")
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(row | {"images": ["red.png"]}) + "\n" for row in ROWS))
    return path


def test_every_question_comes_once_a_turn_in_an_order_of_the_runs_own(file):
    data = Data(file=str(file))
    turns = [[q.id for q in Questions(data, seed=0).take("train", 5 * turn, 5)] for turn in range(3)]
    assert all(sorted(turn) == [row["id"] for row in ROWS] for turn in turns)
    assert turns[0] != turns[1]
    assert turns[0] != [q.id for q in Questions(data, seed=1).take("train", 0, 5)]


def test_a_question_goes_to_the_service_as_the_file_has_it(file):
    question = next(q for q in Questions(Data(file=str(file)), seed=0).take("train", 0, 5) if q.id == "q2")
    sent = group(question, ["a", "b"], [False, True])
    assert {name: sent[name] for name in ("id", "question", "answer", "reference")} == {
        name: ROWS[2][name] for name in ("id", "question", "answer", "reference")
    }
    assert sent["key_steps"] == [["2 + 1 = 3", "a form"], ["alone"]]
    assert sent["rollouts"] == [{"id": "q2/0", "text": "a", "truncated": False}, {"id": "q2/1", "text": "b", "truncated": True}]
    assert question.images[0].getpixel((0, 0)) == (255, 0, 0)


def test_without_key_steps_the_service_extracts_them(tmp_path):
    (tmp_path / "q.jsonl").write_text(json.dumps({"id": "q", "question": "?", "answer": "1", "reference": "0 + 1 = 1"}) + "\n")
    (question,) = Questions(Data(file=str(tmp_path / "q.jsonl")), seed=0).take("test", 0, 1)
    assert "key_steps" not in group(question, ["a"], [False])


@pytest.mark.parametrize(
    ("line", "said"), [('{"id": "q"}', "line 1: .*'question'"), ("[]", "line 1"), ("no", "line 1"), ("", "has no questions")]
)
def test_a_line_that_is_no_question_is_named(line, said, tmp_path):
    (tmp_path / "q.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=said):
        Questions(Data(file=str(tmp_path / "q.jsonl")), seed=0)
