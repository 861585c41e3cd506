"""Reading a response never raises, whatever it is: 10^5 seeded texts of headers, mathematics, Unicode and control characters."""

from __future__ import annotations

import random

from keystep.core import official, rewards
from keystep.core.structure import outside_answers
from keystep.nouns import KeyStep, Outcome, Rollout
from keystep.recipe import HARDENED, OFFICIAL, PAPER

PIECES = [
    "### Image Description:", "### Rationales:", "### Step 1:", "### Step 99999999999:", "Step 2.", "**Step 3**", "### The final answer is:", "The final answer is",
    "<think>", "</think>", "<answer>", "</answer>", "<SUMMARY>", "</CONCLUSION>", "\\boxed{", "}", "\\frac{6}{3}", "\\frac", "\\sqrt[", "$", "6/3 = 2", "1/0 = 0",
    "9**9**9", "0" * 60, "1e999", "½", "１２", "²", "−", "÷", "=", "==", "≠", "not", "wait", "AD is a median", "60 apples", "((((", "))))", "[", "{", "\\",
    "\r\n", "\n", "\t", "\x00", "\x1b", "\ufeff", "\u202e", "\u200d", "\ud800", "\udfff", "👨‍👩‍👧", "정답은", "答案是", "，", "：", "．", "%", "#", "*", "_", "|", ";",
]  # fmt: skip
KEYS = ((KeyStep("6/3 = 2", ("6 divided by 3 is 2",)), KeyStep("AD is a median"), KeyStep("²"), KeyStep("\ud800"), KeyStep("60")),)
OUTCOME = Outcome(0.0, "7")
INPUTS = 100_000


def texts(seed: int):
    rng = random.Random(seed)
    for _ in range(INPUTS):
        yield "".join(
            rng.choice(PIECES) if rng.random() < 0.7 else chr(rng.randrange(0x110000)) if rng.random() < 0.5 else chr(rng.randrange(128))
            for _ in range(rng.randrange(14))
        )


def test_reading_never_raises():
    read = 0
    for i, text in enumerate(texts(20261122)):
        recipe = (HARDENED, PAPER, OFFICIAL)[i % 3]
        parsed = rewards.parse_for(recipe, text)
        reward = rewards.score(Rollout("r", text), parsed, KEYS, OUTCOME, recipe, question=text[:20]).reward
        assert 0.0 <= reward.total <= 2.1
        assert all(0 <= a < b <= len(text) for a, b in outside_answers(parsed, text))
        assert all(text[a:b] is not None for a, b in official.step_bodies(text))
        read += 1
    assert read == INPUTS
