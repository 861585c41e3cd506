"""No text makes reading grow out of hand: one unit repeated to 64,000 characters, for every unit that ever did and more.

Read in a process of its own, which is given up when it hangs; how long it takes is not judged.
"""

from __future__ import annotations

import subprocess
import sys

UNITS = (
    "\n", "\r\n", " ", "\t", "9", "9 ", "9,", "9.", "9;", "9 9\n", "=", "= ", "1=", "1+1=", "1 + 1 = 2, ", "6 or ", "not ", "no, ", "a", "a ", "A", "AB ", "(", ")", "{", "}", "[",
    "\\", "\\frac", "\\frac{", "\\frac{1}{2}", "\\sqrt{", "\\boxed{", "$", "$$", "&", "& =", "\n= 1", "\n& ", "^", "_", "%", "-", "--", ".", "...", "?", "!", ";", ":", "*", "**", "#", "### ",
    "### Step 1:\n", "### The final answer is: ", "Step 1: ", "<think>", "<answer>", "</think>", "if ", "suppose ", "wait, ", "that is wrong. ", "half of ", "two hundred and ", "six ",
    "AD is a median; ", "equal area, ", "12/2 = 6; ", "x = 1 ", "x is 9. ", "答案是", "不", "六", "은 ", "½", "²", "\ud800", "\u202e", "é", "i.e. ", '"', "'", "| ", "n't ",
)  # fmt: skip
PROGRAM = """
import sys
from keystep.core import rewards
from keystep.keysteps import rules
from keystep.nouns import KeyStep, Question, Rollout, Outcome
from keystep.recipe import HARDENED
from keystep.verify.verifier import Verifier, VerifyItem

keys = ((KeyStep("12/2 = 6", ("6 is half of 12",)), KeyStep("AD is a median"), KeyStep("equal area"), KeyStep("x = 9"), KeyStep("6")),)
verifier = Verifier(workers=1)
for unit in eval(sys.argv[1]):
    for text in (unit * (64_000 // len(unit)), "### Step 1:\\nWe look.\\n" + unit * (64_000 // len(unit)) + "\\n### The final answer is: 6"):
        parsed = rewards.parse_for(HARDENED, text)
        scored = rewards.score(Rollout("r", text), parsed, keys, Outcome(0.0, "7"), HARDENED, question=text[:500])
        assert 0.0 <= scored.reward.total <= 2.1
        verifier.verify([VerifyItem(Question("q", answer="6"), text, structure=parsed)], HARDENED)
        rules.extract("", text[:20_000])
    print(repr(unit), flush=True)
verifier.close()
"""


def test_every_unit_is_read():
    done = subprocess.run([sys.executable, "-c", PROGRAM, repr(UNITS)], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.splitlines() == [repr(unit) for unit in UNITS]
