"""The formulas, and what holds for every rollout."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.core import rewards
from keystep.nouns import KeyStep, Outcome, Reason, Rollout, Validity
from keystep.recipe import HARDENED, OFFICIAL, PAPER, RECIPES
from responses import mulberry

RIGHT, WRONG = Outcome(1.0, "6"), Outcome(0.0, "7")
ABSENT = Outcome(0.0, None, reasons=(Reason.NO_ANSWER,))
SEVERAL = Outcome(0.0, "6 or 7", reasons=(Reason.SEVERAL_ANSWERS,))
UNDECIDED = Outcome(None, "6", reasons=(Reason.VERIFIER_TIMEOUT,))


@pytest.mark.parametrize(
    ("outcome", "k", "paper", "official"),
    [
        (RIGHT, 0.5, 1.05, 1.05),
        (WRONG, 0.5, 0.05, 0.05),
        (ABSENT, 0.5, 0.0, 0.05),
        (SEVERAL, 0.5, 0.0, 0.05),
        (UNDECIDED, 0.5, None, None),
        (RIGHT, 0.0, 1.0, 1.0),
    ],
)
def test_step_rar(outcome, k, paper, official):
    assert rewards.step_rar(outcome, k, HARDENED) == rewards.step_rar(outcome, k, PAPER) == paper
    assert rewards.step_rar(outcome, k, OFFICIAL) == official


@pytest.mark.parametrize(
    ("completeness", "logic", "value"), [(True, True, 1.0), (True, False, 0.0), (False, True, 0.0), (False, False, 0.0)]
)
def test_step_rvr(completeness, logic, value):
    assert rewards.step_rvr(Validity(completeness, logic)) == value


def test_a_component_of_weight_zero_is_not_needed():
    assert rewards.total(HARDENED, 1.05, 1.0, None) == 2.05
    assert rewards.total(HARDENED, None, 1.0, 1.0) is None
    outcome_only = HARDENED.but(weight_step_rar=0, weight_step_rvr=0, weight_outcome=1)
    assert rewards.total(outcome_only, None, None, 1.0) == 1.0
    assert rewards.total(outcome_only, 1.0, 1.0, None) is None


def scored(recipe, text, outcome, keys):
    rollout, parsed = Rollout("r", text), rewards.parse_for(recipe, text)
    cosines = dict.fromkeys(rewards.undecided(rollout, parsed, (keys,), recipe), 0.9)
    return rewards.score(rollout, parsed, (keys,), outcome, recipe, cosines=cosines)


def test_key_steps_that_could_not_be_had_make_step_rar_null():
    text = mulberry("a")
    got = rewards.score(Rollout("r", text), rewards.parse_for(HARDENED, text), None, RIGHT, HARDENED, notes=(Reason.EXTRACTOR_UNAVAILABLE,))
    assert (got.reward.total, got.reward.step_rar, got.reward.k, got.reward.k_soft) == (None, None, None, None)
    assert (got.reward.step_rvr, got.reward.outcome, got.reward.reasons) == (1.0, 1.0, (Reason.EXTRACTOR_UNAVAILABLE,))


FRAGMENTS = [
    "6/3 = 2",
    "AD is a median",
    "not",
    "### Step 2:",
    "### The final answer is: 6",
    "<think>",
    "\n",
    "60 apples",
    "½",
    "5 + 1 = 6",
    "=",
]
texts = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=30)), max_size=12).map(" ".join)
keys = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(min_size=1, max_size=15)).filter(str.strip).map(KeyStep), max_size=5).map(
    tuple
)
outcomes = st.sampled_from([RIGHT, WRONG, ABSENT, SEVERAL])


@given(texts, keys, outcomes, st.sampled_from(list(RECIPES.values())))
def test_rewards_lie_between_0_and_2_1(text, key_steps, outcome, recipe):
    reward = scored(recipe, text, outcome, key_steps).reward
    assert 0.0 <= reward.total <= 2.1
    assert 0.0 <= reward.k <= 1.0
    assert 0.0 <= reward.k_soft <= 1.0


@given(texts, keys, outcomes, st.sampled_from(list(RECIPES.values())))
def test_a_matched_key_step_more_never_lowers_step_rar(text, key_steps, outcome, recipe):
    before = scored(recipe, text, outcome, key_steps)
    for extra in FRAGMENTS:
        after = scored(recipe, text, outcome, (*key_steps, KeyStep(extra)))
        if after.evidence.matches[-1].matched and not after.evidence.excluded:
            assert after.reward.step_rar >= before.reward.step_rar - 1e-12
