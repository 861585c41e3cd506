import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystep.core.matching import match, prepare
from keystep.keysteps.rules import MAX_KEY_STEPS, extract
from keystep.recipe import HARDENED

MULBERRY = """### Image Description:
The image shows a triangle ABC with median AD. The point E is the midpoint of AD.

### Rationales:
The question asks for the area of triangle ABE.

### Let's think step by step.

### Step 1:
Since AD is a median, triangle ABD and triangle ACD have equal area.

### Step 2:
So the area of ABD is \\(\\frac{12}{2} = 6\\).

### Step 3:
E is the midpoint, hence AE = \\frac{1}{2} AD and the area is 6/2 = 3.

### The final answer is: 3
"""


def texts(question: str, reference: str) -> list[str]:
    return [step.text for step in extract(question, reference)]


def test_calculator_marks_are_the_key_steps_where_there_are_any() -> None:
    assert texts("", "She has 16 - 3 = <<16-3=13>>13 eggs.\nShe sells 13 * 2 = $<<13*2=26>>26.\n#### 26") == ["16-3=13", "13*2=26"]


def test_equations_are_found_without_marks() -> None:
    assert texts("", "She has 16 - 3 = 13 eggs.\nShe sells them for 13 eggs * 2 dollars/egg = $26.\n#### 26") == [
        "16 - 3 = 13",
        "13 * 2 = 26",
    ]


def test_a_false_equation_is_no_key_step() -> None:
    assert "6 / 3 = 3" not in texts("", "So 6/3 = 3.")


def test_sections_are_read_and_the_answer_is_left_out() -> None:
    found = texts("", MULBERRY)
    assert "12 / 2 = 6" in found
    assert "6 / 2 = 3" in found
    assert "AD is a median" in found
    assert any("midpoint of AD" in t for t in found)
    assert not any("question asks" in t or "step by step" in t or t == "3" for t in found)


def test_a_reference_reaches_its_own_key_steps() -> None:
    for reference in (MULBERRY, "She has 16 - 3 = 13 eggs. She sells 13 * 2 = 26 dollars' worth."):
        steps = extract("", reference)
        assert steps
        assert match(prepare(steps), reference, [(0, len(reference))], HARDENED).k == 1.0


def test_what_the_question_says_is_no_step() -> None:
    assert texts("Anna has three red balls in a box.", "Anna has three red balls in a box. One ball is blue.") == ["One ball is blue"]


@pytest.mark.parametrize("reference", ["", "   \n", "#### 5", "The final answer is: 3"])
def test_nothing_to_extract(reference: str) -> None:
    assert extract("", reference) == ()


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=300), st.text(max_size=600))
def test_any_text_gives_distinct_bounded_key_steps_always_the_same(question: str, reference: str) -> None:
    steps = extract(question, reference)
    assert steps == extract(question, reference)
    assert len(steps) <= MAX_KEY_STEPS
    assert len({s.text for s in steps}) == len(steps)
    assert all(form.strip() for s in steps for form in s.forms)


def test_a_fraction_reduced_is_one_equation_and_says_so_whole() -> None:
    steps = extract("", "### Step 1:\nThe probability is 3/9 = 1/3.")
    assert all("9 = 1" not in step.forms for step in steps)
    assert all(form.replace(" ", "").partition("=")[0] != form.replace(" ", "").partition("=")[2] for step in steps for form in step.forms)
