"""What is settled word for word is what the tiers would say, only sooner."""

from __future__ import annotations

import pytest

from keystep.core import verbatim
from keystep.core.canonical import fold, lower
from keystep.core.matching import prepare
from keystep.core.reading import Reading
from keystep.core.tiers import Tiers
from keystep.nouns import KeyStep
from matching_eval import FRAME, items


def settled(step: str, text: str):
    (found,) = verbatim.settle(verbatim.Spelled((KeyStep(step),)), lower(fold(text)), [(0, len(text))])
    return None if found is None else (found.matched, found.blocked)


@pytest.mark.parametrize(
    ("step", "text", "said"),
    [
        ("6/3 = 2", "So 6/3 = 2.", (True, None)),
        ("6/3 = 2", "So 6 / 3 = 2 apples each.", (True, None)),
        ("6/3 = 2", "So 6÷3=2.0, as we see.", (True, None)),
        (r"\frac{6}{3} = 2", r"Then \( \frac{6}{3} = 2 \).", (True, None)),
        ("15 - 40 = -25", "We get 15 - 40 = -25.", (True, None)),
        ("equal area halves", "They are equal area halves.", (True, None)),
        ("6/3 = 2", "So 6/3 = 3.", (False, "other_result")),
        # not settled here: a longer calculation, a denial, a doubt, both results, nothing at all
        ("6/3 = 2", "So 16/3 = 2.", None),
        ("6/3 = 2", "So 4 + 6/3 = 2.", None),
        ("6/3 = 2", "So 6/3 = 2 + 1.", None),
        ("6/3 = 2", "So 6/3 = 20.", (False, "other_result")),
        ("6/3 = 2", "It is not true that 6/3 = 2.", None),
        ("6/3 = 2", "Suppose 6/3 = 2.", None),
        ("6/3 = 2", "6/3 = 2. Wait, that is wrong.", None),
        ("6/3 = 2", "6/3 = 2, and again 6/3 = 3.", None),
        ("6/3 = 2", "Six thirds make two.", None),
        ("equal area halves", "They are not equal area halves.", None),
        ("equal area halves", "Are they equal area halves?", None),
        ("equal area halves", "Nobody said they are equal area halves.", None),
        ("red", "It is red.", None),
    ],
)
def test_settle(step, text, said):
    assert settled(step, text) == said


def test_the_tiers_agree_on_real_solutions(shared):
    compared = disagreed = 0
    for row in items(shared, every=3):
        steps = tuple(KeyStep(c) for c in row.calculations)
        text = FRAME.format(row.solution)
        prepared, reading = prepare(steps, row.question), Reading(text, [(0, len(text))])
        found = verbatim.settle(prepared.spelled, reading.low, reading.regions)
        read = Tiers(prepared, reading, 0.7).run([None] * len(steps))
        for mine, theirs in zip(found, read, strict=True):
            if mine is not None:
                compared += 1
                disagreed += mine.matched != theirs.matched
    assert compared > 1000
    # 'If he types 5 words faster, his new speed is 52 + 5 = 57': the tiers take a word of the sentence for a doubt.
    assert disagreed <= compared / 200
