from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.core.canonical import MAX_DIGITS, TOKEN, fold, lower, number


@given(st.text())
def test_folding_and_lowering_keep_every_index(text: str) -> None:
    assert len(fold(text)) == len(text)
    assert len(lower(fold(text))) == len(text)


@given(st.text())
def test_folding_twice_changes_nothing_more(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_full_width_and_typographic_characters_become_plain_but_superscripts_stay() -> None:
    assert fold("６÷３＝２ 5\u22122 a\u00b2 1\u00bd \ud800") == "6/3=2 5-2 a\u00b2 1\u00bd  "


@pytest.mark.parametrize(
    ("token", "value"),
    [
        ("1,200", 1200),
        ("10{,}000", 10000),
        ("3.50", Fraction(7, 2)),
        ("10.0", 10),
        (".5", Fraction(1, 2)),
        ("3rd", None),
        ("1" * (MAX_DIGITS * 2), None),
        ("٣", None),
    ],
)
def test_numbers_are_exact_and_bounded(token: str, value: object) -> None:
    assert number(token) == value
    assert isinstance(number("10.0"), int)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("6/3=2", ["6", "/", "3", "=", "2"]),
        ("\\frac{1}{2}AD", ["\\frac", "{", "1", "}", "{", "2", "}", "AD"]),
        ("it's 1,200.50 at 3.5.", ["it's", "1,200.50", "at", "3.5", "."]),
        ("**6** != 7 -> x_1", ["**", "6", "**", "!=", "7", "->", "x", "_", "1"]),
        ("除以6을", ["除", "以", "6", "을"]),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert TOKEN.findall(text) == tokens


@given(st.text(alphabet="0123456789,.{}\\'ab /*=-\n", max_size=200))
def test_tokens_lose_nothing_but_white_space(text: str) -> None:
    assert "".join("".join(TOKEN.findall(text)).split()) == "".join(text.split())
