"""The recipe's policies on the order of key steps and on those listed twice."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.core.counting import first_of_each, in_order
from keystep.core.matching import match, prepare
from keystep.nouns import KeyStep, StepMatch
from keystep.recipe import HARDENED, OFFICIAL, PAPER

STEPS = (KeyStep("3 + 4 = 7"), KeyStep("7 * 2 = 14"), KeyStep("14 - 5 = 9"))
ORDERED = HARDENED.but(order="reference")


def k(steps, text, recipe):
    return match(prepare(steps), text, [(0, len(text))], recipe).k


def test_out_of_order_key_steps_count_only_where_the_recipe_says_so():
    text = "14 - 5 = 9. Before that 3 + 4 = 7 and so 7 * 2 = 14."
    assert k(STEPS, text, HARDENED) == 1.0
    found = match(prepare(STEPS), text, [(0, len(text))], ORDERED)
    assert [m.matched for m in found.matches] == [True, True, False]
    assert (found.matches[2].blocked, found.matches[2].score) == ("out_of_order", 0.0)
    assert found.k == pytest.approx(2 / 3)
    assert k(STEPS, "3 + 4 = 7. Then 7 * 2 = 14. Then 14 - 5 = 9.", ORDERED) == 1.0


def at(*starts: int | None) -> list[StepMatch]:
    return [
        StepMatch(i, float(s is not None), s is not None, "exact", "x", None if s is None else (s, s + 1)) for i, s in enumerate(starts)
    ]


def longest(starts: list[int | None]) -> int:
    there = [s for s in starts if s is not None]
    return max(
        (n for n in range(len(there) + 1) for some in combinations(there, n) if list(some) == sorted(some)),
        default=0,
    )


@given(st.lists(st.one_of(st.none(), st.integers(0, 6)), max_size=9))
def test_the_longest_run_in_order_stays(starts):
    kept = [m for m in in_order(at(*starts)) if m.matched]
    assert len(kept) == longest(starts)
    assert [m.span[0] for m in kept] == sorted(m.span[0] for m in kept)


@pytest.mark.parametrize("recipe", [HARDENED, PAPER, OFFICIAL])
def test_a_key_step_listed_twice_counts_twice_or_once(recipe):
    steps = (KeyStep("one red sphere"), KeyStep("One red  sphere"), KeyStep("two blue cubes"))
    text = "### Step 1:\nThere is one red sphere on it.\n"
    assert k(steps, text, recipe) in (pytest.approx(2 / 3), pytest.approx(1 / 3))  # the released code minds the white space
    assert k(steps, text, recipe.but(duplicates="once")) == 0.5
    assert first_of_each(steps) == {0, 2}
