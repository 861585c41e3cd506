"""Conflict, enumeration, hedging, refusal, run-on, truncation: what each policy of the recipe makes of them, and what is said of it."""

from __future__ import annotations

import pytest

from keystep.nouns import Flag, Outcome, Question, Reason
from keystep.recipe import HARDENED
from keystep.verify.verifier import Verifier, VerifyItem
from responses import mulberry

CONFLICTING = (Flag.SEVERAL_ANSWERS, Flag.CONFLICTING_ANSWERS)


def verdict(verifier: Verifier, text: str, gold: str, *, choices=None, truncated: bool = False, **policies: str) -> Outcome:
    item = VerifyItem(Question("q", answer=gold, choices=choices), text, truncated=truncated)
    (found,) = verifier.verify([item], HARDENED.but(**policies))
    return found


@pytest.mark.parametrize(
    ("policy", "said", "gold", "choices", "reason", "flags"),
    [
        ("on_conflict", "B: 45", "B", ("45", "46"), Reason.SEVERAL_ANSWERS, CONFLICTING),
        ("on_conflict", "5\n\nThe answer is 6", "5", None, Reason.SEVERAL_ANSWERS, CONFLICTING),
        ("on_conflict", "7\n\nThe answer is $\\frac{2}{\\sqrt{2}}$", "\\sqrt{2}", None, Reason.SEVERAL_ANSWERS, CONFLICTING),
        ("on_conflict", "7\n\nThe answer is $\\sqrt{2}$", "\\sqrt{2}", None, Reason.SEVERAL_ANSWERS, CONFLICTING),
        ("on_enumeration", "5 or 6", "5", None, Reason.SEVERAL_ANSWERS, (Flag.SEVERAL_ANSWERS,)),
        ("on_enumeration", "A or B", "B", ("45", "46"), Reason.SEVERAL_ANSWERS, (Flag.SEVERAL_ANSWERS,)),
        ("on_enumeration", "yes or no", "yes", None, Reason.SEVERAL_ANSWERS, (Flag.SEVERAL_ANSWERS,)),
        ("on_enumeration", "Paris or London", "Paris", None, Reason.SEVERAL_ANSWERS, (Flag.SEVERAL_ANSWERS,)),
        ("on_enumeration", "12:30 or 12:45", "12:30", None, Reason.SEVERAL_ANSWERS, (Flag.SEVERAL_ANSWERS,)),
        ("on_enumeration", "\\sqrt{2} or \\sqrt{3}", "\\sqrt{2}", None, Reason.SEVERAL_ANSWERS, (Flag.SEVERAL_ANSWERS,)),
        ("on_enumeration", "2:3 또는 3:2", "2:3", None, Reason.SEVERAL_ANSWERS, (Flag.SEVERAL_ANSWERS,)),
        ("on_refusal", "It cannot be determined from the figure.", "5", None, Reason.REFUSAL, ()),
        ("on_refusal", "Cannot tell", "B", ("1", "2"), Reason.REFUSAL, ()),
        ("on_refusal", "无法确定", "x^2 + 1", None, Reason.REFUSAL, ()),
    ],
)
def test_zero_or_a_judges(verifier, policy, said, gold, choices, reason, flags):
    text = mulberry("a", answer=said)
    zero = verdict(verifier, text, gold, choices=choices, **{policy: "zero"})
    assert (zero.value, zero.reasons, zero.flags[-len(flags) :] if flags else ()) == (0.0, (reason,), flags)
    assert verdict(verifier, text, gold, choices=choices) == zero
    judge = verdict(verifier, text, gold, choices=choices, **{policy: "judge"})
    assert (judge.value, judge.reasons, judge.flags) == (None, (reason, Reason.NEEDS_JUDGE), zero.flags)
    both = verdict(verifier, text, gold, choices=choices, **{policy: "judge", "needs_judge": "zero"})
    assert (both.value, both.reasons) == (0.0, (reason, Reason.NEEDS_JUDGE))


