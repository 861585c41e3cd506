"""Numbers, exactly: a whole answer as a fraction with its unit, or nothing. Never evaluates, never guesses.

1,234.50   10{,}000   1 000   .5   -3/4   \\frac{3}{4}   1\\frac{1}{10}   1 1/10   3 x 10^-9   2e5   12%   $5   5 cm   58°   twenty-one
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

from keystep.nouns import noun
from keystep.verify import units
from keystep.verify.text import plain

# Beyond these a number is no answer anybody meant; bounds.py says so before anything else is tried.
MAX_DIGITS: Final = 400
MAX_EXPONENT: Final = 400


@noun
class Number:
    """value: as written, percent not divided. places: decimals as written, None for an integer or fraction.

    unit: '' when none; '%' for percent; else as written ('cm^2', '$', 'apples').  loose: one letter right after the digits,
    which may be a unit or a variable ('5m', '4t').
    """

    value: Fraction
    places: int | None = None
    unit: str = ""
    loose: bool = False


_GROUPED: Final = r"\d{1,3}(?:,\d{3})+(?:\.\d+)?|[1-9]\d{0,2}(?: \d{3})+(?:\.\d+)?"
_PLAIN: Final = r"\d+\.\d+|\d+\.?|\.\d+"
# A decimal comma, where it cannot be a separator: two places, four or more, or a leading zero. '2,5' is a pair.
_COMMA: Final = r"0,\d+|\d+,\d{2}|\d+,\d{4,}"
_POWER: Final = (
    r"(?:\s*[*x]\s*10\s*\^\s*(?:\{\s*(?P<p1>[+-]?\s*\d+)\s*\}|\(\s*(?P<p2>[+-]?\d+)\s*\)|(?P<p3>[+-]?\d+))|[eE](?P<p4>[+-]?\d+))?"
)
_FRAC: Final = r"\\frac\s*(?:\{\s*(?P<n1>-?\d+)\s*\}|(?P<n2>\d))\s*(?:\{\s*(?P<d1>-?\d+)\s*\}|(?P<d2>\d+))"
_NUMBER: Final = re.compile(
    rf"(?P<sign>[+-]?)\s*(?P<currency>[$€£¥₩₹]|(?:US|A|C|HK)\$)?\s*(?P<inner>[+-]?)"
    rf"(?:(?:(?P<whole>\d+)\s*(?:\+\s*)?)?{_FRAC}"
    rf"|(?:(?P<whole2>\d+) )?(?P<n3>\d+)\s*/\s*(?P<d3>\d+)"
    rf"|(?P<comma>{_COMMA})(?![\d,.])"
    rf"|(?P<grouped>{_GROUPED})(?![\d,]){_POWER.replace('?P<p', '?P<g')}"
    rf"|(?P<plain>{_PLAIN})(?!\d){_POWER})"
)
_VULGAR: Final = {
    "½": "1/2",
    "⅓": "1/3",
    "⅔": "2/3",
    "¼": "1/4",
    "¾": "3/4",
    "⅕": "1/5",
    "⅖": "2/5",
    "⅗": "3/5",
    "⅘": "4/5",
    "⅙": "1/6",
    "⅚": "5/6",
    "⅛": "1/8",
    "⅜": "3/8",
    "⅝": "5/8",
    "⅞": "7/8",
}
_SUPERSCRIPT: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPTS: Final = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_POWERED: Final = r"[A-Za-zμΩ°'\"€£¥₩$₹¢]+\.?(?: ?\^ ?(?:\{ ?-?\d ?\}|-?\d)|(?<=m)[23])?"
# '$28$ percent', '\\(125\\) miles': a fenced number and its unit outside.
_FENCED: Final = re.compile(r"^\s*(?:\$|\\\()([^$\\]*)(?:\$|\\\))\s*([A-Za-z%\\][^$]{0,40})$")
_UNIT: Final = re.compile(rf"(?:{_POWERED})(?: ?[*/ ] ?{_POWERED}){{0,7}}|[^\W\d_A-Za-zπ∞√][^\W\d_ π∞√]{{0,12}}")
# Words after a number that make it something else than a quantity.
_NOT_UNIT: Final = re.compile(
    r"(?:^|[^a-z])(?:or|and|to|through|is|are|was|not|but|if|when|plus|minus|times|squared root|of the|than|because|since|million or)(?:[^a-z]|$)",
    re.IGNORECASE,
)
# Words that make another number of it: '2 thirds', '5 squared', '5 dozen'.
_ANOTHER_NUMBER: Final = re.compile(
    r"(?:squared|cubed|factorial|hal(?:f|ves)|thirds?|quarters?|fourths?|fifths?|sixths?|sevenths?|eighths?|ninths?|tenths?|hundredths?|thousandths?|dozens?)\b",
    re.IGNORECASE,
)
_MINUS_SAID: Final = re.compile(r"^(?:(?:minus|negative)\s+|(?:负|負|마이너스)\s*)(?=[\d.])", re.IGNORECASE)
_POWER_OF_TEN: Final = re.compile(r"^([+-]?\s*)10\s?(?=\^)")
_PERCENT: Final = frozenset({"%", "percent", "percentage", "pct", "per cent", "percentage point", "percentage points", "퍼센트", "百分比"})
_SCALES: Final = {
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "만": 10**4,
    "억": 10**8,
    "万": 10**4,
    "亿": 10**8,
}


@lru_cache(maxsize=2048)
def parse(text: str) -> Number | None:
    """The whole of text as one number with an optional unit; None when it is anything else."""
    if len(text) > MAX_DIGITS + 100:
        return None
    text = plain(_FENCED.sub(r"\1 \2", text))
    for mark, fraction in () if text.isascii() else _VULGAR.items():
        if mark in text:
            text = re.sub(rf"\s*{mark}", f" {fraction}", text).strip()
    text = _SUPERSCRIPTS.sub(lambda m: "^" + m[0].translate(_SUPERSCRIPT), text)
    text = _POWER_OF_TEN.sub(r"\g<1>1*10", _MINUS_SAID.sub("-", text))
    if (repeating := _REPEATING.fullmatch(text)) is not None:
        return _repeated(*repeating.groups())
    match = _NUMBER.match(text)
    if match is None:
        return _words(text)
    value, places = _value(match)
    if value is None:
        return None
    rest = text[match.end() :]
    spaced, rest = rest[:1] == " ", rest.strip()
    if "^" in rest:
        rest = rest.replace("$", "")  # 56.55 units $^{3}$
    low = rest.lower()
    for word, scale in _SCALES.items() if rest else ():
        if low.startswith(word) and (low == word or low[len(word)] == " " or not rest[len(word) : len(word) + 1].isascii()):
            value, places, rest, spaced = value * scale, None, rest[len(word) :].strip(), True
            break
    if match["sign"] == "-" or match["inner"] == "-":
        value = -value
    return _with_unit(value, places, match["currency"] or "", rest, spaced=spaced)


_COMPOUND: Final = re.compile(r"([A-Za-z]{1,12}\.?),?\s+(?:and\s+)?(\d{1,6}(?:\.\d+)?)\s*([A-Za-z]{1,12})\.?")


def _compound(value: Fraction, unit: str, more: str, smaller: str) -> Number | None:
    """'1 hour 30 minutes', '5 ft 3 in': two measures of one kind, in the first one's unit."""
    added = units.convert(Fraction(more), smaller, unit)
    return Number(value + added, None, unit) if added is not None else None


