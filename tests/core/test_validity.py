"""StepRVR's two halves, and each defect by name."""

from __future__ import annotations

import pytest

from keystep.core.structure import parse
from keystep.core.validity import validate
from keystep.nouns import Reason
from responses import mulberry

GOOD = mulberry("There are 5 cubes.", "5 + 1 = 6.")


def verdict(text: str) -> tuple[bool, bool, tuple[Reason, ...]]:
    v = validate(parse(text), text)
    return v.completeness, v.logic, v.reasons


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        "<think>5 + 1 = 6</think><answer>6</answer>",
        "<SUMMARY>s</SUMMARY><CAPTION>c</CAPTION><REASONING>r</REASONING><CONCLUSION>6</CONCLUSION>",
    ],
)
def test_valid(text):
    assert verdict(text) == (True, True, ())


@pytest.mark.parametrize(
    ("text", "completeness", "logic", "reason"),
    [
        ("6", False, False, Reason.NO_STRUCTURE),
        (mulberry("a", description=None), False, True, Reason.MISSING_BACKGROUND),
        (mulberry("a", rationale=None), False, True, Reason.MISSING_BACKGROUND),
        (mulberry("a", rationale=" ... "), False, True, Reason.EMPTY_BACKGROUND),
        (mulberry(), False, False, Reason.MISSING_STEPS),
        (mulberry("a", ""), False, True, Reason.EMPTY_STEP),
        (mulberry("a", answer=None), False, False, Reason.MISSING_ANSWER),
        (mulberry("a", answer="\n"), False, True, Reason.EMPTY_ANSWER),
        (GOOD + "\n### The final answer is: 6", False, True, Reason.SEVERAL_ANSWER_SECTIONS),
        (
            "### Image Description: a\n### Step 1: b\n### Rationales: c\n### Step 2: d\n### The final answer is: 6",
            True,
            False,
            Reason.BACKGROUND_AFTER_STEPS,
        ),
        (
            "### Step 1: b\n### Image Description: a\n### Rationales: c\n### The final answer is: 6",
            True,
            False,
            Reason.BACKGROUND_AFTER_STEPS,
        ),
        (
            "### Image Description: a\n### Rationales: c\n### Step 1: b\n### The final answer is: 6\n### Step 2: d",
            True,
            False,
            Reason.ANSWER_BEFORE_STEPS,
        ),
        ("<answer>6</answer><think>so</think>", True, False, Reason.ANSWER_BEFORE_STEPS),
    ],
)
def test_each_defect_has_its_name(text, completeness, logic, reason):
    assert verdict(text) == (completeness, logic, (reason,))
