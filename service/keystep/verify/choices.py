"""Multiple choice: which option does an answer name, by its letter, by its text, or by both?

With options, a letter is a label ('A' is the first), even where the options are letters themselves.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from keystep.nouns import noun
from keystep.verify import number
from keystep.verify.text import bare, fold, level, plain

# 'B', '(B)', 'B.', 'B: 45', '(B) 45', 'Option B', 'B) -1'; a letter followed by a space and words is an article or a word.
_LABEL: Final = re.compile(
    r"(?:the\s+)?(?:correct\s+)?(?:option|choice|answer|선택지|보기|选项|選項)?\s*:?\s*(?:is\s+)?[(\[]?\s*([A-Za-z])"
    r"(?:\s*[)\].:,]+(?P<rest>.*)|\s*(?P<paren>\(.*)|\s*(?:번|项|項)?|[)\]]?\s+is\s+(?:the\s+)?(?:correct|right)(?:\s+(?:answer|option|choice|one))?)",
    re.IGNORECASE | re.DOTALL,
)
_LABEL_DASH: Final = re.compile(r"([A-Z])\s+-\s+(?P<rest>\S.*)", re.DOTALL)
_LISTED: Final = re.compile(r"(?:^|[\s,;:])\(?([A-Z])\s*[).:]\s*(.+?)(?=(?:[\s,;]+\(?[A-Z]\s*[).:]\s)|\s*$)", re.DOTALL)
_LISTED_LINE: Final = re.compile(r"^\s*\(?([A-Z])\s*[).:]\s*(\S.*?)\s*$", re.MULTILINE)
_OFFERED: Final = re.compile(
    r"[(\[]?[A-Za-z][)\].]?(?:\s*(?:,\s*(?:and|or)\b|,|/|&|\bor\b|\band\b|或|和|또는|및)\s*[(\[]?[A-Za-z](?![A-Za-z])[)\].]?)+(?:\s*[.:].*)?",
    re.DOTALL,
)
_BETWEEN_WORDS: Final = re.compile(r"(?<!\d) | (?!\d)")
_NEGATED: Final = re.compile(r"\b(?:not|no|never|neither|except|isn't|incorrect|wrong)\b", re.IGNORECASE)


@noun
class Pick:
    """label: 0 for A; None when no letter was given.  text: what stood beside the letter, or the answer itself."""

    label: int | None
    text: str


@lru_cache(maxsize=2048)
def pick(answer: str, count: int | None) -> Pick:
    """Read an answer as letter and text. count: how many options there are; letters beyond it are no labels."""
    text = bare(level(answer).replace("**", ""))
    for candidate in dict.fromkeys((text, plain(answer))):
        for pattern in (_LABEL, _LABEL_DASH):
            match = pattern.fullmatch(candidate)
            if match is None:
                continue
            label = ord(match[1].upper()) - ord("A")
            rest = (match["rest"] or "").strip() if pattern is _LABEL_DASH or not match["paren"] else match["paren"].strip()
            if label < (count if count is not None else 26) and not (
                match[1].islower() and rest and "(" not in candidate[:3] and ")" not in candidate[:3]
            ):
                return Pick(label, rest)
    return Pick(None, text)


def several(answer: str, count: int | None) -> frozenset[int]:
    """The labels of an answer that offers two or more ('A or B', 'B, D', 'A and C'); empty for any other answer."""
    text = plain(answer.strip().replace("\n", ", "))
    if _OFFERED.fullmatch(text) is None:
        return frozenset()
    labels = frozenset(ord(x) - ord("A") for x in re.findall(r"(?<![A-Za-z])[A-Z](?![A-Za-z])", text.upper()))
    return labels if len(labels) > 1 and max(labels) < (count if count is not None else 26) else frozenset()


def by_text(answer: str, choices: tuple[str, ...]) -> list[int]:
    """The options whose text answer is: equal as words or as numbers, else the one option that is named within it."""
    exact = [i for i, choice in enumerate(choices) if same(answer, choice)]
    if exact:
        return exact
    if (found := number.parse(answer)) is not None:
        values = [number.parse(choice) for choice in choices]
        return [i for i, v in enumerate(values) if v is not None and v.value == found.value and not (v.unit and found.unit)]
    folded = f" {fold(answer)} "
    named = [i for i, choice in enumerate(choices) if len(fold(choice)) > 2 and f" {fold(choice)} " in folded]
    named = [i for i in named if not any(j != i and fold(choices[i]) in fold(choices[j]) for j in named)]
    return named if len(named) == 1 and _NEGATED.search(answer) is None and len(answer) < 300 else []


def run_together(answer: str, choices: tuple[str, ...]) -> int | None:
    """The option whose letter and text answer is, with nothing between them ('E2' where option E is 2)."""
    text = bare(level(answer))
    label = ord(text[0]) - ord("A") if text else -1
    return label if 0 <= label < len(choices) and text[1:2].strip() and same(text[1:], choices[label]) else None


def same(one: str, other: str) -> bool:
    """Equal as words, or exactly equal as numbers with the same unit."""
    a, b = fold(one), fold(other)
    if a == b:
        return bool(a) or one.strip() == other.strip()
    if squeeze(a) == squeeze(b) and len(squeeze(a)) > 2:
        return True
    x, y = number.parse(one), number.parse(other)
    return x is not None and y is not None and x.value == y.value and squeeze(fold(x.unit or "-")) == squeeze(fold(y.unit or "-"))


def squeeze(text: str) -> str:
    """text without its spaces, but for those that part two numerals."""
    return _BETWEEN_WORDS.sub("", text)


@lru_cache(maxsize=1024)
def in_question(question: str) -> tuple[str, ...]:
    """Options listed in a question's text ('(A) yes (B) no', 'A:40°' a line each), in order from A; () when there are none."""
    for pattern in (_LISTED_LINE, _LISTED):
        found: dict[str, str] = {}
        for letter, text in pattern.findall(question[-4000:]):
            if ord(letter) - ord("A") == len(found):
                found[letter] = text.strip()
        if len(found) >= 2:
            return tuple(found.values())
    return ()
