"""From a region of text that gives the answer to the answer's own words: the ways to read it, most literal first."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from keystep.verify import kinds
from keystep.verify.text import bare, level

_SENTENCE_END: Final = re.compile(r"(?<=[.!?])\s+(?=[A-Z\\$(])|\n|(?<=[.!?])$")
_MATH: Final = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_CONNECTED: Final = re.compile(r"[\s.,;]*(?:,|;|and|or|,\s*and|,\s*or)?[\s]*", re.IGNORECASE)
_LEAD: Final = re.compile(
    r".*(?:\b(?:is|are|was|were|be|equals|equal to|becomes|says|gives|it's|that's|exactly|approximately|about)\b|(?<![\d\\]):)[\s:]*(?=\S)",
    re.IGNORECASE | re.DOTALL,
)
_EQUALS: Final = re.compile(r"(?<![<>!=\\])=(?!=)")
_APPROX: Final = re.compile(r"\\approx(?![a-z])|≈|\\simeq|\\sim(?![a-z])")
_REASON: Final = re.compile(
    r"[,;]?\s+(?:i\.e\.|that is|because|since|as|which|so that|given that|due to|not|rather than|instead of)\s|\s*[(](?=[a-zA-Z ]{4,}[^()]*[)]$)|\.\s",
    re.IGNORECASE,
)
_ASIDE: Final = re.compile(r"(?<=[\w%°])\s+\([^()]*\)[.\s]*$")
_BOLD: Final = re.compile(r"(?<![\w*)])\*\*([^*\n]+)\*\*(?![\w*(])")
# A number or a letter: however it is marked, it can be read in one way.
_ALONE: Final = re.compile(r"[A-Za-z]|-?\d+(?:\.\d+)?%?")
# What is read of a region: answers are short.
_READ: Final = 600
_HOPE: Final = re.compile(r"\.?\s*I hope it is correct.*$", re.IGNORECASE | re.DOTALL)
_ANSWER_WORD: Final = re.compile(
    r"^\W*(?:therefore|thus|so|hence)?\W*(?:the\s+)?(?:(?:final|correct)\s+)?(?:answer|option|choice)\b\s*(?:is\b)?[\s:*]*(?=\S)",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def readings(region: str) -> tuple[str, ...]:
    """Ways to read region as an answer, without repeats: itself, its first sentence, its formulas, what follows 'is' or '='."""
    region = _HOPE.sub("", level(region[:_READ])).strip()
    alone = bare(region)
    if _ALONE.fullmatch(alone):
        return (alone,)
    found: dict[str, None] = {}
    tried: set[str] = set()

    def add(text: str) -> None:
        if text not in tried:
            tried.add(text)
            if text := bare(text):
                found.setdefault(text, None)

    add(region)
    add(_ANSWER_WORD.sub("", region))
    add(_ASIDE.sub("", region))  # before what follows an 'about' within it
    sentence = _first_sentence(region)
    add(sentence)
    formulas = _formulas(sentence) or _formulas(region)
    if formulas is not None:
        add(formulas)
    for bold in _BOLD.findall(region)[-1:]:
        add(bold)
    if (lead := _LEAD.match(sentence)) is not None:
        add(sentence[lead.end() :])
        add(_REASON.split(sentence[lead.end() :], maxsplit=1)[0])
    add(_REASON.split(sentence, maxsplit=1)[0])
    for text in list(found):
        for part in (*_values(text), _ASIDE.sub("", text)):
            add(part)
    return tuple(found)


def _first_sentence(region: str) -> str:
    return next((part for part in _SENTENCE_END.split(region) if part and part.strip()), region)


def _formulas(sentence: str) -> str | None:
    """The last run of formulas joined by commas, 'and', 'or'; None without any, or where a dollar is money."""
    spans = [
        m
        for m in _MATH.finditer(sentence)
        if not re.fullmatch(r"\s*|[\d,.]+\s+[A-Za-z ]+|\s*\^.*", next(g for g in m.groups() if g is not None))
    ]
    if not spans:
        return None
    run = [spans[-1]]
    for match in reversed(spans[:-1]):
        between = sentence[match.end() : run[0].start()]
        if _CONNECTED.fullmatch(between) is None:
            break
        run.insert(0, match)
    return ", ".join(next(g for g in m.groups() if g is not None).strip().rstrip(".") for m in run)


def _values(text: str) -> list[str]:
    """What a chain of equalities comes to: right of the last '=', left of an approximation, then right of it."""
    exact, *approximate = _APPROX.split(text)
    named = kinds.assignment(exact)
    sides = _EQUALS.split(exact)
    found = [named[1]] if named is not None else [sides[-1]] if len(sides) > 1 or approximate else []
    return [*found, *approximate[-1:]]