@pytest.mark.parametrize(
    ("said", "gold", "choices"),
    [
        ("maybe 5", "5", None),
        ("5, but it might be 6", "5", None),
        ("It might be 5.", "5", None),
        ("perhaps Paris", "Paris", None),
        ("probably B", "B", ("1", "2")),
        ("B, although it may be C", "B", ("red", "blue", "green")),
        ("x^2+1, but it could be x^2+2", "x^2 + 1", None),
        ("\\frac{2}{\\sqrt{2}}, but perhaps it is 7", "\\sqrt{2}", None),  # decided in a worker
    ],
)
def test_hedging(verifier, said, gold, choices):
    text = mulberry("a", answer=said)
    found = {value: verdict(verifier, text, gold, choices=choices, on_hedging=value) for value in ("judge", "zero", "read")}
    assert {value: f.value for value, f in found.items()} == {"judge": None, "zero": 0.0, "read": 1.0}
    assert {value: f.reasons for value, f in found.items()} == {"judge": (Reason.NEEDS_JUDGE,), "zero": (), "read": ()}
    assert all(f.flags == (Flag.HEDGED,) for f in found.values())
    assert verdict(verifier, text, gold, choices=choices) == found["judge"]
    wrong = verdict(verifier, text, {"B": "A", "Paris": "London"}.get(gold, "6"), choices=choices, on_hedging="judge")
    assert (wrong.value, wrong.flags) == (0.0, (Flag.HEDGED,))


def test_words_of_doubt_in_an_option_are_no_hedging(verifier):
    options = ("possibly rain", "snow")
    assert verdict(verifier, "The answer is possibly rain.", "A", choices=options).value == 1.0
    assert verdict(verifier, "The answer is possibly rain.", "possibly rain").value == 1.0


def test_the_answers_place_leaves_the_doubt_out(verifier):
    text = mulberry("a", answer="maybe 5, but it might be 6")
    found = verdict(verifier, text, "5", on_hedging="read")
    assert found.span is not None
    assert text[slice(*found.span)] == found.answer == "5"


@pytest.mark.parametrize("gold", ["5", "\\sqrt{2}"])
def test_run_on(verifier, gold):
    answer = {"5": "5", "\\sqrt{2}": "\\frac{2}{\\sqrt{2}}"}[gold]
    text = mulberry("a", answer=answer) + "\n\nQuestion: How many cats are there?\nThe answer is 9."
    flagged = verdict(verifier, text, gold)
    assert (flagged.value, flagged.flags) == (1.0, (Flag.RUN_ON,))
    none = verdict(verifier, text, gold, on_run_on="no_answer")
    assert none == Outcome(0.0, reasons=(Reason.NO_ANSWER,), flags=(Flag.RUN_ON,))
    assert verdict(verifier, mulberry("a", answer=answer), gold, on_run_on="no_answer").value == 1.0


def test_truncation(verifier):
    text = "### The final answer is: 12"
    none = verdict(verifier, text, "12", truncated=True)
    assert none == Outcome(0.0, reasons=(Reason.NO_ANSWER, Reason.TRUNCATED_ANSWER), flags=(Flag.TRUNCATED,))
    read = verdict(verifier, text, "12", truncated=True, on_truncation="read")
    assert (read.value, read.answer, read.flags) == (1.0, "12", (Flag.TRUNCATED,))
    assert verdict(verifier, text, "123", truncated=True, on_truncation="read").value == 0.0
    assert verdict(verifier, text + ".", "12", truncated=True).flags == ()  # cut after its answer was closed


@pytest.mark.parametrize(
    ("body", "gold", "value"),
    [
        ("12\n\nBecause three times four is", "12", 1.0),  # the first line was closed by the next
        ("The area is\n12", "12", 0.0),
        ("1\n2\n3", "1, 2, 3", 0.0),
        ("1\n2\n3.", "1, 2, 3", 1.0),
    ],
)
def test_truncation_of_several_lines(verifier, body, gold, value):
    found = verdict(verifier, mulberry("a", answer=body), gold, truncated=True)
    assert (found.value, Reason.TRUNCATED_ANSWER in found.reasons) == (value, not value)


def test_lines_before_the_answer_are_no_run_on(verifier):
    before = verdict(verifier, mulberry("a", answer="We multiply three by four.\n12"), "12")
    after = verdict(verifier, mulberry("a", answer="12\nWe multiply three by four."), "12")
    assert (before.value, before.flags) == (1.0, ())
    assert (after.value, after.flags) == (1.0, (Flag.RUN_ON,))
