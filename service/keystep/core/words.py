"""The words of a sentence as the phrase tier sees them: concepts, names, numbers, negators and clause boundaries."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from keystep.core.canonical import FRACTION_WORDS, NUMBER_WORDS, SUPERSCRIPTS, Number, number
from keystep.core.lexicon import CLAUSE_WORDS, FUNCTION, LIGHT, NEGATORS, SINGLE, UNIT, stem

CONTENT, FRAME, NAMED, NUMERAL, NEGATOR, CLAUSE, SMALL, OTHER = range(8)


class Word(NamedTuple):
    """kind: one of the constants above.  concept: stem, name or number.  token: its index.  raw: lower-cased."""

    kind: int
    concept: str | Number
    token: int
    raw: str


@lru_cache(maxsize=32768)
def classify(token: str) -> tuple[int, str | Number, str]:
    """(kind, concept, lower-cased) of one token, whatever stands around it."""
    low = token.lower()
    first = token[0]
    if first.isdigit() or (first == "." and len(token) > 1):
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
        if 2 <= len(token) <= 4 and token.isupper() and low not in FUNCTION and low not in LIGHT:
            return NAMED, token, low
        if low in FUNCTION:
            return SMALL, low, low
        concept = stem(low)
        return (FRAME if concept in LIGHT else CONTENT), concept, low
    if token in ("\u2220", "\\angle"):
        return CONTENT, "angle", low
    if token in ("\u25b3", "\\triangle"):
        return CONTENT, "triangle", low
    if token in ("\u2225", "\\parallel"):
        return CONTENT, "parallel", low
    if token in ("\u22a5", "\\perp"):
        return CONTENT, "perpendicular", low
    if token in UNIT or token == "\\%":
        return CONTENT, low.lstrip("\\"), low
    if first.isalpha() and first not in SUPERSCRIPTS:
        return CONTENT, stem(low), low
    return OTHER, token, low


def words(tokens: list[str]) -> list[Word]:
    """Every token that is more than punctuation, in order."""
    out: list[Word] = []
    for at, token in enumerate(tokens):
        kind, concept, raw = classify(token)
        if kind == OTHER:
            continue
        if kind == NUMERAL:
            previous = out[-1] if out else None
            if previous is not None and previous.kind == CONTENT and previous.concept == "angle" and isinstance(concept, int) and concept < 10 and raw.isdigit():
                out.append(Word(NAMED, f"\u2220{concept}", at, raw))
                continue
            if previous is not None and previous.kind == NUMERAL and raw.isalpha() and _joins(previous, concept, tokens, at):
                out[-1] = previous._replace(concept=previous.concept + concept)  # type: ignore[operator]
                continue
        elif raw == "half" or (raw in FRACTION_WORDS and out and out[-1].kind == NUMERAL and out[-1].token == at - 1):
            kind, concept = CONTENT, raw
        out.append(Word(kind, concept, at, raw))
    return out


def _joins(previous: Word, concept: str | Number, tokens: list[str], at: int) -> bool:
    """'twenty' 'one', 'twenty-one'."""
    near = previous.token == at - 1 or (previous.token == at - 2 and tokens[at - 1] == "-")
    return near and not isinstance(previous.concept, str) and not isinstance(concept, str) and previous.concept in range(20, 100, 10) and 0 < concept < 10
