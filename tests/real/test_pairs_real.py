"""Best of eight by the stored reward model; ``make real`` prints the figures."""

from __future__ import annotations

import pytest

from real import pairs_eval


@pytest.fixture(scope="module")
def given(service, shared):
    return pairs_eval.with_outcomes(service, shared)


def test_the_stored_reward_model_picks_as_published(service, given):
    found = pairs_eval.measure(service, given, ["pred_score"])
    assert (found.right, found.random, found.questions) == (94, 91.0, 100)
    assert found.statistics["pairs"] == 100
    assert 0.4 < found.statistics["length"]["chosen_longer"] < 0.6


def test_by_outcome_then_reward_the_chosen_is_right_wherever_any_is(service, given):
    found = pairs_eval.measure(service, given, ["outcome", "pred_score"])
    possible = sum(any(r["scores"]["verdict"] for r in g["rollouts"]) for g in given)
    assert found.right == possible
