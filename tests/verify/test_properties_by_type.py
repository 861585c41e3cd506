"""For every answer type: an answer equals itself in any frame, equality has two sides, and another number is another answer.

A drawn pair is (answer, the same answer with one number changed beyond any tolerance).
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keystep.nouns import Question
from keystep.recipe import HARDENED
from keystep.verify import kinds
from keystep.verify.verifier import Verifier, VerifyItem

FRAMES = [
    "%s",
    "The answer is %s.",
    "so \\boxed{%s}",
    "### Step 1:\na\n\n### The final answer is:\n%s",
    "<think>hm</think><answer>\n%s\n</answer>",
    "정답은 %s",
    "答案是%s。",
]
OPTIONS = tuple(f"thing {n}" for n in range(10))

digits = st.integers(0, 9)
small = st.integers(-99, 99)
counts = st.integers(1, 999)
changes = st.integers(-9, 9).filter(bool)


def pairs(form, *parts):
    """(form(parts), form(parts with one of them changed)). Every part is an integer strategy."""

    @st.composite
    def drawn(draw):
        values = [draw(part) for part in parts]
        at = draw(st.integers(0, len(parts) - 1))
        other = draw(parts[at].filter(lambda v: v != values[at]))
        return form(*values), form(*values[:at], other, *values[at + 1 :])

    return drawn()


def _time(hour, minute):
    return f"{hour}:{minute:02}"


def _date(year, month, day):
    return f"{year}-{month:02}-{day:02}"


def _terms(a, b):
    return f"{a} x^2 {'+' if b >= 0 else '-'} {abs(b)} x"


TYPES = {
    "integer": pairs(str, st.integers(-(10**9), 10**9)),
    "grouped": pairs(lambda n: f"{n:,}", st.integers(1000, 10**9)),
    "decimal": pairs(lambda a, b: f"{a}.{b:02}", counts, st.integers(0, 99)),
    "fraction": pairs(lambda a, b: f"\\frac{{{a}}}{{{b}}}", counts, st.just(1000)),
    "mixed": pairs(lambda a, b: f"{a}\\frac{{{b}}}{{17}}", counts, st.integers(1, 16)),
    "percent": pairs(lambda a, b: f"{a}.{b}%", counts, digits),
    "scientific": pairs(lambda a, b: f"{a} \\times 10^{{{b}}}", st.integers(1, 9), st.integers(-20, 20)),
    "measure": pairs(lambda a: f"{a} cm^2", counts),
    "currency": pairs(lambda a, b: f"${a}.{b:02}", counts, st.integers(0, 99)),
    "time": pairs(_time, st.integers(1, 12), st.integers(0, 59)),
    "date": pairs(_date, st.integers(1600, 2100), st.integers(1, 12), st.integers(1, 28)),
    "ratio": pairs(lambda a, b: f"{a}:{b}", st.integers(1, 40), st.just(41)),
    "tuple": pairs(lambda a, b, c: f"({a}, {b}, {c})", small, small, small),
    "set": pairs(lambda a, b: f"\\{{{a}, {b}\\}}", st.integers(1, 49), st.integers(50, 99)),
    "list": pairs(lambda a, b, c: f"{a}, {b}, {c}", st.integers(1, 9), st.integers(10, 19), st.integers(20, 29)),
    "interval": pairs(lambda a, b: f"[{a}, {b})", st.integers(-99, 0), st.integers(1, 99)),
    "expression": pairs(_terms, counts, small),
    "equation": pairs(lambda a, b: f"y = {a} x + {b}", counts, counts),
    "matrix": pairs(lambda a, b, c, d: f"\\begin{{pmatrix}} {a} & {b} \\\\ {c} & {d} \\end{{pmatrix}}", small, small, small, small),
    "choice": pairs(lambda n: chr(ord("A") + n), digits),
    "yes_no": pairs(lambda n: ("no", "yes")[n], st.integers(0, 1)),
    "text": pairs(lambda n: f"room {n} of the old house", counts),
    "number words": pairs(lambda n: ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"][n], digits),
}
ASKED = {"ratio": "What is the ratio?", "time": "What time is it?", "date": "On which day?"}
# What a row of forms is compared as; the rest are their own kind.
KINDS = {
    **dict.fromkeys(("integer", "grouped", "decimal", "fraction", "mixed", "percent", "scientific", "measure", "currency", "number words"), "number"),
    **dict.fromkeys(("tuple", "set", "list"), "sequence"),
}  # fmt: skip

by_type = pytest.mark.parametrize("name", TYPES)
some = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def verdicts(verifier: Verifier, name: str, *pairs_: tuple[str, str]):
    """The outcomes of (gold, text) pairs."""
    choices = OPTIONS if name == "choice" else None
    items = [VerifyItem(Question("q", ASKED.get(name, ""), answer=gold, choices=choices), text) for gold, text in pairs_]
    return verifier.verify(items, HARDENED)


def test_every_type_is_here():
    assert {KINDS.get(name, name) for name in TYPES} == set(kinds.NAMES.values()) - {"auto", "anls"}


@by_type
@some
@given(data=st.data())
def test_an_answer_equals_itself_in_any_frame(verifier, name, data):
    gold, _ = data.draw(TYPES[name])
    for frame, found in zip(FRAMES, verdicts(verifier, name, *((gold, f.replace("%s", gold)) for f in FRAMES)), strict=True):
        assert found.value == 1.0, (frame, found)
        assert found.answer_type == KINDS.get(name, name)


@by_type
@some
@given(data=st.data(), frame=st.sampled_from(FRAMES))
def test_another_number_is_another_answer_and_equality_has_two_sides(verifier, name, data, frame):
    one, other = data.draw(TYPES[name])
    there, back = verdicts(verifier, name, (one, frame.replace("%s", other)), (other, frame.replace("%s", one)))
    assert there.value == back.value
    assert there.value == 0.0, there


@some
@given(st.integers(1, 999), st.integers(1, 999), st.integers(0, 6))
def test_within_the_precision_asked_and_no_further(verifier, whole, part, places):
    """Half a unit of the last place asked for, and one more."""
    gold = whole + part / 1000
    unit = 10.0**-places
    near, far = (f"{round(gold, places) + step * unit:.{places + 2}f}" for step in (0.3, 1.3))
    items = [VerifyItem(Question("q", answer=f"{gold:.3f}", precision=places), f"The answer is {text}") for text in (near, far)]
    assert [o.value for o in verifier.verify(items, HARDENED)] == [1.0, 0.0]


@some
@given(small, small.filter(bool), st.integers(2, 9))
def test_order_matters_in_a_tuple_and_an_interval_and_not_in_a_set(verifier, start, step, more):
    a, b = sorted({start, start + step})
    told = verdicts(
        verifier,
        "tuple",
        (f"({a}, {b}, {b + more})", f"({b}, {a}, {b + more})"),
        (f"\\{{{a}, {b}\\}}", f"\\{{{b}, {a}\\}}"),
        (f"[{a}, {b}]", f"({a}, {b})"),
        (f"[{a}, {b})", f"({a}, {b}]"),
    )
    assert [o.value for o in told] == [0.0, 1.0, 0.0, 0.0]


@some
@given(counts, st.integers(2, 99), st.sampled_from([("m", "cm", 100), ("kg", "g", 1000), ("h", "minutes", 60), ("km/h", "m/h", 1000)]))
def test_a_converted_measure_is_equal_and_its_neighbours_are_not(verifier, n, away, units):
    large, smaller, factor = units
    told = verdicts(
        verifier,
        "measure",
        (f"{n} {large}", f"{n * factor} {smaller}"),
        (f"{n * factor} {smaller}", f"{n} {large}"),
        (f"{n} {large}", f"{n * factor + away} {smaller}"),
        (f"{n} {large}", f"{n} {smaller}"),
    )
    assert [o.value for o in told] == [1.0, 1.0, 0.0, 0.0]
