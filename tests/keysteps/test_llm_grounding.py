"""What a model says is held to the reference, rule by rule."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.keysteps.grounding import Part, divide, find, is_core, is_equivalent, key, says_answer
from keystep.keysteps.prompts import AugmentReply, ExtractReply, Prompt, RefineReply, augment, extract, refine


def test_a_reference_is_divided_and_its_answer_left_out():
    divided = divide(
        "### Image Description:\nA bowl.\n\n### Rationales:\nWhy.\n\n### Let's think step by step.\n\n### Step 1:\nx = 4\n\n### The final answer is:\nB: 45"
    )
    assert divided.parts == (Part("Image Description", "A bowl."), Part("Rationales", "Why."), Part("Step 1", "x = 4"))
    assert {"b", "45"} < set(divided.answers)


@pytest.mark.parametrize("last", ["#### 72", "A: 72", "The answer is 72", "So the final answer is: 72."])
def test_a_plain_reference_loses_its_answer_line_and_calculator_marks(last):
    divided = divide(f"She sold 48/2 = <<48/2=24>>24 clips in May.\nThen 48 + 24 = 72.\n{last}")
    assert divided.parts == (Part("Reasoning", "She sold 48/2 = 24 clips in May.\nThen 48 + 24 = 72."),)
    assert "72" in divided.answers


def test_other_grammars_are_divided_too():
    assert divide("<think>x = 4</think><answer>4</answer>").parts == (Part("Reasoning", "x = 4"),)
    assert divide(r"We get x = \boxed{4}").answers == ("4",)


@pytest.mark.parametrize(
    ("element", "stands"),
    [
        ("a Blue bowl", True),
        ("blue bowl holds the 7 oranges", True),
        ("AD is a median", True),
        ("$AD$ is a median.", True),
        ("6/3 = 2", True),
        ("16/3 = 2", False),
        ("6/3 = 3", False),
        ("7 apples", False),
        ("blue 7 oranges", False),
        ("AD is parallel", False),
        ("", False),
    ],
)
def test_an_element_stands_in_a_part_in_one_piece(element, stands):
    part = Part("Step 1", "The blue bowl holds 7 oranges. **AD** is a median; AD is not parallel. So $6/3 = 2$.")
    assert (find(element, part) is not None) is stands


@pytest.mark.parametrize(
    ("core", "element", "good"),
    [
        ("7 oranges", "There are 7 oranges in it", True),
        ("AD is a median", "we see that AD is a median of ABC", True),
        ("5 * 8 = 40", "so 5 * 8 = 40 tiles", True),
        (r"\frac{6}{3} = 2", r"thus \frac{6}{3} = 2", True),
        ("the same", "the same", True),
        ("3 = 2", "6/3 = 2", False),
        ("6/3", "6/3 = 2", False),
        ("= 2", "6/3 = 2", False),
        ("A = 30", r"\angle A = 30", False),
        ("f", "f(x) = 2 holds", False),
        ("parallel", "not parallel", False),
        ("8 oranges", "There are 7 oranges", False),
        ("oranges 7", "There are 7 oranges", False),
        ("", "There are 7 oranges", False),
    ],
)
def test_a_core_is_a_piece_that_states_the_same(core, element, good):
    assert is_core(core, element) is good


@pytest.mark.parametrize(
    ("form", "text", "good"),
    [
        ("6 divided by 3 equals 2", "6/3 = 2", True),
        ("12 divided by 2 is 6", r"\frac{12}{2} = 6", True),
        ("AE is half of AD", "AE = 1/2 AD", True),
        ("two thirds of 9", "2/3 of 9", True),
        ("x squared", "x\u00b2", True),
        ("twenty-one", "21", True),
        ("1200 people", "1,200 people", True),
        ("two equal sides", "isosceles", True),
        ("angle 1 is 30", "\u22201 = 30", True),
        ("\u03b1 = 30", "alpha = 30", True),
        ("isosceles", "equal sides", True),
        ("Anna", "a blue bowl holds fruit", False),
        ("a blue bowl", "a blue bowl holds fruit", True),
        ("", "red", False),
        ("6/3 = 3", "6/3 = 2", False),
        ("6/3", "6/3 = 2", False),
        ("2 equal sides", "isosceles", False),
        ("AE is a third of AD", "AE = 1/2 AD", False),
        ("angle 2 is 30", "\u22201 = 30", False),
        ("not red", "red", False),
        ("no 7 oranges", "7 oranges", False),
        ("七个橙子", "7 oranges", False),
        ("일곱 개의 오렌지", "the oranges", False),
    ],
)
def test_an_equivalent_states_the_same_numbers_polarity_and_script(form, text, good):
    assert is_equivalent(form, text) is good


@pytest.mark.parametrize(
    ("form", "leaks"),
    [
        ("45", True),
        ("B", True),
        ("(B)", True),
        ("option B", True),
        ("B: 45", True),
        ("$45$.", True),
        ("So the answer is 17", True),
        ("the correct option is B", True),
        ("90 - 45 = 45", False),
        ("A", False),
        ("B is the midpoint", False),
        ("the answer choices are angles", False),
    ],
)
def test_the_answer_is_known_however_it_is_said(form, leaks):
    assert says_answer(form, divide("### Step 1:\n90 - 45 = 45\n\n### The final answer is:\nB: 45")) is leaks


def test_the_prompts_own_examples_pass_every_check():
    (asked, shown), (uncut, cut), (plain, augmented) = (examples(p) for p in (extract("", ()), refine(()), augment("", ())))
    parts = {s["name"]: Part(s["name"], s["text"]) for s in asked["sections"]}
    for section in ExtractReply.model_validate(shown).sections:
        assert all(find(element, parts[section.section]) is not None for element in section.elements)
    for element, core in zip(uncut["elements"], RefineReply.model_validate(cut).elements, strict=True):
        assert (core.id, is_core(core.text, element["text"])) == (element["id"], True)
    for element, forms in zip(plain["elements"], AugmentReply.model_validate(augmented).elements, strict=True):
        assert forms.id == element["id"]
        assert all(is_equivalent(form, element["text"]) for form in forms.equivalents)


def examples(prompt: Prompt) -> list[dict[str, object]]:
    return [json.loads(line) for line in prompt.system.splitlines() if line.startswith("{")]


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_breaks_a_check(one, other):
    divided = divide(one)
    says_answer(other, divided)
    is_core(other, one)
    is_equivalent(other, one)
    assert find(one, Part("Step 1", one)) == (0 if key(one) else None)
    assert not key(one) or is_core(one, one)
    assert not key(one) or is_equivalent(one, one)
