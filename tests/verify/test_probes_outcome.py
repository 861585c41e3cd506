"""The probe table's rows about outcomes, and the house rules of reward, for `official` (bug for bug) and `hardened` both."""

from __future__ import annotations

import threading
import time

import pytest

from keystep.nouns import Flag, Outcome, Question, Reason
from keystep.recipe import HARDENED, OFFICIAL, PAPER, Recipe
from keystep.verify.verifier import Verifier, VerifyItem
from responses import mulberry


def outcome(verifier: Verifier, recipe: Recipe, text: str, gold: str | None, *, truncated: bool = False, **asked) -> Outcome:
    (found,) = verifier.verify(
        [VerifyItem(Question("q", asked.pop("question", ""), answer=gold, **asked), text, truncated=truncated)], recipe
    )
    return found


def values(verifier, text, gold, **asked) -> tuple[float | None, float | None]:
    return outcome(verifier, OFFICIAL, text, gold, **asked).value, outcome(verifier, HARDENED, text, gold, **asked).value


# What the released code gets wrong.


def test_no_answer_section_and_the_gold_in_the_steps(verifier):
    text = mulberry("equal area", "so the area is $3$", answer=None)
    assert values(verifier, text, "3") == (1.0, 0.0)
    assert outcome(verifier, HARDENED, text, "3") == Outcome(0.0, reasons=(Reason.NO_ANSWER,))


def test_steps_reach_the_gold_and_the_answer_is_another(verifier):
    assert values(verifier, mulberry("So its area is $3$.", answer="four"), "3") == (1.0, 0.0)


@pytest.mark.parametrize(
    ("answer", "gold", "expected"),
    [
        ("B: 45", "B", (0.0, 1.0)),
        ("B", "B: 45", (0.0, 1.0)),
        ("B: 45", "D: 45", (1.0, 0.0)),
        ("Yes", "yes", (0.0, 1.0)),
        ("eastern europe", "Eastern Europe", (0.0, 1.0)),
        ("C", "C", (1.0, 1.0)),
        ("A: 57", "57", (1.0, 1.0)),
        ("75%", "75%", (1.0, 1.0)),
        ("58\N{DEGREE SIGN}.", "58", (1.0, 1.0)),
    ],
)
def test_answers(verifier, answer, gold, expected):
    assert values(verifier, mulberry("We look.", answer=answer), gold) == expected


