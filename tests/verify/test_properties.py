"""What must hold for any answer: it equals itself, equality has two sides, another number is another answer, nothing raises."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystep.nouns import Outcome, Question
from keystep.recipe import HARDENED
from keystep.verify import hardened
from keystep.verify.verifier import VerifyItem

UNITS = ["", " cm", " kg", "%", " apples", "\N{DEGREE SIGN}", " m/s"]
FRAMES = [
    "%s",
    "The answer is %s.",
    "\\boxed{%s}",
    "### The final answer is:\n%s",
    "<think>hm</think><answer>%s</answer>",
    "Answer: **%s**",
]


def grouped(n: int) -> str:
    return f"{n:,}"


integers = st.integers(-(10**9), 10**9)
numbers = st.one_of(
    integers.map(str),
    st.integers(1000, 10**9).map(grouped),
    st.decimals(-(10**4), 10**4, places=2).map(str),
    st.tuples(st.integers(-999, 999), st.integers(2, 999)).map(lambda p: f"\\frac{{{p[0]}}}{{{p[1]}}}"),
)
words = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=4, max_size=9)


def proved(gold: str, answer: str, frame: str = "%s") -> float | None:
    """The fast path's verdict; 'symbolic' work is not needed for any of these."""
    judged = hardened.judge(Question("q", answer=gold), frame.replace("%s", answer), None, HARDENED, truncated=False)
    assert isinstance(judged, Outcome), judged
    return judged.value


@given(numbers, st.sampled_from(UNITS), st.sampled_from(FRAMES))
def test_a_quantity_equals_itself_in_any_frame(number, unit, frame):
    assert proved(number + unit, number + unit, frame) == 1.0


@given(integers, integers.filter(bool), st.sampled_from(UNITS), st.sampled_from(FRAMES))
def test_another_integer_is_another_answer(number, change, unit, frame):
    assert proved(f"{number}{unit}", f"{number + change}{unit}", frame) == 0.0


@given(st.integers(1, 10**6), st.integers(1, 999), st.sampled_from([-1, 1]))
def test_a_decimal_off_by_one_in_its_last_place_is_another_answer(whole, thousandths, sign):
    gold = Fraction(whole * 1000 + thousandths, 1000)
    off = gold + Fraction(sign, 1000)
    assert proved(f"{float(gold):.3f}", f"{float(off):.3f}") == 0.0


@given(st.integers(-99, 99), st.integers(2, 99), st.integers(2, 9))
def test_a_fraction_equals_its_expansions_and_no_neighbour(top, bottom, factor):
    gold = f"\\frac{{{top}}}{{{bottom}}}"
    assert proved(gold, f"{top * factor}/{bottom * factor}") == 1.0
    assert proved(gold, f"{top + 1}/{bottom}") == 0.0


@given(numbers, numbers)
def test_equality_of_numbers_has_two_sides(one, other):
    assert proved(one, other) == proved(other, one)


@given(st.integers(1, 9999), st.integers(1, 9999))
def test_metres_and_centimetres(a, b):
    assert proved(f"{a} m", f"{100 * a} cm") == 1.0
    assert proved(f"{a} m", f"{b} cm") == float(b == 100 * a)


@given(st.lists(st.integers(-99, 99), min_size=2, max_size=5), st.randoms(use_true_random=False))
def test_a_set_has_no_order_and_a_tuple_has(members, random):
    shuffled = members[:]
    random.shuffle(shuffled)
    row, other = ", ".join(map(str, members)), ", ".join(map(str, shuffled))
    assert proved(f"\\{{{row}\\}}", f"\\{{{other}\\}}") == 1.0
    assert proved(f"({row})", f"({other})") == float(members == shuffled)


@given(st.integers(0, 9), st.integers(0, 9), st.booleans())
def test_one_letter_names_one_option(gold, answer, bracketed):
    options = tuple(f"thing {n}" for n in range(10))
    said = chr(65 + answer)
    asked = Question("q", answer=chr(65 + gold), choices=options)
    judged = hardened.judge(asked, f"Answer: ({said})" if bracketed else f"Answer: {said}", None, HARDENED, truncated=False)
    assert isinstance(judged, Outcome)
    assert judged.value == float(gold == answer)


@given(words, words, st.sampled_from(FRAMES))
def test_words_are_right_when_they_are_the_same_words(gold, answer, frame):
    value = proved(gold, answer, frame)
    assert value == 1.0 if gold == answer else value != 1.0 or gold.rstrip("s") == answer.rstrip("s")


@settings(max_examples=2000)
@given(
    st.sampled_from(["5", "x^2", "B", "yes", "Paris", "(1,2)", "[0,1)", "12:30", "3:4", "5 cm", "\\frac{1}{2}", ""]), st.text(max_size=300)
)
def test_no_text_raises(gold, text):
    judged = hardened.judge(Question("q", answer=gold), text, None, HARDENED, truncated=False)
    assert judged is not None


@settings(max_examples=2000)
@given(
    st.sampled_from(["5", "x^2", "B", "yes", "Paris", "(1,2)", "[0,1)", "12:30", "3:4", "5 cm"]),
    st.lists(
        st.sampled_from(
            [
                "\\boxed{",
                "}",
                "$",
                "**",
                "(",
                ")",
                "answer is ",
                "5",
                " or ",
                ",",
                "\n",
                "### The final answer is:",
                "\\frac",
                "{",
                "A",
                "\u3000",
                "\\",
                "=",
                ".",
            ]
        ),
        max_size=40,
    ),
)
def test_no_heap_of_marks_raises(gold, pieces):
    judged = hardened.judge(Question("q", answer=gold), "".join(pieces), None, HARDENED, truncated=False)
    assert judged is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "\ud800",
        "\x00",
        "\\boxed{",
        "$",
        "### The final answer is:",
        "A" * 100_000,
        "answer is " * 10_000,
        "\nQuestion: a" * 10_000,
        "\\boxed{" * 10_000,
        "선" * 50_000,
    ],
)
def test_odd_texts_have_an_outcome(verifier, text):
    (found,) = verifier.verify([VerifyItem(Question("q", answer="5"), text)], HARDENED)
    assert found.value in (0.0, None)
    assert found.span is None or 0 <= found.span[0] <= found.span[1] <= len(text)


@given(st.integers(2, 999), st.integers(2, 999))
def test_surds_of_different_value_are_told_apart_without_symbolic_work(a, b):
    if abs(a - b) > max(a, b) * 0.001 and not {int(a**0.5) ** 2, int(b**0.5) ** 2} & {a, b}:
        assert proved(f"\\frac{{\\sqrt{{{a}}}}}{{2}}", f"\\frac{{\\sqrt{{{b}}}}}{{2}}") == 0.0
