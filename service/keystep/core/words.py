"""The words of a sentence as the phrase tier sees them: concepts, names, numbers, negators and clause boundaries."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

from keystep.core.canonical import FRACTION_WORDS, NUMBER_WORDS, SUPERSCRIPTS, Number, number
from keystep.core.lexicon import BE, CLAUSE_WORDS, CONCEPT, FUNCTION, LIGHT, NEGATORS, SEGMENTS, SINGLE, UNITS, stem
from keystep.core.memo import Memo

CONTENT: Final = 0
FRAME: Final = 1
NAMED: Final = 2
NUMERAL: Final = 3
NEGATOR: Final = 4
CLAUSE: Final = 5
SMALL: Final = 6
UNIT: Final = 7
OTHER: Final = 8


# Kinds that no neighbour changes.
_PLAIN: Final = frozenset({NEGATOR, CLAUSE, SMALL})


class Word(NamedTuple):
    """kind: one of the constants above.  concept: stem, name or number.  token: its index.  raw: lower-cased."""

    kind: int
    concept: str | Number
    token: int
    raw: str


def is_be(word: Word) -> bool:
    """A form of "to be"; the line BE is a name."""
    return word.kind == SMALL and word.raw in BE


def classify(token: str) -> tuple[int, str | Number, str]:
    """(kind, concept, lower-cased) of one token, whatever stands around it."""
    low = token.lower()
    first = token[0]
    if first.isdecimal() or (first == "." and len(token) > 1):
        value = number(token)
        if value is not None:
            return NUMERAL, value, low
        return (CONTENT, low, low) if low[-1].isalpha() else (OTHER, low, low)
    if low in NEGATORS or low.endswith("n't"):
        return NEGATOR, low, low
    if low in NUMBER_WORDS:
        return NUMERAL, NUMBER_WORDS[low], low
    if low in SINGLE:
        return NUMERAL, SINGLE[low], low
    if low in CLAUSE_WORDS:
        return CLAUSE, low, low
    if token in (",", ";", ":", "."):
        return CLAUSE, low, low
    if token.isalpha() and token.isascii():
        if len(token) == 1 and token not in ("a", "I", "A"):
            return (SMALL, low, low) if low in ("s", "t") and token.islower() else (NAMED, token, low)
        if 2 <= len(token) <= 4 and token.isupper() and (low not in FUNCTION or token in SEGMENTS) and low not in LIGHT:
            return NAMED, token, low
        if low in FUNCTION and token != "May":
            return SMALL, low, low
        concept = stem(low)
        return (FRAME if concept in LIGHT else CONTENT), concept, low
    if token in ("\u2220", "\\angle"):
        return CONTENT, "angle", low
    if token in ("\u25b3", "\\triangle"):
        return CONTENT, "triangle", low
    if token in ("\u2225", "\\parallel"):
        return CONTENT, "parallel", low
    if token in ("\u2245", "\\cong"):
        return CONTENT, stem("congruent"), low
    if token in ("\u223c", "\\sim"):
        return CONTENT, "similar", low
    if token in ("\u22a5", "\\perp"):
        return CONTENT, "perpendicular", low
    if token in UNITS or token in ("\\circ", "\\%"):
        sign = "\u00b0" if token == "\\circ" else low.lstrip("\\")
        return CONTENT, sign, sign
    if first.isalpha() and first not in SUPERSCRIPTS:
        return CONTENT, stem(low), low
    return OTHER, token, low


# Dollars of mathematics, bold, and the stop of a key step written as a sentence.
_OPERATORS: Final = frozenset({"+", "*", "/", "^", "\\times", "\\cdot", "\\div"})
_MARKUP: Final = frozenset({"$", "**", "."})
# token -> (kind, concept, lower-cased)
_CLASSES: Final = Memo(classify)
_new = tuple.__new__  # half the cost of calling the named tuple; there are hundreds of words


def words(tokens: list[str]) -> list[Word]:
    """Every token that is more than punctuation, in order."""
    out: list[Word] = []
    classes = _CLASSES
    currency = tokens.count("$") % 2 == 1
    reckons = "=" in tokens
    for at, token in enumerate(tokens):
        kind, concept, raw = classes[token]
        if kind == OTHER:
            continue
        if kind in _PLAIN and token != "A":
            out.append(_new(Word, (kind, concept, at, raw)))
            continue
        if token == "$" and not currency:  # mathematics, not money
            continue
        if token == "A" and out and out[-1].kind == CONTENT and out[-1].token == at - 1:
            kind, concept = NAMED, token  # "bar A"
        elif kind in (CONTENT, NAMED) and out and raw in UNITS and _measures(out[-1], tokens, at):
            kind = UNIT
        elif kind in (CONTENT, NAMED) and at > 1 and tokens[at - 1] == "-" and out and out[-1].token == at - 2:
            joined = CONCEPT.get(out[-1].raw + raw) or CONCEPT.get(f"{out[-1].raw}-{raw}")
            if joined is not None:
                out[-1] = out[-1]._replace(kind=CONTENT, concept=joined)
                continue
        if kind == NUMERAL:
            value = _ratio(tokens, at)
            if value is not None:
                out.append(_new(Word, (NUMERAL, value, at, raw)))
                continue
            if _operates(tokens, at - 1) or _operates(tokens, at + 1) or (reckons and _in_difference(out, tokens, at)):
                continue  # a step of a calculation states nothing by itself
            if at and tokens[at - 1] == "-" and not isinstance(concept, str) and not _subtracts(out, tokens, at):
                concept = -concept
            previous = out[-1] if out else None
            if (
                previous is not None
                and previous.kind == CONTENT
                and previous.concept == "angle"
                and isinstance(concept, int)
                and concept < 10
                and raw.isdecimal()
            ):
                out.append(Word(NAMED, f"\u2220{concept}", at, raw))
                continue
            if previous is not None and previous.kind == NUMERAL and raw.isalpha() and _joins(previous, concept, tokens, at):
                out[-1] = previous._replace(concept=previous.concept + concept)  # type: ignore[operator]
                continue
        elif raw == "half" or (raw in FRACTION_WORDS and out and out[-1].kind == NUMERAL and out[-1].token == at - 1):
            kind, concept = CONTENT, raw
        out.append(_new(Word, (kind, concept, at, raw)))
    return out


def _measures(previous: Word, tokens: list[str], at: int) -> bool:
    """A unit stands after its number ("5 cm", "5-mile") or, money, before it."""
    if tokens[at] in "$\u20ac\u00a3":
        return True
    return previous.kind == NUMERAL and (
        previous.token == at - 1 or (previous.token >= at - 3 and tokens[at - 1] in ("-", "^", "\\", "{", "text"))
    )


def _ratio(tokens: list[str], at: int) -> Number | None:
    """3/4, standing alone."""
    if (
        not (len(tokens) > at + 2 and tokens[at + 1] == "/" and tokens[at].isdecimal() and tokens[at + 2].isdecimal())
        or tokens[at + 2].strip("0") == ""
    ):
        return None
    return None if _operates(tokens, at - 1) or _operates(tokens, at + 3) else Fraction(int(tokens[at][:20]), int(tokens[at + 2][:20]))


def _operates(tokens: list[str], at: int) -> bool:
    return 0 <= at < len(tokens) and tokens[at] in _OPERATORS


def _in_difference(out: list[Word], tokens: list[str], at: int) -> bool:
    """A side of 1000 - 20; without an equation about, 5-10 is a range and states both."""
    if at + 2 < len(tokens) and tokens[at + 1] == "-" and tokens[at + 2][0].isdecimal():
        return True
    return at > 1 and tokens[at - 1] == "-" and (tokens[at - 2][0].isdecimal() or _subtracts(out, tokens, at))


def _subtracts(out: list[Word], tokens: list[str], at: int) -> bool:
    """Whether the minus before a number has an operand on its left; else it is the number's sign."""
    if at < 2:
        return False
    return tokens[at - 2] in (")", "}", "]", "%") or (bool(out) and out[-1].token == at - 2 and out[-1].kind in (NUMERAL, NAMED, UNIT))


def _joins(previous: Word, concept: str | Number, tokens: list[str], at: int) -> bool:
    """'twenty' 'one', 'twenty-one'."""
    near = previous.token == at - 1 or (previous.token == at - 2 and tokens[at - 1] == "-")
    return (
        near
        and not isinstance(previous.concept, str)
        and not isinstance(concept, str)
        and previous.concept in range(20, 100, 10)
        and 0 < concept < 10
    )


def verbatim(tokens: list[str]) -> str:
    """Tokens in lower case, each between spaces: one text stands in another word for word when this does."""
    return f" {' '.join(token.lower() for token in tokens if token not in _MARKUP)} "


class Wording:
    """The words of a sentence, and where each concept stands among them."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.words = words(tokens)
        self.have: dict[str, list[int]] = {}
        for i, word in enumerate(self.words):
            if word.kind in (CONTENT, FRAME, NAMED):
                self.have.setdefault(str(word.concept), []).append(i)