_REPEATING: Final = re.compile(r"(-?)(\d{0,20})\.(\d{0,20})(?:\\overline\s*\{(\d{1,20})\}|\((\d{1,20})\))")


def _repeated(sign: str, whole: str, fixed: str, bar: str | None, bracket: str | None) -> Number:
    """0.1\\overline{6} = 1/6."""
    period = bar or bracket or ""
    value = Fraction(int(f"{whole}{fixed}" or "0"), 10 ** len(fixed)) + Fraction(int(period), (10 ** len(period) - 1) * 10 ** len(fixed))
    return Number(-value if sign else value)


def _with_unit(value: Fraction, places: int | None, currency: str, rest: str, *, spaced: bool) -> Number | None:
    if not rest:
        return Number(value, places, currency)
    if spaced and not currency and (compound := _COMPOUND.fullmatch(rest)) is not None:
        return _compound(value, *compound.groups())
    if rest.lower() in _PERCENT or rest.lower().split(" ")[0] in ("%", "percent"):
        return Number(value, places, "%")
    if _UNIT.fullmatch(rest) is None or _NOT_UNIT.search(rest) is not None or _ANOTHER_NUMBER.match(rest) is not None or _variables(rest):
        return None
    loose = not spaced and len(rest) == 1 and rest.isascii() and rest.isalpha()
    return Number(value, places, currency or rest, loose)


