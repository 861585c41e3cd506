"""Sections: every variant REWARDS.md lists as seen in the wild, and no header where there is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.core.structure import outside_answers, parse, step_bodies
from keystep.nouns import SectionKind
from responses import mulberry

D, R, INTRO, S, A = SectionKind.DESCRIPTION, SectionKind.RATIONALE, SectionKind.INTRO, SectionKind.STEP, SectionKind.ANSWER


def seen(text: str, grammar: str = "auto") -> list[tuple[SectionKind, str]]:
    return [(s.kind, text[slice(*s.body)].strip()) for s in parse(text, grammar).sections]


def test_the_format_itself():
    text = mulberry("There are 5 cubes.", "5 + 1 = 6.")
    expected = [(D, "A picture."), (R, "Look and count."), (INTRO, ""), (S, "There are 5 cubes."), (S, "5 + 1 = 6."), (A, "6")]
    assert seen(text) == expected
    assert seen(text, "mulberry_literal") == expected
    assert [s.number for s in parse(text).of(S)] == [1, 2]
    assert parse(text).grammar == "mulberry"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("### Step 1: Identify\n### The final answer is: 6", [(S, "Identify"), (A, "6")]),
        ("### Rationale:\nwhy\n### Step 1.\nIdentify", [(R, "why"), (S, "Identify")]),
        ("step by step:\nStep 1: look\nStep 2: add", [(INTRO, ""), (S, "look"), (S, "add")]),
        ("**Step 1:** look\n**Step 2**: add\nThe final answer is 4", [(S, "look"), (S, "add"), (A, "4")]),
        ("### IMAGE DESCRIPTION:\na\n### STEP 1:\nb", [(D, "a"), (S, "b")]),
        ("### Final Answer:\nThe final answer is: yes.", [(A, "The final answer is: yes.")]),
        ("### The final answer is:: 58", [(A, "58")]),
        ("### Image Description：\r\n一个球\r\n### Step 1：\r\n数\r\n### The final answer is： 6", [(D, "一个球"), (S, "数"), (A, "6")]),
        ("### Let’s think step by step.\n### Step 1: a", [(INTRO, ""), (S, "a")]),
        ("### **Step 1:** a\n### **The final answer is:** .5", [(S, "a"), (A, ".5")]),
        ("### The final answer is: **5**", [(A, "**5**")]),
        ("### Step 1:\nA note:\n### Remember\nthe ball\n### The final answer is: 6", [(S, "A note:\n### Remember\nthe ball"), (A, "6")]),
        (
            "### Step 1:\nThe final answer is found by adding.\n### The final answer is: 6",
            [(S, "The final answer is found by adding."), (A, "6")],
        ),
        (
            "### Step 1: a\nI think I have made a mistake. Let me rethink it.\n### Step 2: b",
            [(S, "a\nI think I have made a mistake. Let me rethink it."), (S, "b")],
        ),
        ("<think>5 + 1</think><answer>6</answer>", [(S, "5 + 1"), (A, "6")]),
        ("5 + 1</think>\n<answer>6</answer> bye", [(S, "5 + 1"), (A, "6")]),
        ("<think>5 + 1</think> It is 6.", [(S, "5 + 1"), (A, "It is 6.")]),
        ("<think>Step 1: look\nStep 2: add</think><answer>6", [(S, "Step 1: look\nStep 2: add"), (A, "6")]),
        (
            "<SUMMARY>s</SUMMARY><CAPTION>c</CAPTION><REASONING>r</REASONING><CONCLUSION>6</CONCLUSION>",
            [(R, "s"), (D, "c"), (S, "r"), (A, "6")],
        ),
    ],
)
def test_variants(text, expected):
    assert seen(text) == expected


@pytest.mark.parametrize(
    "text", ["", "6", "Step 2 is hard, and the answer is 6.", "We add.\nThe final answer is 6.", "The image description says so."]
)
def test_plain_text_has_no_sections(text):
    assert parse(text).grammar == "plain"
    assert parse(text).sections == ()


def test_the_literal_grammar_knows_no_variant():
    assert parse("**Step 1:** a\n### step 2: b", "mulberry_literal").grammar == "plain"


def test_key_steps_are_looked_for_outside_headers_and_answers():
    text = "So.\n" + mulberry("Five.") + "\n"
    found = [text[a:b].strip() for a, b in outside_answers(parse(text), text)]
    assert found == ["So.", "A picture.", "Look and count.", "", "Five."]
    assert [text[a:b].strip() for a, b in step_bodies(parse(text))] == ["Five."]
    after = "<think>a</think><answer>6</answer> 6 / 3 = 2"
    assert [after[a:b] for a, b in outside_answers(parse(after), after)] == ["a"]


HEADERS = [
    "### Step 1:",
    "Step 2.",
    "### The final answer is:",
    "<think>",
    "</answer>",
    "<SUMMARY>",
    "**Step 3**:",
    "### Rationales",
    "\r\n",
    "\n\n",
    "#",
    "：",
]


@given(st.lists(st.one_of(st.sampled_from(HEADERS), st.text(max_size=20)), max_size=20).map("".join))
def test_sections_tile_the_text_in_order(text):
    for grammar in ("auto", "mulberry_literal"):
        at = 0
        for section in parse(text, grammar).sections:
            assert at <= section.header[0] <= section.header[1] == section.body[0] <= section.body[1] <= len(text)
            at = section.body[1]
