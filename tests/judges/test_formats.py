"""Outputs and judgements as the benchmarks store them. The rows are made up, in each one's own form."""

from __future__ import annotations

import json

import pytest

from keystep.errors import InputError
from keystep.judges import formats, judgements
from keystep.judges.formats import Answered
from keystep.judges.judgements import PositionBias, position_bias


def write(path, rows, *, array=False):
    path.write_text(json.dumps(rows, indent=1) if array else "\n".join(map(json.dumps, rows)))
    return path


def test_alpaca_eval_outputs(tmp_path):
    rows = [{"dataset": "helpful_base", "instruction": "Say hi.", "output": "Hi!", "generator": "mine"}]
    (found,) = formats.answers(write(tmp_path / "o.json", rows, array=True)).values()
    assert found == Answered("Say hi.", "Say hi.", "Hi!", "mine")


@pytest.mark.parametrize(
    "answer",
    [
        {
            "question_id": "q1",
            "answer_id": "a",
            "model_id": "mine",
            "choices": [{"index": 0, "turns": [{"content": "Hi!", "token_len": 2}]}],
        },
        {
            "uid": "q1",
            "model": "mine",
            "messages": [{"role": "user", "content": "Say hi."}, {"role": "assistant", "content": {"answer": "Hi!"}}],
        },
    ],
)
@pytest.mark.parametrize(
    "question", [{"question_id": "q1", "cluster": "c", "turns": [{"content": "Say hi."}]}, {"uid": "q1", "prompt": "Say hi."}]
)
def test_arena_hard_outputs(tmp_path, answer, question):
    found = formats.answers(write(tmp_path / "a.jsonl", [answer]), write(tmp_path / "q.jsonl", [question]))
    assert found == {"q1": Answered("q1", "Say hi.", "Hi!", "mine")}


def test_mt_bench_outputs_of_two_turns(tmp_path):
    answer = {"question_id": 81, "model_id": "mine", "choices": [{"index": 0, "turns": ["Hi!", "Hello!"]}], "tstamp": 1.5}
    question = {"question_id": 81, "category": "writing", "turns": ["Say hi.", "Again."]}
    (found,) = formats.answers(write(tmp_path / "a.jsonl", [answer]), write(tmp_path / "q.jsonl", [question])).values()
    assert (found.id, found.question) == ("81", "[Turn 1]\nSay hi.\n\n[Turn 2]\nAgain.")
    assert found.output == "[Turn 1]\nHi!\n\n[Turn 2]\nHello!"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"question_id": 81, "model_id": "m", "choices": [{"turns": ["a"]}]}], "give the benchmark's questions with --questions"),
        ([{"instruction": "a", "output": None}], "entry 1"),
        ([{"text": "a"}], "entry 1"),
        ([{"instruction": "a", "output": "b"}] * 2, "stands in it already"),
        ([], "is empty"),
        (["text"], "no JSON object"),
    ],
)
def test_what_is_no_output_is_named(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        formats.answers(write(tmp_path / "o.jsonl", rows))


def read(*rows):
    return judgements.read(rows)


def test_alpaca_evals_annotations_prefer_output_2_by_what_exceeds_1():
    row = {"instruction": "q", "output_1": "baseline", "output_2": "mine, longer", "generator_1": "b", "generator_2": "m"}
    found = read(*(row | {"preference": p} for p in (2.0, 1.0, 1.25, 0, None, float("nan"))))
    assert [j.preference for j in found.judged] == [1.0, 0.0, 0.25, 0.5]
    assert {j.longer_by for j in found.judged} == {4}
    assert found.undecided == 2


@pytest.mark.parametrize(
    ("games", "preference", "orders"),
    [
        (("B>>A", "A>B"), 1.0, ("first", "second")),  # the model wins both
        (("A>B", "B>A"), 0.0, ("second", "first")),
        (("A=B", "A=B"), 0.5, ("tie", "tie")),
        (("A>B", "A>>B"), 0.5, ("first", "first")),  # what stands first wins both
        (("B>A", "A=B"), 0.75, ("tie", "second")),
    ],
)
def test_arena_hards_games_have_the_baseline_first_and_then_second(games, preference, orders):
    found = read({"uid": "q", "model": "mine", "judge": "j", "games": [{"score": g} for g in games]})
    assert ([j.preference for j in found.judged], found.orders) == ([preference], [orders])


@pytest.mark.parametrize(
    ("winners", "preference"),
    [(("model_1", "model_1"), 1.0), (("model_2", "model_2"), 0.0), (("model_1", "model_2"), 0.5), (("tie", "model_1"), 0.75)],
)
def test_mt_benchs_pairs_are_of_model_1_against_model_2(winners, preference):
    row = {"question_id": 81, "model_1": "mine", "model_2": "other", "turn": 1}
    found = read(row | dict(zip(("g1_winner", "g2_winner"), winners, strict=True)), row | {"g1_winner": "error", "g2_winner": "tie"})
    assert ([j.preference for j in found.judged], found.undecided) == ([preference], 1)


def test_single_scores_are_gathered_by_model_and_failures_left_out():
    found = read(
        *({"question_id": 81, "model": m, "score": s, "turn": 1} for m, s in (("a", 7), ("a", 9.5), ("b", 1), ("a", -1), ("b", None)))
    )
    assert (found.scores, found.undecided) == ({"a": [7.0, 9.5], "b": [1.0]}, 2)


def test_position_bias_is_told():
    assert position_bias([]) is None
    orders = [("first", "second"), ("first", "first"), ("second", "first"), ("tie", "tie"), ("first", "tie")]
    assert position_bias(orders) == PositionBias(5, 5 / 7, 3 / 5)
    assert position_bias([("tie", "tie")]) == PositionBias(1, None, 1.0)


@pytest.mark.parametrize("row", [{"id": "q"}, {"games": [{"score": "A>B"}]}, {"output_1": "a", "output_2": "b", "preference": 3}])
def test_what_is_no_judgement_is_named(row):
    with pytest.raises(InputError, match="entry 1 is no judgement"):
        read(row)