_SYMBOLS: Final = re.compile(r"([A-Za-z]{1,2})(?: ?\^ ?\{? ?-?\d ?\}?)?(?: .*)?")
_FUNCTIONS: Final = re.compile(r"(?:sin|cos|tan|log|ln|exp)\b")
_TWO_LETTERS: Final = frozenset({"AD", "BC", "CE", "st", "nd", "rd", "th"})  # eras and ordinals


def _variables(rest: str) -> bool:
    """Whether what follows a number goes on as a formula: 'x^2', 'xy', 'sin x'; one or two letters that measure nothing."""
    symbols = _SYMBOLS.fullmatch(rest)
    if symbols is None or symbols[1] in _TWO_LETTERS:
        return _FUNCTIONS.match(rest) is not None
    if len(symbols[1]) == 1:
        return units.symbol(symbols[1])
    return units.measure(symbols[1]) is None and units.measure(rest) is None


def _value(match: re.Match[str]) -> tuple[Fraction | None, int | None]:
    top, bottom = match["n1"] or match["n2"] or match["n3"], match["d1"] or match["d2"] or match["d3"]
    if top is not None:
        if len(top) + len(bottom) > MAX_DIGITS or int(bottom) == 0:
            return None, None
        return Fraction(int(match["whole"] or match["whole2"] or 0)) + Fraction(int(top), int(bottom)), None
    written = match["grouped"] or match["comma"] or match["plain"]
    digits = written.replace(" ", "")
    digits = digits.replace(",", ".") if match["comma"] else digits.replace(",", "")
    power = next((match[g] for g in ("p1", "p2", "p3", "p4", "g1", "g2", "g3", "g4") if match[g] is not None), None)
    exponent = int(power.replace(" ", "")) if power is not None and len(power) <= 6 else 0
    if len(digits) > MAX_DIGITS or abs(exponent) > MAX_EXPONENT or (power is not None and len(power) > 6):
        return None, None
    whole, _, decimals = digits.partition(".")
    value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals)) * Fraction(10) ** exponent
    places = len(decimals) if decimals and power is None else None
    return value, places


_ONES: Final = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
    "零": 0, "一": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6, "七": 7, "八": 8, "九": 9, "十": 10,
}  # fmt: skip
_TENS: Final = {"twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90}
_FRACTION_WORDS: Final = {
    "half": Fraction(1, 2),
    "a half": Fraction(1, 2),
    "a third": Fraction(1, 3),
    "a quarter": Fraction(1, 4),
    "one half": Fraction(1, 2),
    "one third": Fraction(1, 3),
    "two thirds": Fraction(2, 3),
    "one quarter": Fraction(1, 4),
    "one fourth": Fraction(1, 4),
    "three quarters": Fraction(3, 4),
    "three fourths": Fraction(3, 4),
}


def _words(text: str) -> Number | None:
    """Number words: 'five', 'twenty-one', 'one hundred and five', 'minus two', 'five apples', 'one half'."""
    words = text.lower().replace("-", " ").split()
    if not 0 < len(words) <= 12:
        return None
    negative = words[0] in ("minus", "negative")
    words = words[negative:]
    if words[:1] == ["a"] and words[1:2] and words[1] in _SCALES:
        words[0] = "one"
    if (fraction := _FRACTION_WORDS.get(" ".join(words))) is not None:
        return Number(-fraction if negative else fraction)
    total = current = used = 0
    for used, word in enumerate(words):
        if word in _ONES:
            current += _ONES[word]
        elif word in _TENS:
            current += _TENS[word]
        elif word == "hundred" and current:
            current *= 100
        elif word in _SCALES and current:
            total, current = total + current * _SCALES[word], 0
        elif word != "and" or not (current or total) or used + 1 == len(words):
            break
    else:
        used = len(words)
    if used == 0:
        return None
    value = Fraction(total + current)
    return _with_unit(-value if negative else value, None, "", " ".join(words[used:]), spaced=True)
