"""The embedding tier's pure part: what is asked, and what an answer changes. The cosines here are made up."""

from __future__ import annotations

import dataclasses

import pytest

from keystep.core import rewards
from keystep.core.canonical import TOKEN, fold
from keystep.core.matching import match, prepare
from keystep.core.opposites import OPPOSITES
from keystep.core.phrases import phrase
from keystep.core.semantic import admissible
from keystep.core.words import Wording
from keystep.nouns import Flag, KeyStep, Outcome, Rollout
from keystep.recipe import HARDENED, SEMANTIC

KEY = KeyStep("The magnet attracts the nail")
SENTENCE = "During the test the magnet pulls on the nail"
TEXT = f"We look at the table. {SENTENCE}. Nothing else moves."


def found(steps, text, cosines=None, recipe=SEMANTIC):
    return match(prepare(steps), text, [(0, len(text))], recipe, cosines)


def asked(key: str, sentence: str) -> bool:
    return admissible(phrase(fold(key)), Wording(TOKEN.findall(fold(sentence))))


def test_what_the_tiers_leave_undecided_is_asked_and_confirmed():
    key, text = KeyStep("The road is slippery"), "It rains. On this day the road is like an ice rink."
    (one,) = found((key,), text).undecided
    assert one.pair == ("The road is slippery", "On this day the road is like an ice rink.")
    (m,) = found((key,), text, {one.pair: 0.9}).matches
    assert (m.matched, m.tier, m.score, m.form) == (True, "semantic", 0.9, "The road is slippery")
    assert text[slice(*m.span)] == "road"
    whole = found((key,), text, {one.pair: 0.9})
    assert (whole.k, whole.k_soft, whole.undecided) == (1.0, 0.9, ())


def test_below_the_threshold_all_is_as_without_an_embedder():
    key, text = KeyStep("The road is slippery"), "The road is like an ice rink."
    (one,) = found((key,), text).undecided
    assert found((key,), text, {one.pair: 0.899}) == found((key,), text, recipe=HARDENED)
    assert found((key,), text, {one.pair: 0.9}).k == 1.0
    assert found((key,), text, {one.pair: 0.9}, SEMANTIC.but(semantic_threshold=0.95)).k == 0.0


def test_of_several_forms_the_nearest_confirms():
    key = KeyStep("The road is slippery", ("The road is icy",))
    asked_of = found((key,), "The road is like a rink.").undecided
    assert len(asked_of) == 2
    (m,) = found((key,), "The road is like a rink.", {u.pair: c for u, c in zip(asked_of, (0.91, 0.95), strict=True)}).matches
    assert (m.form, m.score) == ("The road is icy", 0.95)


@pytest.mark.parametrize(
    "text",
    [
        "The road is slippery.",  # matched
        "The road is not like an ice rink.",  # negated
        "If the road is like an ice rink, we stay.",  # hypothetical
        "Is the road like an ice rink?",  # asked
        "Nothing of this is here.",  # no word in common
    ],
)
def test_what_is_decided_or_denied_is_not_asked(text):
    assert found((KeyStep("The road is slippery"),), text).undecided == ()


def test_calculations_are_never_asked():
    assert found((KeyStep("6 / 3 = 2"), KeyStep("AE = 1/2 AD")), "Six shared by three. AE is a piece of AD.").undecided == ()


# One pair a gate that it must not pass, beside one that differs in that alone and may.
GATES = [
    ("negation", "The door is shut", "The door is never shut up like this", "The door is locked up like this"),
    ("opposites", "The magnet attracts the nail", "The magnet repels the nail", "The magnet draws the nail"),
    ("exclusive", "The curve is increasing here", "The curve is decreasing here", "The curve is climbing on here"),
    ("comparison", "The pole is long", "The pole is twice that", "The pole is of that size"),
    ("numbers", "The bus leaves in 5 minutes", "The bus departs in 5 minutes from stop 8", "The bus departs in 5 minutes from here"),
    ("colours", "The red car is parked", "The red car stands near the blue tree", "The red car stands near the tree"),
    ("names", "The tangent touches the circle at P", "The tangent meets the circle at P and Q", "The tangent meets the circle at P"),
    ("things", "The magnet attracts the nail", "The magnet attracts the coin", "The magnet draws the nail"),
    ("things, subject", "The magnet attracts the nail", "The spool draws the nail", "The magnet draws the nail"),
    ("things, before be", "The kitchen window is open", "The bathroom window is open", "The kitchen window is ajar"),
    ("roles", "The frog eats the fly", "The fly swallows the frog", "The frog swallows the fly"),
    ("roles, passive", "The frog eats the fly", "The frog is swallowed by the fly", "The fly is swallowed by the frog"),
]


@pytest.mark.parametrize(("key", "stopped", "passing"), [g[1:] for g in GATES], ids=[g[0] for g in GATES])
def test_each_gate_stops_what_it_is_for(key, stopped, passing):
    assert asked(key, passing)
    assert not asked(key, stopped)


def test_opposites_exclude_each_other_both_ways_and_never_themselves():
    assert all(word in OPPOSITES[other] for word, others in OPPOSITES.items() for other in others)
    assert all(word not in others for word, others in OPPOSITES.items())
    assert "visible" in OPPOSITES["hidden"]  # a function word is met as it is written


def test_a_rollout_is_scored_with_what_the_embedder_says_and_never_without():
    text = f"### Image Description:\n{TEXT}\n\n### Rationales:\nLook.\n\n### Step 1:\nIt moves.\n\n### The final answer is:\nyes"
    rollout, parsed, keys = Rollout("r", text), rewards.parse_for(SEMANTIC, text), ((KEY,), (KeyStep("another"),))
    pairs = rewards.undecided(rollout, parsed, keys, SEMANTIC)
    assert pairs == ((KEY.text, SENTENCE + "."),)
    right = Outcome(1.0, "yes")
    with pytest.raises(ValueError, match=r"needs the cosines of its embedder sentence-transformers/all-MiniLM-L6-v2"):
        rewards.score(rollout, parsed, keys, right, SEMANTIC)
    scored = rewards.score(rollout, parsed, keys, right, SEMANTIC, cosines=dict.fromkeys(pairs, 0.95))
    assert (scored.reward.k, scored.reward.step_rar) == (1.0, 1.1)
    # Without a confirmation it is hardened's reward to the bit.
    refused = rewards.score(rollout, parsed, keys, right, SEMANTIC, cosines=dict.fromkeys(pairs, 0.0))
    assert refused == rewards.score(rollout, parsed, keys, right, HARDENED)
    assert rewards.undecided(rollout, parsed, keys, HARDENED) == ()


def test_stuffing_is_left_out_before_anything_is_asked():
    steps = tuple(KeyStep(s) for s in ("one red sphere", "two blue cubes", "the shiny floor", "a long shadow"))
    text = 'Key steps: ["one red sphere", "two blue cubes", "the shiny floor", "a long shadow"]'
    result = found(steps, text)
    assert Flag.STEP_STUFFING in result.flags
    assert result.undecided == ()


def test_the_recipe_is_hardened_and_an_embedder():
    assert dataclasses.replace(HARDENED, name="semantic", matching="semantic") == SEMANTIC
