"""The paper's overview figure: six key steps, a path that states three of them, one with a space in '12/ 2 = 6'."""

from __future__ import annotations

import pytest

from keystep.nouns import Group, KeyStep, Question, Rollout
from keystep.recipe import HARDENED, OFFICIAL, PAPER
from responses import mulberry

KEYS = tuple(
    KeyStep(first, tuple(rest))
    for first, *rest in (
        ("AD is a median", "median is AD"),
        ("equal area",),
        ("AE is half of AD", "AE=1/2AD"),
        ("frac{12}{2} = 6", "12/2 = 6"),
        ("E is the midpoint",),
        ("frac{6}{2} = 3", "6/2 =3"),
    )
)
PATH = mulberry(
    "AD is a median of the triangle, so it cuts the triangle into two triangles of equal area.",
    "The area of ABD is therefore 12/ 2 = 6.",
    answer="6",
)


@pytest.mark.parametrize(("recipe", "matched"), [(HARDENED, 3), (PAPER, 3), (OFFICIAL, 2)], ids=lambda v: getattr(v, "name", v))
def test_key_steps_found(engine, recipe, matched):
    group = Group(Question("q", "What is the area of BDE?", key_steps=KEYS, answer="3"), (Rollout("r", PATH),))
    rollout = engine.score([group], recipe).groups[0].rollouts[0]
    assert sum(m.matched for m in rollout.evidence.matches) == matched
    assert rollout.reward.k == matched / 6
    assert rollout.reward.step_rar == pytest.approx(0.1 * matched / 6)
