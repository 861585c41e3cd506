"""A recipe's hash changes when, and only when, a field that decides a reward does."""

from __future__ import annotations

import dataclasses
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep import recipe as module
from keystep.errors import RecipeError
from keystep.recipe import HARDENED, PAPER, RECIPES, Recipe, resolve

HINTS = typing.get_type_hints(Recipe)
DECIDING = [f.name for f in dataclasses.fields(Recipe) if f.name != "name"]


def other_value(name: str) -> object:
    if name == "extras":
        return [{"reward_model": "any"}]
    values = typing.get_args(HINTS[name])
    if values:
        return next(v for v in values if v != getattr(HARDENED, name))
    return "llm/other" if HINTS[name] is str else getattr(HARDENED, name) / 2 + 0.125


@pytest.mark.parametrize("name", DECIDING)
def test_every_deciding_field_changes_the_hash(name):
    assert HARDENED.but(**{name: other_value(name)}).hash != HARDENED.hash


def test_the_name_alone_does_not_change_the_hash():
    assert dataclasses.replace(HARDENED, name="mine").hash == HARDENED.hash
    assert HARDENED.but(alpha=0.1).hash == HARDENED.hash


def test_code_that_changes_rewards_changes_every_hash(monkeypatch):
    before = HARDENED.hash
    monkeypatch.setattr(module, "SEMANTICS", module.SEMANTICS + 1)
    assert dataclasses.replace(HARDENED).hash != before


def test_the_named_recipes_differ():
    assert list(RECIPES) == ["hardened", "paper", "official", "semantic"]
    assert len({r.hash for r in RECIPES.values()}) == 4


@given(st.permutations(DECIDING))
def test_the_order_of_fields_in_a_request_does_not_matter(order):
    spec = {"base": "hardened", **{name: getattr(HARDENED, name) for name in order}}
    assert resolve(spec).hash == HARDENED.hash


def test_a_changed_recipe_is_named_after_its_change():
    assert resolve({"base": "hardened", "alpha": 0.2}).name == "hardened(alpha=0.2)"
    assert resolve(None) is HARDENED
    assert resolve("paper") is PAPER


@pytest.mark.parametrize(
    ("spec", "field", "said"),
    [
        ("best", "recipe", "hardened, paper, official"),
        ({"alpha": 0.2}, "recipe.base", "base"),
        ({"base": "best"}, "recipe.base", "hardened, paper, official"),
        ({"base": "hardened", "colour": 1}, "recipe.colour", "alpha"),
        ({"base": "hardened", "alpha": "x"}, "recipe.alpha", "finite number"),
        ({"base": "hardened", "alpha": float("nan")}, "recipe.alpha", "finite number"),
        ({"base": "hardened", "alpha": -1}, "recipe.alpha", "[0, 1000000]"),
        ({"base": "hardened", "alpha": True}, "recipe.alpha", "finite number"),
        ({"base": "hardened", "match_threshold": 1.5}, "recipe.match_threshold", "[0, 1]"),
        ({"base": "semantic", "semantic_threshold": 85}, "recipe.semantic_threshold", "[0, 1]"),
        ({"base": "semantic", "embedder": ""}, "recipe.embedder", "non-empty string"),
        ({"base": "hardened", "extractor": "gpt"}, "recipe.extractor", "llm/<model>"),
        ({"base": "hardened", "extractor": "llm/"}, "recipe.extractor", "llm/<model>"),
        ({"base": "hardened", "matching": "best"}, "recipe.matching", "tiers, folded, substring"),
    ],
)
def test_a_bad_recipe_is_told_with_its_field_and_the_mend(spec, field, said):
    with pytest.raises(RecipeError) as raised:
        resolve(spec)
    assert raised.value.field == field
    assert said in raised.value.message
