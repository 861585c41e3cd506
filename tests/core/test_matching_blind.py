"""Sixty traps by somebody who had not seen the matcher. At first sight, on 2026-11-22, it judged 33 of them right (official: 27).

They are no longer blind for whoever reads them here; new claims need new ones.
"""

from __future__ import annotations

import json
from pathlib import Path

from keystep.core.matching import match, prepare
from keystep.nouns import KeyStep
from keystep.recipe import HARDENED, OFFICIAL

TRAPS = [json.loads(line) for line in Path(__file__).with_name("blind.jsonl").read_text(encoding="utf-8").splitlines()]
FIRST_SIGHT = 33


def judged_right(recipe) -> int:
    right = 0
    for trap in TRAPS:
        steps = tuple(KeyStep(step) for step in (*trap["context"], trap["step"]))
        found = match(prepare(steps, trap["question"]), trap["text"], [(0, len(trap["text"]))], recipe).matches[-1].matched
        right += found == trap["match"]
    return right


def test_no_worse_than_at_first_sight_and_better_than_the_released_code():
    assert len(TRAPS) == 60
    assert judged_right(HARDENED) >= FIRST_SIGHT > judged_right(OFFICIAL)
