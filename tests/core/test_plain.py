"""Plain equations read by their letters are what the parser reads; what is not plain is left to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.core import plain
from keystep.core.canonical import TOKEN, fold
from keystep.core.equations import read
from keystep.core.lexer import NUM, lex

TRAPS = Path(__file__).parent / "traps.jsonl"
GROUPS = Path(__file__).parents[2] / "clients" / "examples" / "groups.jsonl"

PLAIN = (
    "12 + 5 = 17",
    "So the whole pie: 100 + 300 = 400.",
    r"So \( \frac{6}{3} \times 2 = 4 \).",
    "She pays $2 * 3 = $6 in all.",
    "50 pounds + 20 pounds = 70 pounds",
    "First 3 + 4 = 7, then 7 * 2 = 14.",
    "That is 4^2 = 16, and 1 - 26 = -25.",
    "The two of them have 5 x 10 = 50 oranges.",
    "In the area of ABC: 36 / 2 = 18.",
    "40% stay, so 40 / 100 * 60 = 24 stay.",
    "- 3 + 4 = 7",
)
NOT_PLAIN = (
    "x - 3 + 4 = 7",
    "x = 3 + 4 = 7",
    "3 + 4 = 7 = 14 / 2",
    "2 (3 + 4) = 14",
    "3 + 4 = 7 more than x",
    "half of 12 + 4 = 10",
    "3 + 4 = 7 hundred",
    "0.5 of 12 = 6",
    "3 + 4.5 = 7.5 of them",
    "3 + 4 = 7%",
    "12 and 5 = 17",
)
SILENT = (
    "no equation at all",
    "The question is: What percentage of all umbrellas belongs to Turin?",
    "E is the midpoint of XD.",
    "There are many of them, and 4 are red.",
)


def relations(text: str) -> plain.Relations | None:
    tokens = TOKEN.findall(fold(text))
    return plain.relations(tokens, plain.letters(tokens))


@pytest.mark.parametrize("text", PLAIN[:-1])
def test_plain_equations_are_read_without_the_parser(text: str) -> None:
    found = relations(text)
    assert found is not None
    assert found == read(lex(TOKEN.findall(fold(text))))
    assert found.equations
    assert all(e.true for e in found.equations)


@pytest.mark.parametrize("text", NOT_PLAIN)
def test_what_could_join_an_equation_is_left_to_the_parser(text: str) -> None:
    assert relations(text) is None


@pytest.mark.parametrize("text", SILENT)
def test_without_a_sign_or_a_verb_before_a_number_nothing_is_related(text: str) -> None:
    assert relations(text) == plain.Relations() == read(lex(TOKEN.findall(fold(text))))


@pytest.mark.parametrize("text", ["x is 4", "The length AB is about 4.", "3 + 4 makes about 7", "2 more than 3"])
def test_a_verb_before_a_number_is_left_to_the_parser(text: str) -> None:
    assert relations(text) is None


def corpus() -> list[str]:
    traps = [json.loads(line)["text"] for line in TRAPS.read_text("utf-8").splitlines()]
    groups = [json.loads(line) for line in GROUPS.read_text("utf-8").splitlines()]
    return traps + [line for g in groups for r in g["rollouts"] for line in r["text"].splitlines()] + list(PLAIN)


def test_both_agree_on_every_line_of_the_repos_texts() -> None:
    lines = [TOKEN.findall(fold(text)) for text in corpus()]
    found = [(tokens, plain.relations(tokens, plain.letters(tokens))) for tokens in lines]
    assert sum(r is not None for _, r in found) > 100
    assert [tokens for tokens, r in found if r is not None and r != read(lex(tokens))] == []


WORDS = (
    "12 5 17 3 0.5 7.25 1,200 60 100 + - * / = ^ % x ( ) { } , . : ; ? $ ' _ ** \\frac \\times \\( \\) \\\\ a A I m ABC B is are of times over"
    " more less than and so two half third hundred dozen squared apples total Step pounds well- known angle pi equals plus 加 是 等 ½ ² ° <"
).split()


@given(st.lists(st.sampled_from(WORDS), max_size=14))
def test_both_agree_on_any_tokens(words: list[str]) -> None:
    tokens = TOKEN.findall(fold(" ".join(words)))
    letters = plain.letters(tokens)
    found = plain.relations(tokens, letters)
    assert found is None or found == read(lex(tokens))
    numbers = plain.numbers(tokens, letters)
    if numbers is not None:
        assert numbers == [(value, token) for kind, value, _, token in lex(tokens) if kind == NUM]


NUMBERS = st.integers(0, 999).map(str) | st.decimals(0, 99, places=2).map(str)
GLUE = st.sampled_from(
    [
        "",
        " ",
        " apples ",
        " of ",
        " of the ",
        " is ",
        ", ",
        " so ",
        " two ",
        " half ",
        " a ",
        " more ",
        "$",
        "%",
        " ABC ",
        "- ",
        " (",
        ") ",
        " x ",
    ]
)


@given(
    st.lists(
        st.tuples(GLUE, NUMBERS, st.sampled_from(["+", "-", "*", "/", "=", "= -", " + ", " = ", " x ", " times ", "^"])),
        min_size=2,
        max_size=5,
    ),
    GLUE,
)
def test_both_agree_on_equations_with_anything_around(parts: list[tuple[str, str, str]], end: str) -> None:
    tokens = TOKEN.findall(fold("".join(glue + number + sign for glue, number, sign in parts) + "7" + end))
    found = plain.relations(tokens, plain.letters(tokens))
    assert found is None or found == read(lex(tokens))
