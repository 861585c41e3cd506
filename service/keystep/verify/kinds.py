"""Which type an answer is of, from the gold, the choices and the question; 'auto' says which it chose."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from keystep.verify import choices as choice_reader
from keystep.verify import number, units
from keystep.verify.text import plain

CHOICE: Final = "choice"
YES_NO: Final = "yes_no"
NUMBER: Final = "number"
TIME: Final = "time"
DATE: Final = "date"
RATIO: Final = "ratio"
SEQUENCE: Final = "sequence"
INTERVAL: Final = "interval"
EQUATION: Final = "equation"
EXPRESSION: Final = "expression"
MATRIX: Final = "matrix"
TEXT: Final = "text"
ANLS: Final = "anls"

# What requests may name, the benchmarks' own words among them.
NAMES: Final = {
    "auto": "auto", "choice": CHOICE, "multiple choice": CHOICE, "multiple_choice": CHOICE, "multi-choice": CHOICE, "letter": CHOICE,
    "yes_no": YES_NO, "yes/no": YES_NO, "boolean": YES_NO, "bool": YES_NO,
    "number": NUMBER, "integer": NUMBER, "int": NUMBER, "float": NUMBER, "decimal": NUMBER, "fraction": NUMBER, "percent": NUMBER,
    "quantity": NUMBER, "currency": NUMBER, "scientific": NUMBER, "unit": NUMBER,
    "time": TIME, "date": DATE, "ratio": RATIO, "tuple": SEQUENCE, "pair": SEQUENCE, "set": SEQUENCE, "list": SEQUENCE, "sequence": SEQUENCE,
    "interval": INTERVAL, "equation": EQUATION, "expression": EXPRESSION, "formula": EXPRESSION, "math": EXPRESSION, "matrix": MATRIX,
    "text": TEXT, "string": TEXT, "anls": ANLS, "free-form": "auto", "free_form": "auto", "single answer": "auto",
}  # fmt: skip

_LETTER: Final = re.compile(r"\(?([A-Z])\)?\.?|\(?([A-Z])\s*[).:]\s*\S.*", re.DOTALL)
_YES_NO: Final = frozenset("yes no true false 是 是的 对 正确 否 不是 不对 错误 错 예 네 맞습니다 아니요 아니오 참 거짓".split())
_TIME: Final = re.compile(r"\d{1,2}:\d{1,2}(?::\d{2})?\s*(?:[ap]\.?\s*m\.?)?", re.IGNORECASE)
_DATE: Final = re.compile(
    r"\d{1,2}[/-]\d{1,2}[/-]\d{2,4}|\d{4}[/-]\d{1,2}[/-]\d{1,2}|(?:[a-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?|\d{1,2}(?:st|nd|rd|th)? (?:of )?[a-z]{3,9}\.?),? \d{4}",
    re.IGNORECASE,
)
_RANGE: Final = re.compile(r"\d+(?:[.,]\d+)*\s*(?:-|to)\s*\d+(?:[.,]\d+)*(?:\s*[A-Za-z%]+)?")
_RATIO: Final = re.compile(r"\s*[^:=]{1,40}(?::[^:=]{1,40}){1,4}")
_WORD: Final = re.compile(r"[A-Za-z]{3,}")
_COMMAND: Final = re.compile(r"\\[A-Za-z]+")
_FUNCTION: Final = frozenset(
    "sin cos tan sec csc cot log ln exp lim sqrt max min mod arcsin arccos arctan sinh cosh tanh det gcd lcm pi theta alpha beta frac left right infty cdot times text cup cap and".split()
)
_MATH: Final = re.compile(
    r"\\(?:frac|sqrt|pi|sin|cos|tan|log|ln|sum|int|prod|lim|infty|cdot|times|pm|mathbb|alpha|beta|theta|lambda|mu|sigma|omega|binom|overline|begin|cup|cap|in|le|ge|leq|geq|neq|circ|angle)(?![a-z])|[\^_=<>≠≤≥√|¹²³⁴⁵⁶⁷⁸⁹π∞±∪∩∈]|\d\s*[*/+-]\s*[\da-z(]|^\W*[a-z]\W*$|\d ?[a-z]\b|\d ?[a-z]{2}$|\d!|\b[a-z]\s*[*/+-]\s*[a-z]\b|[a-z]\s*[*/+-]\s*\d|^\W*[a-z]\([a-z]\)|\bsqrt\s*\(",
    re.IGNORECASE,
)
_WRAPPED: Final = re.compile(r"\\(?:text|textbf|textnormal|mathrm|mathbf|mbox|operatorname)\s*\{([^{}]*)\}")
# Environments, and words that join formulas ('(1,2)or(2,1)').
_NAMED: Final = re.compile(r"\\(?:begin|end)\s*\{[a-z*]+\}|\{[clr|]+\}|(?<=[\d)\]}$])\s*(?:or|and)(?=[\s\\\d(\[$-])|\b(?:and|or)\b")
# The left side of an assignment: a name, never something to be computed.
_NAME: Final = re.compile(r"\(?[\w|':.,() ]*(?:_\s*(?:\{[^{}]*\}|\w)[\w|':() ]*)*\)?|\\(?:angle|overline|frac)\s*[\w{} ]+")
_COMPUTED: Final = re.compile(r"[+*^]|-|\d\s*[A-Za-z]|<|>")
# What joins one equation to the next: 'x = 1 or x = 2'.
_ANOTHER: Final = re.compile(r"[,;]|(?<=[\d\s)}])(?:and|or)(?=[\sA-Za-z(])")
# Numbers with nothing between them, or with a range's dots, are no formula.
_APART: Final = re.compile(r"\d[\d.]*(?:\s+\d[\d.]*)+|\d+\.{2,}\d+")
_ORDERED: Final = re.compile(r"[([{<]\s*[^()\[\]{}]+(?:[,;][^()\[\]{}]+)+[)\]}>]")
_LIST: Final = re.compile(r"[^,;]{1,40}(?:\s*(?:,|;|\band\b|\bor\b)\s*[^,;]{1,40})+")


@lru_cache(maxsize=2048)
def of(gold: str, choices: tuple[str, ...] | None, question: str) -> str:
    """The type of a gold answer. choices, when given, make every question a choice."""
    text = plain(gold)
    if choices:
        return CHOICE
    if text.lower() in _YES_NO:
        return YES_NO
    if _TIME.fullmatch(text) is not None and (
        text[-1] in "mM." or _about_time(question) or (text[-3] == ":" and not _about_ratio(question))
    ):
        return TIME
    if _DATE.fullmatch(text) is not None:
        return DATE
    if number.parse(gold) is not None:
        return NUMBER
    if _RANGE.fullmatch(text) is not None:
        return TEXT  # 10-20 is a range and no subtraction
    if choice_reader.several(gold, None) and "\n" in gold.strip():
        return CHOICE
    if _LETTER.fullmatch(text) is not None and "=" not in text:
        listed = choice_reader.in_question(question)
        if (
            listed
            or ":" in text
            or text.endswith(")")
            or not question
            or not re.search(r"\b(?:equation|expression|in terms of)\b", question)
        ):
            return CHOICE
    if ("\\begin" in gold and "matrix" in gold) or "\\begin{array}" in gold:
        return MATRIX
    return _mathematical(text)


def _mathematical(text: str) -> str:
    if _RATIO.fullmatch(text) is not None and all(number.parse(part) or is_formula(part) for part in text.split(":")):
        return RATIO
    if is_formula(units.split(text)[0]):
        if re.search(r"[(\[]\s*[^()\[\],]+,[^()\[\],]+[)\]]", text) and (
            text[0] == "[" or text[-1] == "]" or "∪" in text or "\\cup" in text or "∞" in text
        ):
            return INTERVAL
        if _ORDERED.fullmatch(text) or (_LIST.fullmatch(text) and "=" not in text):
            return SEQUENCE
        return EQUATION if re.search(r"[=<>≠]", text) else EXPRESSION
    if _LIST.fullmatch(text) and all(number.parse(p) for p in re.split(r",|;|\band\b|\bor\b", text) if p.strip()):
        return SEQUENCE
    return TEXT


@lru_cache(maxsize=2048)
def assignment(text: str) -> tuple[str, str] | None:
    """(name, value) of 'x = 5', 'Area $= 9 \\pi$', '(p,q) = (3,2)', '= 7/4', '5 = s'; None when it is an equation or no equation."""
    flat = plain(text).replace("$", " ")
    sides = [side.strip() for side in re.split(r"(?<![<>!])=(?!=)", flat)]
    if (
        len(sides) < 2
        or any(_ANOTHER.search(side) for side in sides[1:-1])
        or re.search(r"[<>\u2260]|\\in(?![a-z])", flat)
        or not sides[-1]
    ):
        return None
    name, value = sides[0], sides[-1]
    if len(sides) == 2 and re.fullmatch(r"[a-z]", value) and number.parse(name) is not None:
        name, value = value, name
    if _NAME.fullmatch(name) is None or _COMPUTED.search(re.sub(r"_\s*(?:\{[^{}]*\}|\w)", "", name)) is not None:
        return None
    return name, value


def is_formula(text: str) -> bool:
    """Mathematics and nothing else: something of a formula's signs, and no word that is not a function's name."""
    flat = _NAMED.sub(" ", _WRAPPED.sub(r" \1 ", text))
    if _APART.fullmatch(plain(text)) is not None or any(w.lower() not in _FUNCTION for w in _WORD.findall(_COMMAND.sub(" ", flat))):
        return False
    return (
        _MATH.search(text) is not None
        or _MATH.search(plain(text)) is not None
        or _ORDERED.fullmatch(plain(text)) is not None
        or number.parse(text) is not None
        or bool(re.fullmatch(r"[\d\s,;.+*/()\[\]{}-]+", plain(_NAMED.sub(",", text))))
    )


def _about_time(question: str) -> bool:
    return re.search(r"\b(?:time|clock|o'clock|when|hour|a\.?m|p\.?m)\b|__:__", question, re.IGNORECASE) is not None


def _about_ratio(question: str) -> bool:
    return re.search(r"\b(?:ratio|proportion|odds|scale)\b|比|비율", question, re.IGNORECASE) is not None
