"""hedges.jsonl: final answers that offer two candidates, which are right for neither, and answers that look alike and are one answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keystep.nouns import Flag, Question, Reason
from keystep.recipe import HARDENED
from keystep.verify.verifier import Verifier, VerifyItem
from responses import mulberry

ROWS = [json.loads(line) for line in Path(__file__).with_name("hedges.jsonl").read_text(encoding="utf-8").splitlines()]
HEDGED = [row for row in ROWS if row["hedged"]]
HONEST = [row for row in ROWS if not row["hedged"]]


def ways(said: str) -> list[str]:
    """As an answer section, behind a mark, in tags, and alone."""
    return [mulberry("a", answer=said), f"The answer is {said}", f"<think>a</think><answer>{said}</answer>", said]


def verdicts(verifier: Verifier, row, gold: str, **policies: str):
    asked = Question("q", answer=gold, choices=tuple(row["choices"]) if "choices" in row else None)
    return verifier.verify([VerifyItem(asked, text) for text in ways(row["said"])], HARDENED.but(**policies))


def test_there_are_sixty_of_each():
    assert len(HEDGED) >= 60
    assert len(HONEST) >= 60


@pytest.mark.parametrize("row", HEDGED, ids=lambda row: row["said"])
def test_whoever_offers_two_candidates_is_right_with_neither(verifier, row):
    for gold in row["golds"]:
        assert [found.value for found in verdicts(verifier, row, gold) if found.value == 1.0] == []


@pytest.mark.parametrize("row", HONEST, ids=lambda row: row["said"])
def test_an_answer_said_twice_or_explained_is_right(verifier, row):
    assert [(found.value, found.flags) for found in verdicts(verifier, row, row["golds"][0])] == [(1.0, ())] * 4


@pytest.mark.parametrize(
    ("said", "gold", "value", "reasons", "flags"),
    [
        ("7 (or 8)", "7", 0.0, (Reason.SEVERAL_ANSWERS,), (Flag.SEVERAL_ANSWERS,)),
        ("Option one: 7. Option two: 8.", "8", 0.0, (Reason.SEVERAL_ANSWERS,), (Flag.SEVERAL_ANSWERS,)),
        ("12:30 (or 12:45)", "12:30", 0.0, (Reason.SEVERAL_ANSWERS,), (Flag.SEVERAL_ANSWERS,)),
        ("$\\frac{2}{\\sqrt{2}}$ (or $3$)", "\\sqrt{2}", 0.0, (Reason.SEVERAL_ANSWERS,), (Flag.SEVERAL_ANSWERS,)),
        # Doubt is a policy of its own.
        ("7 (maybe 8)", "7", None, (Reason.NEEDS_JUDGE,), (Flag.HEDGED,)),
        ("7 (maybe 8)", "8", 0.0, (), ()),
        # A reader could tell: whether the two are one formula, one place by two names, and what a bare number in brackets says.
        ("x^2+1 (or 1+x^2)", "x^2+1", None, (Reason.NEEDS_JUDGE,), (Flag.SEVERAL_ANSWERS,)),
        ("Paris (alternatively the city of light)", "Paris", None, (Reason.NEEDS_JUDGE,), (Flag.SEVERAL_ANSWERS,)),
        ("7 (8)", "7", None, (Reason.NEEDS_JUDGE,), (Flag.SEVERAL_ANSWERS,)),
    ],
)
def test_what_is_said_of_it(verifier, said, gold, value, reasons, flags):
    found = verdicts(verifier, {"said": said}, gold)[0]
    assert (found.value, found.reasons, found.flags) == (value, reasons, flags)


def test_the_recipes_policies_hold(verifier):
    assert [o.value for o in verdicts(verifier, {"said": "7 (or 8)"}, "7", on_enumeration="judge")] == [None] * 4
    assert [o.value for o in verdicts(verifier, {"said": "7 (maybe 8)"}, "7", on_hedging="zero")] == [0.0] * 4
    assert [o.value for o in verdicts(verifier, {"said": "7 (maybe 8)"}, "7", on_hedging="read")] == [1.0] * 4


@pytest.mark.parametrize(("gold", "choices"), [("7 or 8", None), ("A", ("7 or 8", "9"))])
def test_a_word_of_the_question_offers_nothing(verifier, gold, choices):
    assert verdicts(verifier, {"said": "7 or 8", **({"choices": choices} if choices else {})}, gold)[0].value == 1.0
