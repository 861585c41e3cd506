"""What a model says of a reference is held to the reference, here, by rule. Pure functions of texts.

A model's word is good for nothing by itself: an element must stand in the reference, a refinement must be a piece of its
element, an equivalent form must state the same numbers with the same polarity, and none may be the answer.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field

from keystep.core import structure
from keystep.core.canonical import FRACTION_WORDS, SUPERSCRIPTS, Number, fold, lower, tokenize
from keystep.core.words import CONTENT, NAMED, NEGATOR, NUMERAL, words
from keystep.nouns import SectionKind

DESCRIPTION = "Image Description"

# What may differ between a text and its copy: articles, and the marks of Markdown and of LaTeX's mathematics mode.
_ARTICLES = frozenset({"an", "the", "a"})
_MARKS = frozenset({"$", "*", "**", "`", "_", "\\(", "\\)", "\\[", "\\]", "\\,", "\\;", "\\!"})
_ENDS = frozenset({".", ",", ";", ":", '"', "'"})
# A piece that a cut leaves with one of these at its edge, or next to it, states something else than the whole: '3 = 2' of '6/3 = 2'.
_OPERATORS = frozenset("= + - * / ^ < > ** != <= >= => -> == \u2248 \u2260 \u2264 \u2265".split())
_BRACKETS = frozenset("( ) { } [ ] |".split())
_OPERATION_WORDS = {"squared": 2, "cubed": 3, "halved": 2, "doubled": 2, "tripled": 3}

_ANSWER_LINE = re.compile(
    r"^[ \t]*(?:####|A:|(?:(?:so|thus|hence|therefore)\b,?[ \t]*)?the[ \t]+(?:final[ \t]+)?answer[ \t]+is\b:?)[ \t]*(?P<answer>.*)$",
    re.IGNORECASE | re.MULTILINE,
)
_ANNOUNCED = re.compile(
    r"^\W*(?:(?:so|thus|hence|therefore)\b,?\s*)?(?:(?:the|our)\s+)?(?:(?:final|correct|right)\s+)?(?:answer|option|choice)\s*(?:is\b|:|=)",
    re.IGNORECASE,
)
_CHOSEN = re.compile(r"^\W*(?:(?:option|choice)\s+)?\(?(?P<letter>[A-J])(?:[):.]|\s*$)+\s*(?P<text>.*)$", re.DOTALL | re.IGNORECASE)
_CALCULATOR_MARK = re.compile(r"<<[^<>\n]{1,200}>>")
_BOXED = re.compile(r"\\boxed\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Part:
    """One section of a reference as it is shown to a model: its name ('Image Description', 'Step 2') and its text."""

    name: str
    text: str
    key: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", key(self.text))


@dataclass(frozen=True, slots=True)
class Reference:
    """parts: every section with reasoning in it, without the answer.  answers: what the reference answers, in each way to say it."""

    parts: tuple[Part, ...]
    answers: tuple[str, ...]


def divide(reference: str) -> Reference:
    """The parts of a reference and its answer. A reference without headers is one part, its answer line cut off."""
    parsed = structure.parse(reference)
    answers = [reference[slice(*s.body)] for s in parsed.of(SectionKind.ANSWER)]
    if parsed.sections:
        kept = [s for s in parsed.sections if s.kind is not SectionKind.ANSWER]
        named = [("Preface", reference[: parsed.sections[0].header[0]])]
        named += [(_name(s.kind, s.number), reference[slice(*s.body)]) for s in kept]
    else:
        named = [("Reasoning", reference)]
    parts = []
    for name, text in named:
        answers += [m["answer"] for m in _ANSWER_LINE.finditer(text)] + _BOXED.findall(text)
        rest = _CALCULATOR_MARK.sub("", _ANSWER_LINE.sub("", text)).strip()
        if rest:
            parts.append(Part(name, rest))
    return Reference(tuple(parts), tuple(dict.fromkeys(way for answer in answers for way in _ways(answer))))


def _name(kind: SectionKind, number: int | None) -> str:
    if kind is SectionKind.STEP:
        return "Reasoning" if number is None else f"Step {number}"
    return {SectionKind.DESCRIPTION: DESCRIPTION, SectionKind.RATIONALE: "Rationales"}.get(kind, "Reasoning")


def _ways(answer: str) -> list[str]:
    """'B: 45' is also said 'B' and '45'; each as a canonical key."""
    bare = _ANNOUNCED.sub("", answer)
    ways = [answer, bare, *_BOXED.findall(answer)]
    chosen = _CHOSEN.match(bare)
    if chosen is not None:
        ways += [chosen["letter"], chosen["text"]]
    return [key(way) for way in ways if key(way)]


def key(text: str) -> str:
    """A text as its lower-cased tokens, without articles, marks and punctuation at its ends: what two copies share."""
    return "\x1f".join(_tokens(text))


def _tokens(text: str) -> list[str]:
    tokens = [t for t in tokenize(fold(text)) if t not in _MARKS]
    kept = [lower(t) for at, t in enumerate(tokens) if not _article(t, tokens[at + 1 : at + 2])]
    while kept and kept[-1] in _ENDS:
        kept.pop()
    while kept and kept[0] in _ENDS:
        kept.pop(0)
    return kept


def _article(token: str, following: list[str]) -> bool:
    """'a' is an article before a word; else it is a name. 'A' stays: it may be a point."""
    if token == "A" or token.lower() not in _ARTICLES:
        return False
    return token.lower() != "a" or bool(following and len(following[0]) > 1 and following[0].isalpha())


def find(element: str, part: Part) -> int | None:
    """Where an element stands in a part, in one piece, as a position in its key; None when it does not."""
    wanted = key(element)
    at = f"\x1f{part.key}\x1f".find(f"\x1f{wanted}\x1f") if wanted else -1
    return at if at >= 0 else None


def is_core(core: str, element: str) -> bool:
    """Whether a refinement is a piece of its element that still states the same: in one piece, no equation cut, no negation lost."""
    if len(core) > len(element):
        return False
    piece, whole = _tokens(core), _tokens(element)
    if not piece or _negations(core) != _negations(element):
        return False
    for at in range(len(whole) - len(piece) + 1):
        end = at + len(piece)
        if whole[at:end] == piece and _severs_nothing(whole, at, end):
            return True
    return False


def _severs_nothing(whole: list[str], at: int, end: int) -> bool:
    """Whether cutting whole[at:end] out leaves every formula it touches in one piece."""
    cuts = ([(whole[at - 1], whole[at])] if at else []) + ([(whole[end], whole[end - 1])] if end < len(whole) else [])
    return not any(
        outside in _OPERATORS or outside in _BRACKETS or outside.startswith("\\") or inside in _OPERATORS for outside, inside in cuts
    )


def is_equivalent(form: str, text: str) -> bool:
    """Whether a form may stand for a text as far as rules can tell: the same numbers, the same polarity, no foreign script, not vaguer.

    A text without numbers may gain number words ('isosceles': 'two equal sides') but no digits. A form with less than half
    of the text's words says less: it would be found where the text is not meant.
    """
    if not key(form) or 2 * _weight(form) < _weight(text):
        return False
    stated, added = _numbers(text), _numbers(form)
    if stated != added and (stated or any(c.isdigit() for c in form)):
        return False
    return _negations(form) == _negations(text) and _scripts(form) <= _scripts(text)


# '6/3' and '7 - 3' have two numbers each, whatever they make.
_RECKONED = re.compile(r"(?<=[\d)}])\s*[-/]\s*(?=[\d({])")


def _numbers(text: str) -> Counter[Number | str]:
    found: Counter[Number | str] = Counter()
    tokens = tokenize(_RECKONED.sub(" ; ", fold(text)))
    for word in words(tokens):
        if word.kind == NUMERAL or (word.kind == NAMED and str(word.concept).startswith("\u2220")):
            found[word.concept] += 1
        elif word.raw in FRACTION_WORDS:
            # 'half of 12' has the numbers of '1/2 * 12'; in 'two thirds' the numerator stands before it.
            before = words(tokens[max(word.token - 2, 0) : word.token])
            found.update([FRACTION_WORDS[word.raw]] if any(w.kind == NUMERAL for w in before) else [1, FRACTION_WORDS[word.raw]])
        elif word.raw in _OPERATION_WORDS:
            found[_OPERATION_WORDS[word.raw]] += 1
    found.update(SUPERSCRIPTS[c] for c in text if c in SUPERSCRIPTS)
    return found


def _negations(text: str) -> int:
    return sum(w.kind == NEGATOR for w in words(tokenize(fold(text)))) % 2


def _weight(text: str) -> int:
    return sum(w.kind in (CONTENT, NAMED, NUMERAL) for w in words(tokenize(fold(text))))


def _scripts(text: str) -> frozenset[str]:
    """Scripts besides those of mathematics, by the first word of a letter's Unicode name ('CJK', 'HANGUL')."""
    names = {unicodedata.name(c, "?").partition(" ")[0] for c in fold(text) if c.isalpha() and not c.isascii()}
    return frozenset(names - {"LATIN", "GREEK", "MATHEMATICAL", "SUPERSCRIPT", "SUBSCRIPT", "SCRIPT", "DOUBLE-STRUCK", "MODIFIER"})


def says_answer(form: str, reference: Reference) -> bool:
    """Whether a form gives the answer away: it is the answer, or announces one. An equation that yields it does not."""
    chosen = _CHOSEN.match(form)
    letter = chosen["letter"] if chosen is not None and not chosen["text"] else form
    return _ANNOUNCED.match(form) is not None or key(form) in reference.answers or key(letter) in reference.answers
