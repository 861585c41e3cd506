"""What holds for every text and every key step."""

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from keystep.core.matching import Matching, match, prepare
from keystep.nouns import KeyStep
from keystep.recipe import HARDENED, OFFICIAL, PAPER, Recipe

# Stuffing is judged by the forms given, so adding one may uncover a dump: the properties are of matching itself.
MATCHING = HARDENED.but(stuffing="flag_only")
SENTENCES = [
    "There are three red cubes on the left.",
    "The blue sphere is behind the cylinder.",
    "AD is a median of the triangle.",
    "So 12 / 2 = 6 square units.",
    "Hence 6 - 1 = 5 objects remain.",
    "3 + 4 = 7 and 16 - 7 = 9.",
    "The value in 2019 was 45 million.",
    "It is not true that E is the midpoint.",
    "x = 9",
    "Two lines are parallel.",
]
FORMS = [
    "three red cubes",
    "12/2 = 6",
    "6 - 1 = 5",
    "16 - 3 - 4 = 9",
    "AD is a median",
    "E is the midpoint",
    "x = 9",
    "parallel lines",
    "45 million in 2019",
    "7",
    "8 * 8 = 64",
]
PIECES = [
    "6/3 = 2", "\\frac{", "}", "{", "(", ")", "=", "9**9**9", "^", "1" * 60, "\ud800", "\x00", "√", "½", "²", "一", "六", "나누면", "angle ", "ABC ", "not ", "if ",
    "is ", "the red cube ", "\n", "\\\\", "&", "$", "%", "5 cm", "'", "_", "wait, that is wrong. ", ".", ",", "\\text{", "**", "1,000", "3rd", "İ", "ﬁ", "∠2", "and ",
    "half of ", "twenty", "-", "hundred ", "[", "🙂", "°", "\\sqrt", "\\frac12", "sin", "more than ",
]  # fmt: skip

texts = st.lists(st.sampled_from(SENTENCES), max_size=6).map(" ".join)
forms = st.lists(st.sampled_from(FORMS), min_size=1, max_size=3, unique=True)
key_steps = st.lists(forms, min_size=1, max_size=4).map(lambda steps: tuple(KeyStep(f[0], tuple(f[1:])) for f in steps))


def run(steps: tuple[KeyStep, ...], text: str, recipe: Recipe = MATCHING) -> Matching:
    return match(prepare(steps), text, [(0, len(text))], recipe)


def count(result: Matching) -> int:
    return sum(m.matched for m in result.matches)


@settings(max_examples=120, deadline=None)
@given(key_steps, texts, st.sampled_from(FORMS), st.sampled_from([MATCHING, PAPER, OFFICIAL]))
def test_a_form_more_never_loses_a_match(steps: tuple[KeyStep, ...], text: str, form: str, recipe: Recipe) -> None:
    more = (KeyStep(steps[0].text, (*steps[0].equivalents, form)), *steps[1:])
    before, after = run(steps, text, recipe), run(more, text, recipe)
    assert all(b.matched for a, b in zip(before.matches, after.matches, strict=True) if a.matched)


@settings(max_examples=120, deadline=None)
@given(key_steps, texts, st.sampled_from(FORMS), st.sampled_from([MATCHING, PAPER, OFFICIAL]))
def test_a_matched_key_step_more_never_loses_a_match(steps: tuple[KeyStep, ...], text: str, form: str, recipe: Recipe) -> None:
    assume(run((KeyStep(form),), text, recipe).k == 1.0)
    assert count(run((*steps, KeyStep(form)), text, recipe)) >= count(run(steps, text, recipe)) + 1


@settings(max_examples=100, deadline=None)
@given(key_steps, texts)
def test_matching_is_a_function_of_its_arguments(steps: tuple[KeyStep, ...], text: str) -> None:
    first = run(steps, text)
    prepare.cache_clear()
    assert run(steps, text) == first


@settings(max_examples=100, deadline=None)
@given(key_steps, st.permutations(SENTENCES[:5]))
def test_the_order_of_unrelated_paragraphs_does_not_matter(steps: tuple[KeyStep, ...], paragraphs: list[str]) -> None:
    assert run(steps, "\n\n".join(paragraphs)).k == run(steps, "\n\n".join(SENTENCES[:5])).k


@settings(max_examples=120, deadline=None)
@given(st.integers(2, 99), st.integers(2, 99), st.sampled_from("+-*"), st.integers(-20, 20))
def test_a_perturbed_result_never_matches(a: int, b: int, operator: str, off: int) -> None:
    assume(off != 0)
    result = {"+": a + b, "-": a - b, "*": a * b}[operator]
    step = (KeyStep(f"{a} {operator} {b} = {result}"),)
    assert run(step, f"So {a} {operator} {b} = {result}.").k == 1.0
    assert run(step, f"So {a} {operator} {b} = {result + off}.").k == 0.0
    assert run(step, f"Now {a}{operator}{b}={result + off}, so we go on.").k == 0.0


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.text(max_size=200),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join),
)
def test_no_text_raises_and_spans_stay_within_it(text: str, form: str) -> None:
    for recipe in (HARDENED, PAPER, OFFICIAL):
        result = match(
            prepare((KeyStep(form), KeyStep("6/3 = 2"), KeyStep("the red cube")), text[:50]),
            text,
            [(0, len(text) // 2), (len(text) // 2, len(text))],
            recipe,
        )
        assert 0.0 <= result.k <= 1.0
        assert all(0.0 <= m.score <= 1.0 for m in result.matches)
        assert all(0 <= m.span[0] <= m.span[1] <= len(text) for m in result.matches if m.span)


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "1+",
        "\\frac{",
        "9^9^9^9 = ",
        "1 ",
        "= ",
        "a = b ",
        "6/3 = 2. ",
        "{",
        "not ",
        "'",
        "1.",
        "\\text{",
        "-",
        "two hundred and ",
        "a_",
        "6/3/2/",
    ],
)
def test_hostile_repetition_ends(piece: str) -> None:
    text = piece * (20_000 // len(piece))
    assert 0.0 <= run((KeyStep("6/3 = 2"), KeyStep("the red cube"), KeyStep("angle 2 = 90")), text, HARDENED).k <= 1.0
