"""Closed expressions: values against sympy's own, differences proven, and nothing concluded that could be wrong."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.verify import closed
from keystep.verify.symbolic import equal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12", "12"),
        ("-3.5", "-3.5"),
        (r"\frac{3}{4}", "0.75"),
        (r"\frac12", "0.5"),
        (r"\dfrac{-11+\sqrt{225}}{8}", "0.5"),
        (r"2\sqrt{9}", "6"),
        (r"\sqrt[3]{27}", "3"),
        (r"$2^{10} - 24$", "1000"),
        (r"\left(3 + 4\right) \cdot 2 \div 7", "2"),
        (r"2(3)(4)", "24"),
        (r"-2^2", "-4"),
        (r"(-2)^2", "4"),
        (r"6/3*2", "4"),
    ],
)
def test_values(text, value):
    assert closed.value(text) == pytest.approx(Decimal(value), abs=Decimal("1e-30"))


@pytest.mark.parametrize(
    "text",
    ["", "x", "2x", "1/0", r"1\frac{1}{2}", r"\sqrt{-1}", "2^100", "2^2^3", "9**9**9", r"\frac{1}{\sqrt{2}-\sqrt{2}}", "1 000", "(1", "1)", "5 cm", "50%", "1,2", "(" * 30 + "1" + ")" * 30, "1" * 300, "½"],
)  # fmt: skip
def test_what_is_not_read(text):
    assert closed.value(text) is None
    assert not closed.differ(text, "77")


def test_differences():
    assert closed.differ(r"\frac{-11+\sqrt{217}}{8}", r"\frac{-11+\sqrt{215}}{8}")
    assert closed.differ("2\\pi", "6")
    assert not closed.differ("2\\pi", "6.28")  # a rounding, for others to judge
    assert not closed.differ(r"\frac{\sqrt{3}}{3}", r"\frac{1}{\sqrt{3}}")
    assert not closed.differ("0", "0")


numbers = st.integers(-30, 30)
roots = st.integers(2, 40)
surds = st.tuples(numbers, roots, st.integers(1, 12)).map(lambda t: rf"\frac{{{t[0]}+\sqrt{{{t[1]}}}}}{{{t[2]}}}")
sums = st.tuples(numbers, numbers, st.integers(1, 9)).map(lambda t: rf"{t[0]}+\frac{{{t[1]}}}{{{t[2]}}}".replace("+-", "-"))


@given(st.one_of(surds, sums), st.one_of(surds, sums))
def test_math_verify_never_holds_equal_what_differs_here(one, other):
    if closed.differ(one, other):
        assert not equal(one, other, 6)


@given(st.text(alphabet="0123456789.+-*/^(){}[]\\ fracsqtpi$", max_size=40))
def test_any_text_is_survived(text):
    value = closed.value(text)
    assert value is None or value.is_finite()
