"""Units of measure, by pint: are two the same kind, and by what factor do they differ?"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from keystep.verify.text import plain

if TYPE_CHECKING:
    from pint import UnitRegistry

# Written differently from what pint knows.
_ALIASES: Final = {
    "°": "degree", "deg": "degree", "degs": "degree", "°c": "degC", "°f": "degF", "℃": "degC", "ω": "ohm", "ml": "mL", "l": "L", "cc": "cm^3",
    "metre": "meter", "metres": "meter", "litre": "liter", "litres": "liter", "kilometre": "kilometer", "kilometres": "kilometer",
    "centimetre": "centimeter", "centimetres": "centimeter", "millimetre": "millimeter", "millimetres": "millimeter",
    "sec": "second", "secs": "second", "min": "minute", "mins": "minute", "hr": "hour", "hrs": "hour", "yr": "year", "yrs": "year", "wk": "week", "wks": "week",
    "kph": "km/hour", "kmph": "km/hour", "km/hr": "km/hour", "mph": "mile/hour", "lbs": "pound", "lb": "pound", "sq": "square", "미터": "meter", "厘米": "cm", "米": "meter",
    "inch": "inch", "inches": "inch", "feet": "foot", "'": "foot", '"': "inch", "센티미터": "cm", "千米": "km", "公里": "km", "度": "degree", "도": "degree",
    "秒": "second", "초": "second", "分钟": "minute", "分鐘": "minute", "분": "minute", "小时": "hour", "小時": "hour", "시간": "hour",
    "毫米": "mm", "밀리미터": "mm", "킬로미터": "km", "克": "g", "그램": "g", "千克": "kg", "公斤": "kg", "킬로그램": "kg", "升": "L", "리터": "L", "毫升": "mL",
}  # fmt: skip
_MONEY: Final = {"$": "usd", "us$": "usd", "usd": "usd", "美元": "usd", "달러": "usd", "dollar": "usd", "dollars": "usd", "us dollars": "usd", "€": "eur", "eur": "eur", "euro": "eur", "euros": "eur", "£": "gbp", "gbp": "gbp", "pounds sterling": "gbp", "¥": "cny_jpy", "yen": "jpy", "yuan": "cny", "元": "cny", "₩": "krw", "won": "krw", "원": "krw", "₹": "inr", "rupees": "inr"}  # fmt: skip
_TEMPERATURES: Final = frozenset({"degC", "degF"})
_CENTS: Final = frozenset({"cent", "cents", "¢"})
# Said where no unit is meant.
_GENERIC: Final = re.compile(r"(?:(?:sq|square|cubic)\.? )?units?(?: ?(?:\^ ?\{? ?\d ?\}?|squared|cubed))?|points?", re.IGNORECASE)
# A unit as text: words, powers, products, one division. Nothing else ever reaches pint.
_SHAPE: Final = re.compile(r"[A-Za-zμΩ°]+(?:\s?\^\s?-?\d)?(?:\s?[*/ ]\s?[A-Za-zμΩ°]+(?:\s?\^\s?-?\d)?){0,4}")
_POWER_WORD: Final = re.compile(r"\b(square|sq|cubic)\.?\s+([a-z]+)", re.IGNORECASE)
_POWER_AFTER: Final = re.compile(r"\b([a-z]+)\s+(squared|cubed)\b", re.IGNORECASE)
_TRAILING_DIGIT: Final = re.compile(r"\b(mm|cm|dm|m|km|in|ft|yd|mi)([23])\b")
_TOKEN: Final = re.compile(r"[A-Za-zμΩ°'\"]+")


_lock = Lock()


@lru_cache(maxsize=1)
def _registry() -> UnitRegistry[Any]:
    from pint import UnitRegistry

    return UnitRegistry(cache_folder=None)


def generic(unit: str) -> bool:
    """'units', 'square units', 'points': words that name no measure."""
    return _GENERIC.fullmatch(unit.strip()) is not None


@lru_cache(maxsize=2048)
def measure(unit: str) -> tuple[str, Fraction] | None:
    """(dimension, factor to its base unit) of a unit as written; None when it is no unit pint knows ('apples', 'units')."""
    written = unit.strip().strip(".").lower()
    if written in _MONEY:
        return _MONEY[written], Fraction(1)
    if written in _CENTS:
        return "usd", Fraction(1, 100)
    if generic(written):
        return None
    import pint

    with _lock:  # pint's registry is not made for threads
        text = _normalised(unit)
        if text is None:
            return None
        if text in _TEMPERATURES:
            return text, Fraction(1)  # an offset, not a factor: compared with its like only
        try:
            base = _registry().Quantity(1, text).to_base_units()
        except (pint.PintError, ArithmeticError, ValueError, TypeError, AttributeError, AssertionError):
            return None
        return str(base.units) if base.dimensionless else str(base.dimensionality), Fraction(str(base.magnitude))


_TO_KELVIN: Final[dict[str, Callable[[Fraction], Fraction]]] = {
    "degC": lambda v: v + Fraction(27315, 100),
    "degF": lambda v: (v - 32) * Fraction(5, 9) + Fraction(27315, 100),
    "kelvin": lambda v: v,
}
_FROM_KELVIN: Final[dict[str, Callable[[Fraction], Fraction]]] = {
    "degC": lambda v: v - Fraction(27315, 100),
    "degF": lambda v: (v - Fraction(27315, 100)) * Fraction(9, 5) + 32,
    "kelvin": lambda v: v,
}


def convert(value: Fraction, unit: str, into: str) -> Fraction | None:
    """value in another unit of measure; None where the two measure different things or nothing."""
    theirs, ours = measure(unit), measure(into)
    if theirs is None or ours is None:
        return None
    a, b = (("kelvin" if kind == "[temperature]" else kind) for kind in (theirs[0], ours[0]))
    if a in _TO_KELVIN and b in _FROM_KELVIN:
        return _FROM_KELVIN[b](_TO_KELVIN[a](value))
    return value * theirs[1] / ours[1] if a == b else None


def _normalised(unit: str) -> str | None:
    text = unit.strip().replace("{", "").replace("}", "").replace("**", "^").rstrip(".")
    text = re.sub(r"\bper\b", "/", text)
    text = _POWER_WORD.sub(lambda m: f"{m[2]}^{3 if m[1].lower() == 'cubic' else 2}", text)
    text = _POWER_AFTER.sub(lambda m: f"{m[1]}^{3 if m[2].lower() == 'cubed' else 2}", text)
    text = _TRAILING_DIGIT.sub(r"\1^\2", text)
    text = _ALIASES.get(text.lower(), text)
    text = _TOKEN.sub(lambda m: _ALIASES.get(m[0].lower(), m[0]), text)
    if _SHAPE.fullmatch(text) is None:
        return None
    if any(len(token) > 1 and token not in _registry() and token.lower() not in _registry() for token in _TOKEN.findall(text)):
        return None
    return _TOKEN.sub(lambda m: m[0] if m[0] in _registry() else m[0].lower(), text)


# Letters that are units when nothing else makes them variables.
LETTERS: Final = frozenset("mgshLlNJWVAKCF")


def symbol(unit: str) -> bool:
    """Whether what looks like a unit is one letter that is none ('e^2', 'R'), whatever pint makes of it. Some write 5 M for 5 m."""
    letters = unit.rstrip("^{}-0123456789²³ ")
    return len(letters) == 1 and letters.isascii() and letters.isalpha() and letters not in LETTERS and letters not in "MG"


_ASKED: Final = re.compile(
    r"\b(?:in|to the nearest|nearest|how many|number of)\s+(?:(?:whole|tenth of an?|hundredth of an?)\s+)?((?:square|cubic)\s+[a-z]+|[a-z]+(?:\s+per\s+[a-z]+)?|[a-z]{1,2}\^?[23]?)\b",
    re.IGNORECASE,
)
_NAMES: Final = {"m": "met(?:er|re)", "g": "gram", "s": "second", "h": "hour", "l": "lit(?:er|re)", "n": "newton", "j": "joule", "w": "watt", "v": "volt", "a": "amp", "k": "kelvin"}  # fmt: skip


@lru_cache(maxsize=1024)
def asked_in(question: str) -> str | None:
    """The unit of measure a question asks its answer in ('in centimetres', 'to the nearest metre'); None when it names none."""
    for match in reversed(list(_ASKED.finditer(question[-1000:]))):
        if len(match[1]) > 1 and match[1].lower() not in ("in", "as", "at", "days") and measure(match[1]) is not None:
            return match[1]
    return None


def named_in(letter: str, question: str) -> bool:
    """Does the question speak of what a one-letter unit stands for?"""
    name = _NAMES.get(letter.lower())
    return name is not None and re.search(rf"\b{name}|\d\s*{re.escape(letter)}\b", question, re.IGNORECASE) is not None


_SPLIT: Final = re.compile(
    r"(?P<core>.*?[\dπ)}\]a-z√])\s+(?P<unit>[A-Za-zμΩ°][A-Za-zμΩ° ./*^{}0-9-]{0,30})|(?P<core2>.*[\dπ)}\]])(?P<unit2>°)"
)


@lru_cache(maxsize=2048)
def split(formula: str) -> tuple[str, str]:
    """(formula, unit) of a typed formula that ends in a unit of measure ('9 π cm^2'); ('...', '') without one."""
    match = _SPLIT.fullmatch(formula)
    if match is None:
        return formula, ""
    core, unit = match["core"] or match["core2"], match["unit"] or match["unit2"]
    while " " in unit and measure(unit) is None and not generic(unit):
        head, unit = unit.split(" ", 1)
        core = f"{core} {head}"
    known = generic(unit) or ((len(unit.rstrip("^{}0123456789 ")) > 1 or unit[:1] in "m°") and measure(unit) is not None)
    return (core.strip(), unit) if known else (formula, "")


_LATEX_AGAIN: Final = str.maketrans({"π": r"\pi ", "∞": r"\infty ", "°": r"^{\circ}", "≠": r"\neq ", "μ": r"\mu ", "√": r"\sqrt "})
_LOWERED: Final = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_SUPERSCRIPTS: Final = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")


def without(formula: str) -> str:
    """A formula without its unit of measure, as LaTeX; as it was written where it bears none."""
    core, unit = split(plain(formula))
    formula = core.translate(_LATEX_AGAIN) if unit else formula
    return _SUPERSCRIPTS.sub(lambda m: "^{" + m[0].translate(_LOWERED) + "}", formula.replace("**", "^"))
