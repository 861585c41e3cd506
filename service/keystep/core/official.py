"""What the released R1-VL reward functions do, bug for bug, where it differs from the paper. For differential tests.

Step bodies end at a line that begins with '###'; headers count wherever the literal string occurs; an empty body, an
empty answer, a second answer section and misplaced background all pass. REWARDS' probe table lists what that costs;
tests/paper/ holds each row.
"""

from __future__ import annotations

import re
from typing import Final

from keystep.nouns import Reason, Span, Validity

_BODY: Final = re.compile(r"### Step \d+:\s*(.*?)(?=\n###|\Z)", re.DOTALL)
_STEP: Final = re.compile(r"### Step (\d+):")
_ANSWER: Final = "### The final answer is:"
_REQUIRED: Final = (
    ("### Image Description:", Reason.MISSING_BACKGROUND),
    ("### Rationales:", Reason.MISSING_BACKGROUND),
    ("### Step 1:", Reason.MISSING_STEPS),
    (_ANSWER, Reason.MISSING_ANSWER),
)


def step_bodies(text: str) -> tuple[Span, ...]:
    """Where the released code looks for key steps."""
    return tuple(m.span(1) for m in _BODY.finditer(text))


def validate(text: str) -> Validity:
    """The released completeness and logic checks; logic is only asked once completeness holds."""
    missing = dict.fromkeys(reason for header, reason in _REQUIRED if header not in text)
    if missing:
        return Validity(completeness=False, logic=False, reasons=tuple(missing))
    steps = list(_STEP.finditer(text))
    wrong: list[Reason] = []
    if not text.strip().endswith(_ANSWER) and text.find(_ANSWER) < steps[-1].end():
        wrong.append(Reason.ANSWER_BEFORE_STEPS)
    if [int(m.group(1)) for m in steps] != list(range(1, len(steps) + 1)):
        wrong.append(Reason.STEPS_OUT_OF_ORDER)
    return Validity(completeness=True, logic=not wrong, reasons=tuple(wrong))
