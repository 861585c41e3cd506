"""Learned rewards as components of a recipe: arithmetic, hashes, and what is missing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math

import pytest

from keystep import wire
from keystep.core.extras import Learned, aggregated, normalised, with_extras
from keystep.core.steps import split
from keystep.errors import RecipeError
from keystep.nouns import Flag, Reason, Reward, ScoredRollout
from keystep.processes.messages import packed, unpacked
from keystep.recipe import HARDENED, RECIPES, SEMANTICS, Extra, resolve

SCORED = ScoredRollout("r", Reward(1.0, 0.0, 1.0, 0.0, 0.0, 0.0))


def recipe(*extras: dict):
    return resolve({"base": "hardened", "extras": list(extras)})


def test_the_total_is_the_weighted_sum():
    both = recipe({"reward_model": "a", "weight": 0.5}, {"reward_model": "b", "weight": -2, "normalise": "sigmoid"})
    reward = with_extras(SCORED, [Learned(3.0), Learned(0.0)], both).reward
    assert reward.total == pytest.approx(1.0 + 1.5 - 1.0)
    assert reward.extras == (("a", 3.0), ("b", 0.5))
    assert reward.reasons == ()


def test_a_missing_score_is_null_with_its_reason_and_makes_the_total_null():
    reward = with_extras(SCORED, [Learned(reason=Reason.MODEL_UNAVAILABLE)], recipe({"reward_model": "a"})).reward
    assert (reward.total, reward.extras, reward.reasons) == (None, (("a", None),), (Reason.MODEL_UNAVAILABLE,))
    assert (reward.step_rar, reward.step_rvr) == (0.0, 1.0)
    told = with_extras(SCORED, [Learned(reason=Reason.MODEL_UNAVAILABLE)], recipe({"reward_model": "a", "weight": 0})).reward
    assert (told.total, told.extras) == (1.0, (("a", None),))
    null = dataclasses.replace(SCORED, reward=dataclasses.replace(SCORED.reward, total=None))
    assert with_extras(null, [Learned(3.0)], recipe({"reward_model": "a"})).reward.total is None


def test_step_scores_are_aggregated_as_the_recipe_says():
    steps = (0.5, 0.25, 1.0)
    assert [aggregated(steps, how) for how in ("min", "mean", "product", "last")] == [0.25, pytest.approx(1.75 / 3), 0.125, 1.0]
    reward = with_extras(SCORED, [Learned(steps=steps)], recipe({"reward_model": "p", "aggregate": "product"})).reward
    assert reward.total == 1.125


def test_a_response_without_steps_earns_nothing_and_says_so():
    reward = with_extras(SCORED, [Learned(steps=())], recipe({"reward_model": "p", "aggregate": "product"})).reward
    assert (reward.total, reward.extras, reward.reasons) == (1.0, (("p", 0.0),), (Reason.MISSING_STEPS,))


def test_normalising_is_bounded_and_the_rollouts_own():
    assert [normalised(x, Extra(reward_model="a", normalise="sigmoid")) for x in (-1e9, 0.0, 1e9)] == [0.0, 0.5, 1.0]
    assert normalised(2.0, Extra(reward_model="a", normalise="sigmoid")) == pytest.approx(1 / (1 + math.exp(-2)))
    assert normalised(5.0, Extra(reward_model="a", normalise="standard", mean=3.0, std=4.0)) == 0.5


def test_what_was_truncated_is_flagged():
    flags = with_extras(SCORED, [Learned(1.0, truncated=True)], recipe({"reward_model": "a"})).reward.flags
    assert flags == (Flag.MODEL_INPUT_TRUNCATED,)


@pytest.mark.parametrize("named", RECIPES.values(), ids=lambda r: r.name)
def test_recipes_without_extras_keep_the_hashes_they_had_before_there_were_any(named):
    content = {name: value for name, value in named.deciding().items() if name != "extras"} | {"semantics": SEMANTICS}
    before = hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert named.hash == f"sha256:{before}"
    assert named.but(extras=[]).hash == named.hash


def test_every_field_of_an_extra_changes_the_hash():
    given = {"reward_model": "a", "weight": 1.0, "normalise": "standard", "mean": 0.5, "std": 2.0, "aggregate": "min"}
    others = {"reward_model": "b", "weight": 2.0, "normalise": "sigmoid", "mean": 0.25, "std": 1.0, "aggregate": "last"}
    hashes = {recipe(given).hash, *(recipe(given | {name: value}).hash for name, value in others.items()), HARDENED.hash}
    assert len(hashes) == len(others) + 2
    assert recipe(given).hash == recipe(dict(reversed(given.items()))).hash
    assert recipe({"reward_model": "a"}).hash == recipe({"reward_model": "a", "weight": 1}).hash


def test_a_recipe_with_extras_survives_the_way_to_a_process_and_back():
    mine = recipe({"reward_model": "a", "weight": 0.5}, {"reward_model": "b"})
    assert mine.name == "hardened(extras=a+b)"
    assert unpacked(packed(mine)) == mine
    assert resolve(mine.spec).hash == mine.hash


@pytest.mark.parametrize(
    ("extras", "field", "said"),
    [
        ("a", "recipe.extras", "must be a list"),
        (["a"], "recipe.extras.0", "give an object with reward_model"),
        ([{}], "recipe.extras.0.reward_model", "the name of a model"),
        ([{"reward_model": "a", "colour": 1}], "recipe.extras.0.colour", "it has aggregate"),
        ([{"reward_model": "a", "weight": "1"}], "recipe.extras.0.weight", "weight must be a number"),
        ([{"reward_model": "a", "weight": float("nan")}], "recipe.extras.0.weight", "not nan"),
        ([{"reward_model": "a", "std": 0}], "recipe.extras.0.std", "more than 0"),
        ([{"reward_model": "a", "normalise": "group"}], "recipe.extras.0.normalise", "none, sigmoid, standard"),
        ([{"reward_model": "a"}, {"reward_model": "a", "aggregate": "max"}], "recipe.extras.1.aggregate", "min, mean, product, last"),
        ([{"reward_model": "a"}, {"reward_model": "a"}], "recipe.extras", "at most once"),
    ],
)
def test_a_bad_extra_is_told_with_its_field_and_the_mend(extras, field, said):
    with pytest.raises(RecipeError) as raised:
        resolve({"base": "hardened", "extras": extras})
    assert raised.value.field == field
    assert said in raised.value.message


def test_steps_are_step_sections_else_paragraphs():
    sections = "### Image Description:\nA ball.\n\n### Rationales:\nCount.\n\n### Step 1:\nOne.\n\nStill one.\n\n### Step 2:\nTwo.\n\n### The final answer is: 2"
    assert split(sections) == ("One.\n\nStill one.", "Two.")
    assert split("First.\n \nSecond.\nstill\r\n\r\n\r\nThird.") == ("First.", "Second.\nstill", "Third.")
    assert split(" \n\n ") == ()


def test_over_the_wire_a_bad_extra_is_told_by_the_recipe_alone():
    group = {"id": "q", "rollouts": [{"id": "a", "text": "t"}]}
    body = {"recipe": {"base": "hardened", "extras": [{"reward_model": "a", "weight": True}]}, "groups": [group]}
    request = wire.parse(wire.ScoreRequest, json.dumps(body).encode())
    with pytest.raises(RecipeError) as raised:
        resolve(request.recipe)
    assert raised.value.field == "recipe.extras.0.weight"
