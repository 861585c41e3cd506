"""The slides' Figure 4: how many objects are left? Mulberry-7B's path answers 6, R1-VL-7B's answers 5 and is right.

The paths are read from the slides in the shared folder; the marks drawn into the figure are the authors', not the models'.
"""

from __future__ import annotations

import re

import pytest

from keystep.nouns import Group, Question, Rollout
from keystep.recipe import HARDENED, PAPER

QUESTION = Question("fig4", "Subtract all red things. Subtract all tiny matte balls. How many objects are left?", key_steps=(), answer="5")


@pytest.fixture(scope="module")
def paths(shared):
    slides = (shared / "slides.md").read_text()
    figure = slides[slides.index("**Mulberry-7B:**") : slides.index("Figure 4. Qualitative comparison.")]
    figure = re.sub(r" ?[✓✗](?: Incorrect reasoning)?", "", figure)
    mulberry, r1_vl = figure.split("**R1-VL-7B (Ours):**")
    return {"mulberry": mulberry.removeprefix("**Mulberry-7B:**"), "r1_vl": r1_vl}


@pytest.mark.parametrize("recipe", [HARDENED, PAPER], ids=lambda r: r.name)
def test_the_two_paths(engine, paths, recipe):
    group = Group(QUESTION, tuple(Rollout(name, text) for name, text in paths.items()))
    wrong, right = engine.score([group], recipe).groups[0].rollouts
    assert (wrong.evidence.outcome.answer, wrong.reward.outcome, wrong.reward.step_rvr) == ("6", 0.0, 1.0)
    assert (right.evidence.outcome.answer, right.reward.outcome, right.reward.step_rvr) == ("5", 1.0, 1.0)
    assert (wrong.reward.total, right.reward.total) == (1.0, 2.0)
