"""What the released code gets wrong: every row of the probe table, for `official` (which reproduces it) and `hardened`."""

from __future__ import annotations

import threading

import pytest

from keystep.nouns import Flag, Group, KeyStep, Question, Reason, Rollout
from keystep.recipe import HARDENED, OFFICIAL
from responses import mulberry

KEYS = ("AD is a median", "equal area", "AE is half of AD", "12/2 = 6", "E is the midpoint", "6/2 = 3")


def score(engine, recipe, text, *, keys=KEYS, answer="3", question="What is the area of triangle BDE?", choices=None):
    asked = Question("q", question, key_steps=tuple(KeyStep(k) for k in keys), answer=answer, choices=choices)
    return engine.score([Group(asked, (Rollout("r", text),))], recipe).groups[0].rollouts[0]


def both(engine, text, **asked):
    return score(engine, OFFICIAL, text, **asked).reward, score(engine, HARDENED, text, **asked).reward


def test_key_steps_stuffed_and_no_answer_section(engine):
    text = mulberry(". ".join((*KEYS[:5], "so " + KEYS[5])), answer=None)
    official, hardened = both(engine, text)
    assert official.step_rar == pytest.approx(1.1)
    assert (hardened.step_rar, hardened.outcome) == (0.0, 0.0)
    assert Reason.NO_ANSWER in hardened.reasons


def test_steps_reach_the_gold_and_the_answer_is_wrong(engine):
    text = mulberry("The triangle BDE has area 6/2.", "So its area is $3$.", answer="four")
    official, hardened = both(engine, text)
    assert (official.outcome, hardened.outcome) == (1.0, 0.0)


def test_the_list_of_key_steps_dumped_as_a_step(engine):
    dumped = mulberry("We look at the triangle.", "; ".join(KEYS), answer="17")
    official, hardened = both(engine, dumped)
    assert (official.k, official.step_rvr, official.outcome) == (1.0, 1.0, 0.0)
    without = score(engine, HARDENED, mulberry("We look at the triangle.", "", answer="17")).reward
    assert hardened.k == without.k == 0.0
    assert Flag.STEP_STUFFING in hardened.flags
    assert Flag.STEP_STUFFING not in without.flags


@pytest.mark.parametrize(
    ("key", "body"),
    [("AD is a median", "It is not true that AD is a median of the triangle."), ("6", "There are 60 apples on the table.")],
)
def test_matches_that_are_none(engine, key, body):
    official, hardened = both(engine, mulberry(body), keys=(key,))
    assert (official.k, hardened.k) == (1.0, 0.0)


def test_the_right_left_side_with_the_wrong_result(engine):
    official, hardened = both(engine, mulberry("Then 6/3 = 3."), keys=("6/3 = 2",))
    assert (official.k, hardened.k) == (0.0, 0.0)  # exact substring is safe here; fuzzy matchers are not


@pytest.mark.parametrize(
    ("answer", "gold", "official_outcome", "hardened_outcome"),
    [
        ("B: 45", "B", 0.0, 1.0),
        ("B", "B: 45", 0.0, 1.0),
        ("B: 45", "D: 45", 1.0, 0.0),
        ("Yes", "yes", 0.0, 1.0),
        ("eastern europe", "Eastern Europe", 0.0, 1.0),
    ],
)
def test_answers(engine, answer, gold, official_outcome, hardened_outcome):
    text = mulberry("We look at the picture.", answer=answer)
    official, hardened = both(engine, text, answer=gold, question="Which one is it?")
    assert (official.outcome, hardened.outcome) == (official_outcome, hardened_outcome)


MISPLACED = [
    "### Image Description:\na\n\n### Step 1:\nb\n\n### Rationales:\nc\n\n### Step 2:\nd\n\n### The final answer is: 3",
    "### Step 1:\nb\n\n### Image Description:\na\n\n### Rationales:\nc\n\n### The final answer is: 3",
]
EMPTY = {
    Reason.EMPTY_STEP: mulberry("", "", answer="3"),
    Reason.EMPTY_ANSWER: mulberry("a", answer=""),
    Reason.SEVERAL_ANSWER_SECTIONS: mulberry("a", answer="3") + "\n\n### The final answer is: 3",
}


@pytest.mark.parametrize("text", MISPLACED)
def test_background_after_steps(engine, text):
    official, hardened = both(engine, text)
    assert (official.step_rvr, hardened.step_rvr) == (1.0, 0.0)
    assert Reason.BACKGROUND_AFTER_STEPS in hardened.reasons


@pytest.mark.parametrize("reason", EMPTY, ids=str)
def test_empty_parts_and_two_answers(engine, reason):
    official, hardened = both(engine, EMPTY[reason])
    assert (official.step_rvr, hardened.step_rvr) == (1.0, 0.0)
    assert reason in hardened.reasons


def test_a_correct_answer_verified_off_the_main_thread(engine):
    # The gold needs symbolic work: it is equal only after simplification.
    text = mulberry("We simplify.", answer=r"$\frac{2\sqrt{3}}{6}$")
    rewards = []
    thread = threading.Thread(target=lambda: rewards.append(score(engine, HARDENED, text, answer=r"$\frac{1}{\sqrt{3}}$").reward))
    thread.start()
    thread.join()
    assert rewards[0].outcome == 1.0
