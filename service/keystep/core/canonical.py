"""Characters, tokens and numbers: what every matcher and verifier reads text through.

Nothing here changes the length of a text, so an index into folded text is an index into what was sent. Numbers are exact
(``int`` where whole, else ``Fraction``) and bounded in size before any arithmetic.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import Final

from keystep.core.memo import Memo

Number = int | Fraction

# A longer literal is text, not a number: no derivation needs it and arithmetic on it is not free.
MAX_DIGITS: Final = 30

_SAME_LENGTH: Final = {
    "\u00d7": "*", "\u22c5": "*", "\u00b7": "*", "\u2217": "*", "\u2715": "*", "\u2a2f": "*", "\u2716": "*",
    "\u00f7": "/", "\u2215": "/", "\u2044": "/", "\u2797": "/",
    "\u2212": "-", "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "-", "\u2014": "-", "\ufe63": "-", "\u2796": "-",
    "\u2795": "+", "\u2248": "\u2248", "\u2252": "\u2248", "\u2243": "\u2248", "\u2245": "\u2245",
    "\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u3002": ".", "\u3001": ",",
    "\u00ba": "\u00b0", "\u02da": "\u00b0", "\u2236": ":", "\u25b3": "\u25b3", "\u2206": "\u25b3", "\u22bf": "\u25b3",
    "\u2220": "\u2220", "\u2221": "\u2220", "\u00a5": "\u00a5", "\u20ac": "\u20ac", "\u00a3": "\u00a3",
}  # fmt: skip

SUPERSCRIPTS: Final = {
    "\u2070": 0,
    "\u00b9": 1,
    "\u00b2": 2,
    "\u00b3": 3,
    "\u2074": 4,
    "\u2075": 5,
    "\u2076": 6,
    "\u2077": 7,
    "\u2078": 8,
    "\u2079": 9,
}

VULGAR: Final = {c: Fraction(n, d) for c, n, d in [
    ("\u00bd", 1, 2), ("\u2153", 1, 3), ("\u2154", 2, 3), ("\u00bc", 1, 4), ("\u00be", 3, 4), ("\u2155", 1, 5), ("\u2156", 2, 5),
    ("\u2157", 3, 5), ("\u2158", 4, 5), ("\u2159", 1, 6), ("\u215a", 5, 6), ("\u2150", 1, 7), ("\u215b", 1, 8), ("\u215c", 3, 8),
    ("\u215d", 5, 8), ("\u215e", 7, 8), ("\u2151", 1, 9), ("\u2152", 1, 10),
]}  # fmt: skip

_UNITS: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
)
_TENS: Final = "twenty thirty forty fifty sixty seventy eighty ninety"
NUMBER_WORDS: Final[dict[str, int]] = {
    **{w: i for i, w in enumerate(_UNITS.split())},
    **{w: 10 * i for i, w in enumerate(_TENS.split(), 2)},
    **dict.fromkeys(("dozen",), 12),
    # Chinese digits and Korean native and Sino-Korean numerals that stand alone.
    **{w: i for i, w in enumerate("\u96f6\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341")},
    "\u4e24": 2,
    **{
        w: i
        for i, w in enumerate(
            "\ud558\ub098 \ub458 \uc14b \ub137 \ub2e4\uc12f \uc5ec\uc12f \uc77c\uacf1 \uc5ec\ub35f \uc544\ud649 \uc5f4".split(), 1
        )
    },
}
SCALE_WORDS: Final = {"hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9}
FRACTION_WORDS: Final = {
    "half": 2, "halves": 2, "third": 3, "thirds": 3, "quarter": 4, "quarters": 4, "fourth": 4, "fourths": 4, "fifth": 5, "fifths": 5,
    "sixth": 6, "sixths": 6, "seventh": 7, "sevenths": 7, "eighth": 8, "eighths": 8, "ninth": 9, "ninths": 9, "tenth": 10, "tenths": 10,
}  # fmt: skip

_NON_ASCII: Final = re.compile(r"[^\x00-\x7f]")

# What is commonest comes first. Every alternative starts with its own class of character and none nests a quantifier that
# could match one text in two ways, so a pass is linear. Only a backslash takes white space with it.
TOKEN: Final = re.compile(
    r"[A-Za-z]+(?:'[A-Za-z]+)?"
    r"|\d+(?:(?:(?:,|\{,\}|\\,|\\!,)\d{3})+(?!\d))?(?:\.\d+)?(?:st|nd|rd|th)?"
    r"|\\(?:[A-Za-z]+|.)"
    r"|[^\w\s](?:(?<=\*)\*|(?<=[!<>=])=|(?<=[-=])>|(?<=\.)\d+)?"
    r"|[\u4e00-\u9fff]"
    r"|[^\W\d_A-Za-z\u4e00-\u9fff]+"
    r"|_"
)

_ESCAPED_SPACE: Final = re.compile(r"\\[^\S\n]")
_CHUNKS: Final = Memo(lambda chunk: tuple(TOKEN.findall(chunk)))


@lru_cache(maxsize=4096)
def _fold_char(c: str) -> str:
    mapped = _SAME_LENGTH.get(c)
    if mapped is not None:
        return mapped
    if c in SUPERSCRIPTS or c in VULGAR:
        return c
    if unicodedata.category(c) == "Cs":  # a lone surrogate is nobody's letter
        return " "
    folded = unicodedata.normalize("NFKC", c)
    return folded if len(folded) == 1 else (" " if c.isspace() else c)


def fold(text: str) -> str:
    """The text with full-width, mathematical and typographic characters in their plain form; same length, case kept."""
    return text if text.isascii() else _NON_ASCII.sub(lambda m: _fold_char(m[0]), text)


def lower(folded: str) -> str:
    """Lower case without a change of length (a few capitals lower to two characters: they stay)."""
    low = folded.lower()
    return low if len(low) == len(folded) else "".join(c.lower() if len(c.lower()) == 1 else c for c in folded)


def tokenize(folded: str) -> list[str]:
    """The tokens of a text. What stands between white space is mostly met again, and so taken apart once."""
    if "\\" in folded and _ESCAPED_SPACE.search(folded):
        return TOKEN.findall(folded)
    out: list[str] = []
    for chunk in folded.split():
        out += _CHUNKS[chunk]
    return out


@lru_cache(maxsize=16384)
def number(token: str) -> Number | None:
    """The value of a number token ('1,200', '3.50', '10{,}000'); None when it is none or too long to reckon with."""
    if len(token) > MAX_DIGITS + MAX_DIGITS // 3:
        return None
    digits = token.replace("{,}", "").replace("\\!,", "").replace("\\,", "").replace(",", "")
    whole, _, decimals = digits.partition(".")
    if not (whole + decimals).isdecimal() or not (whole + decimals).isascii():
        return None
    if not decimals:
        return int(whole)
    return simplest(Fraction(int(whole + decimals), 10 ** len(decimals)))


def simplest(value: Number) -> Number:
    """An ``int`` when whole: integer arithmetic is many times faster than Fraction's."""
    return value.numerator if value.denominator == 1 else value


def magnitude(value: Number) -> Number:
    """The absolute value."""
    return value if value >= 0 else -value
