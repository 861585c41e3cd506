"""Paired and worst-case figures, by hand on small runs."""

from __future__ import annotations

import pytest

from keystep.batch.benchmarks import Tally
from keystep.errors import InputError


def figures(profile, *runs):
    """Each run: question id -> outcome; question by question they make groups."""
    tally = Tally(profile)
    for id_ in runs[0]:
        tally.add({"id": id_, "rollouts": [{"outcome": run[id_]} for run in runs]})
    return {name: pytest.approx(value) for name, value in tally.figures().items()}, tally.undecided


def test_any_profile_has_its_accuracy():
    assert figures("chartqa", {"a": 1.0, "b": 0.0, "c": None, "d": 1.0}) == ({"accuracy": 50.0}, 1)


def test_several_rollouts_are_several_runs():
    assert figures("chartqa", {"a": 1.0, "b": 1.0}, {"a": 0.0, "b": 1.0}) == ({"accuracy": 75.0}, 0)


def test_mme_needs_both_questions_of_an_image():
    run = {
        "count/1.png/0": 1.0,
        "count/1.png/1": 1.0,
        "count/2.png/0": 1.0,
        "count/2.png/1": 0.0,
        "colour/1.png/0": 1.0,
        "colour/1.png/1": 1.0,
    }
    assert figures("mme", run) == ({"accuracy": 500 / 6, "accuracy+": 200 / 3, "score": 75.0 + 50.0 + 200.0}, 0)


def test_hallusionbench_counts_questions_figures_and_question_pairs():
    # Two figures of one set, two questions on each; question 1 is wrong on figure 1.
    run = {"VD/math/0/0/0": 1.0, "VD/math/0/0/1": 1.0, "VD/math/0/1/0": 1.0, "VD/math/0/1/1": 0.0}
    assert figures("hallusionbench", run) == ({"aAcc": 75.0, "fAcc": 50.0, "qAcc": 50.0}, 0)


def test_dynamath_is_as_good_as_its_worst_variant():
    run = {"1/v1": 1.0, "1/v2": 1.0, "2/v1": 1.0, "2/v2": 0.0, "3/v1": 0.0, "3/v2": None}
    assert figures("dynamath", run) == ({"average": 50.0, "worst case": 100 / 3}, 1)


def test_ids_that_do_not_pair_are_told():
    with pytest.raises(InputError, match="task/image/question"):
        figures("mme", {"a": 1.0})


def test_nothing_scored_has_no_figures():
    assert Tally("mme").figures() == {}