def test_off_the_main_thread(verifier):
    """The released code zeroes every sample there (signal.alarm); here threads are the normal case."""
    found: list[tuple[float | None, float | None]] = []
    text = mulberry("We multiply.", answer="$\\frac{\\sqrt{12}}{2}$")
    threads = [threading.Thread(target=lambda: found.append(values(verifier, text, "$\\sqrt{3}$"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [(1.0, 1.0)] * 8


def test_the_released_code_searches_the_whole_response_and_keeps_case(verifier):
    assert outcome(verifier, OFFICIAL, "7 and then 9", "9").value == 1.0
    assert outcome(verifier, OFFICIAL, "### The final answer is: Paris", "Paris").value == 1.0
    assert outcome(verifier, OFFICIAL, "### The final answer is: paris", "Paris").value == 0.0
    assert outcome(verifier, OFFICIAL, "### The final answer is:\nParis\nmore", "Paris").value == 1.0


@pytest.mark.parametrize(("answer", "expected"), [("eastern europe", 1.0), ("\\frac{1}{2}", 0.0), ("western europe", 0.0)])
def test_the_paper_compares_with_case_ignored(verifier, answer, expected):
    assert outcome(verifier, PAPER, mulberry("a", answer=answer), "Eastern Europe").value == expected


def test_the_paper_knows_the_literal_answer_section_only(verifier):
    assert outcome(verifier, PAPER, mulberry("a", answer="$0.5$"), "$\\frac{1}{2}$").value == 1.0
    assert outcome(verifier, PAPER, "The answer is 5.", "5") == Outcome(0.0, reasons=(Reason.NO_ANSWER,))


# Rule 1: an error is never a zero, and a model's failure is one.


def test_a_worker_that_runs_out_of_time_is_null(verifier):
    short = Verifier(workers=1, cpu_seconds=0.2)
    try:
        text = mulberry("a", answer="$\\int \\sin(\\cos(\\tan(x^{x^{x}}))) dx$")
        found = outcome(short, HARDENED, text, "x^2")
        assert (found.value, found.reasons) == (None, (Reason.VERIFIER_TIMEOUT,))
        assert outcome(short, HARDENED, mulberry("a", answer="$\\sqrt{8}$"), "2\\sqrt{2}").value == 1.0
    finally:
        short.close()


def test_a_deadline_that_has_passed_is_null(verifier):
    items = [VerifyItem(Question("q", answer="5"), "The answer is 5.")] * 3
    found = verifier.verify(items, HARDENED, deadline=time.monotonic() - 1)
    assert found == [Outcome(None, reasons=(Reason.DEADLINE,))] * 3


def test_a_deadline_that_passes_while_a_worker_works_is_null():
    cold = Verifier(workers=1)
    try:
        item = VerifyItem(Question("q", answer="2\\sqrt{2}"), "The answer is $\\sqrt{8}$.")
        for found in cold.verify([item, item, item], HARDENED, deadline=time.monotonic() + 0.05):  # one verdict, three who wait
            assert (found.value, found.reasons, found.answer) == (None, (Reason.DEADLINE,), "\\sqrt{8}")
        cold.start()
        assert cold.verify([item], HARDENED)[0].value == 1.0
    finally:
        cold.close()


def test_a_closed_verifier_still_says_what_it_can_prove():
    closed = Verifier(workers=1)
    closed.close()
    proved, open_ = closed.verify(
        [
            VerifyItem(Question("a", answer="5"), "The answer is 5."),
            VerifyItem(Question("b", answer="2\\sqrt{2}"), "The answer is $\\sqrt{8}$."),
        ],
        HARDENED,
    )
    assert proved.value == 1.0
    assert (open_.value, open_.reasons) == (None, (Reason.VERIFIER_CRASHED,))


@pytest.mark.parametrize("recipe", [HARDENED, OFFICIAL, PAPER], ids=lambda r: r.name)
def test_without_a_gold_there_is_no_outcome(verifier, recipe):
    assert outcome(verifier, recipe, mulberry("a", answer="5"), None) == Outcome(None, reasons=(Reason.NO_REFERENCE_ANSWER,))


def test_prose_for_a_yes_no_question_is_a_judges_or_zero_where_the_recipe_says_so(verifier):
    text = mulberry("a", answer="The two lines appear to be of equal length.")
    asked = {"question": "Is the top line longer than the bottom line?"}
    found = outcome(verifier, HARDENED, text, "no", **asked)
    assert (found.value, found.reasons) == (None, (Reason.NEEDS_JUDGE,))
    zero = outcome(verifier, HARDENED.but(needs_judge="zero"), text, "no", **asked)
    assert (zero.value, zero.reasons) == (0.0, (Reason.NEEDS_JUDGE,))


@pytest.mark.parametrize(
    ("answer", "gold", "reason"),
    [
        ("", "5", Reason.NO_ANSWER),
        ("It cannot be determined from the figure.", "5", Reason.REFUSAL),
        ("5 or 6", "5", Reason.SEVERAL_ANSWERS),
        ("A or B", "A", Reason.SEVERAL_ANSWERS),
        ("9^{9^{9^{9}}}", "5", Reason.TOO_COMPLEX),
    ],
)
def test_the_models_own_failures_are_zero_with_their_reason(verifier, answer, gold, reason):
    found = outcome(verifier, HARDENED, mulberry("a", answer=answer), gold)
    assert (found.value, found.reasons) == (0.0, (reason,))


# Rule 3: the last answer section, never the body; different answers in it earn nothing.


def test_the_last_answer_section_counts(verifier):
    text = mulberry("so \\boxed{6}", answer="6") + "\n\n### The final answer is: 7"
    assert (outcome(verifier, HARDENED, text, "6").value, outcome(verifier, HARDENED, text, "7").value) == (0.0, 1.0)


@pytest.mark.parametrize(
    "body",
    ["5\n6", "The answer is 5. The answer is 6.", "\\boxed{5}\n\n\\boxed{6}", "5 or 6", "either 5 or 6", "5, 6", "6\n\nThe answer is 5."],
)
def test_different_answers_in_the_section_earn_nothing(verifier, body):
    for gold in ("5", "6"):
        found = outcome(verifier, HARDENED, mulberry("a", answer=body), gold)
        assert found.value == 0.0, (body, gold)
        assert Reason.SEVERAL_ANSWERS in found.reasons
        assert Flag.SEVERAL_ANSWERS in found.flags


@pytest.mark.parametrize("body", ["5\n\\boxed{5}", "5, that is 5.0", "$\\frac{10}{2} = 5$", "5\n\nI hope this helps."])
def test_one_answer_said_twice_is_one_answer(verifier, body):
    assert outcome(verifier, HARDENED, mulberry("a", answer=body), "5").value == 1.0


def test_text_after_the_answer_is_flagged(verifier):
    text = mulberry("a", answer="5") + "\n\nQuestion: How many cats are there?\nThe answer is 9."
    found = outcome(verifier, HARDENED, text, "5")
    assert (found.value, Flag.RUN_ON in found.flags) == (1.0, True)
    assert outcome(verifier, HARDENED, text, "9").value == 0.0


@pytest.mark.parametrize(
    ("text", "answered"),
    [
        ("### The final answer is: 12", False),
        ("### The final answer is: \\boxed{12", False),
        ("### The final answer is: \\boxed{12}", True),
        ("### The final answer is: 12.", True),
        ("### The final answer is: 12\n", True),
        ("so we find <answer>12</answer>", True),
        ("so we find <answer>12", False),
        ("The answer is 12", False),
    ],
)
def test_a_rollout_cut_within_its_answer_gives_none(verifier, text, answered):
    found = outcome(verifier, HARDENED, text, "12", truncated=True)
    assert found.value == float(answered)
    assert (Reason.TRUNCATED_ANSWER in found.reasons) is (not answered)
    assert outcome(verifier, HARDENED, text.replace("\\boxed{12", "12") if "}" not in text else text, "12").value == 1.0


# Rules 2 and 4: a pure function of content; the same wherever, whenever and in whatever order.


def test_order_and_company_change_nothing(verifier):
    golds = ["5", "2\\sqrt{2}", "B", "yes", "Paris", "\\frac{\\pi}{3}", "(1, 2)", "12:30"]
    items = [VerifyItem(Question(f"{n}", answer=gold), f"The answer is {said}.") for n, gold in enumerate(golds) for said in golds]
    together = verifier.verify(items, HARDENED)
    assert verifier.verify(items[::-1], HARDENED) == together[::-1]
    assert [verifier.verify([item], HARDENED)[0] for item in items] == together
    fresh = Verifier(workers=2)
    assert fresh.verify(items, HARDENED) == together
    fresh.close()


def test_the_answers_place_is_in_the_text_as_sent(verifier):
    for text, gold in [
        ("\u3000答案是\uff1a\uff15\u3002", "5"),
        ("so \\boxed{ 5 }.", "5"),
        (mulberry("a", answer="B: 45"), "B"),
        ("It is **5** then.", "5"),
    ]:
        found = outcome(verifier, HARDENED, text, gold)
        assert found.value == 1.0, text
        assert found.span is not None
        assert text[slice(*found.span)].strip() != ""
        assert text[slice(*found.span)].translate({0xFF15: "5"}) == found.answer
