"""A rollout read once for all its key steps: sentences, and what each states, worked out when first asked for.

Most of a rollout states nothing a key step asks for, so the text is only cut here; signs and words that can state a relation
are found at C speed, and a sentence is taken apart only when something in it is wanted.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from math import ceil, floor
from typing import Final

from mypy_extensions import mypyc_attr

from keystep.core import guards, plain
from keystep.core.canonical import FRACTION_WORDS, NUMBER_WORDS, SCALE_WORDS, TOKEN, Number, fold, lower, magnitude, tokenize
from keystep.core.equations import Relations, read
from keystep.core.lazy import lazy
from keystep.core.lexer import NUM, Symbol, lex
from keystep.core.memo import Memo
from keystep.core.words import Wording
from keystep.nouns import Span

# What ends a sentence: a semicolon, a line's end, a full stop of Chinese; a stop with space or a closing mark after it, unless it
# abbreviates.
_ENDS: Final = (";", "\n", "\u3002", "\uff01", "\uff1f")
_ASCII_ENDS: Final = (";", "\n")
_STOPS: Final = (".", "!", "?")
_CLOSES: Final = frozenset(" \t\r\n*)]\"'$\\\u3000")
_ABBREVIATES: Final = frozenset(("e.g.", "i.e.", " vs.", "fig.", " eq.", " no."))
# A line that goes on with a relation sign goes on with the sentence, whatever blank lines there are before it.
_CONTINUED: Final = re.compile(r"\n[^\S\n]*+(?:&\s*+)?+(?:[=\u2248]|\\approx)")
# No sentence of a derivation is longer; a longer one is cut, so that work stays linear in the text.
MAX_SENTENCE: Final = 1200

# Signs and words that can state a relation. In ASCII text signs are looked for one by one, and LaTeX by its backslash: many times
# faster than a class of characters or a list of words.
_RELATION: Final = re.compile("[=\u2248\u2260<>\u2264\u2265\u7b49\u2245]")
_RELATION_SIGNS: Final = "=<>"
_RELATION_WORDS: Final = ("equal", "greater than", "less than", "more than")
_RELATION_LATEX: Final = re.compile(r"\\(?:approx|ne|le|ge|lt|gt|cong|equiv|simeq)")
# "25% of 80 is 20": an operation, and a verb for the sign.
_OPERATION: Final = re.compile("[+*/%^\u52a0\u51cf\u4e58\u9664\u00b2\u00b3]")
_OPERATION_SIGNS: Final = "+*/%^"
_OPERATION_WORDS: Final = (
    "plus",
    "minus",
    "times",
    "divided",
    "multiplied",
    "squared",
    "cubed",
    "half",
    "percent",
    "third",
    "quarter",
    "th of",
)
_OPERATION_LATEX: Final = re.compile(r"\\(?:frac|times|cdot)")
_VERB: Final = re.compile(r"\b(?:is|are|was|were|gives|giving|makes|yields|leaves|totals|becomes)\b|[\u662f\u7b49]")


# What an integer may be called; a larger one is named with one of the scales.
_SPOKEN: Final[dict[int, tuple[str, ...]]] = {}
for _word, _value in NUMBER_WORDS.items():
    _SPOKEN[_value] = (*_SPOKEN.get(_value, ()), _word)
# Where "third" is not, "thirds" is not either.
_PARTS: Final = tuple(word for word in FRACTION_WORDS if not any(other != word and other in word for other in FRACTION_WORDS))
_SCALES: Final = (*SCALE_WORDS, *(word for word, value in NUMBER_WORDS.items() if value >= 20 and word.isascii()))
_GLUED: Final = re.compile(r"frac\s*\d")  # \\frac12
_DECIMAL: Final = re.compile(r"\.\d+")
_ROUNDED: Final = 1.001  # no further from a number is one that it rounds to, or that rounds to it


@mypyc_attr(native_class=False)
class Sentence:
    """One sentence, wherever it stands. folded: its plain form; low: in lower case."""

    def __init__(self, folded: str) -> None:
        self.folded = folded

    @lazy
    def low(self) -> str:
        return lower(self.folded)

    @lazy
    def tokens(self) -> list[str]:
        return tokenize(self.folded)

    @lazy
    def _bullet(self) -> bool:
        return bool(self.tokens) and self.tokens[0] in "-*+" and self.folded.lstrip()[1:2].isspace()

    @lazy
    def _letters(self) -> str:
        letters = plain.letters(self.tokens)
        return "b" + letters[1:] if self._bullet else letters

    @lazy
    def symbols(self) -> list[Symbol]:
        return lex(self.tokens, bullet=self._bullet)

    @lazy
    def relations(self) -> Relations:
        return plain.relations(self.tokens, self._letters) or read(self.symbols)

    @lazy
    def wording(self) -> Wording:
        return Wording(self.tokens)

    @lazy
    def plain(self) -> bool:
        """Whether no word of it could deny or suppose."""
        return guards.is_plain(self.tokens)

    @lazy
    def _numbers(self) -> list[tuple[Number, int]]:
        """Each number, and its token."""
        found = plain.numbers(self.tokens, self._letters)
        if found is None:
            found = [(value, token) for kind, value, _, token in self.symbols if kind == NUM and not isinstance(value, str)]
        return found

    @property
    def values(self) -> list[Number]:
        """The numbers of the sentence, in order; those of "Step 3" and the like left out."""
        return [value for value, token in self._numbers if not self._is_label(token)]

    def _is_label(self, token: int) -> bool:
        before = self.tokens[token - 1].lower() if token else ""
        return before in ("step", "question", "problem", "figure", "fig", "option", "table", "#")

    def numbers_at(self) -> tuple[int, int]:
        """The tokens of the first and the last number."""
        return (self._numbers[0][1], self._numbers[-1][1]) if self._numbers else (0, 0)

    def span(self, first: int, last: int) -> Span:
        """Where tokens first..last stand, relative to the sentence."""
        start = end = 0
        for at, found in enumerate(TOKEN.finditer(self.folded)):
            if at == first:
                start = found.start()
            if at == last:
                end = found.end()
                break
        return start, max(end, start)

    def source(self, first: int, last: int) -> str:
        """Tokens first..last as they were written (folded)."""
        start, end = self.span(first, last)
        return self.folded[start:end]


# The rollouts of a question share many of their sentences.
_SENTENCES: Final = Memo(Sentence, limit=2048, longest=MAX_SENTENCE)


@mypyc_attr(native_class=False)
class Reading:
    """The sentences of the regions of one text."""

    def __init__(self, text: str, regions: Sequence[Span]) -> None:
        self.folded = fold(text)
        self.low = lower(self.folded)
        self.regions = [(max(0, start), min(len(text), end)) for start, end in regions]
        self._sentences: dict[int, Sentence] = {}

    @lazy
    def bounds(self) -> list[Span]:
        """Where each sentence stands."""
        out: list[Span] = []
        for start, end in self.regions:
            self._split(start, end, out)
        return out

    def _split(self, start: int, end: int, out: list[Span]) -> None:
        folded = self.folded
        ends = self._ends[bisect_right(self._ends, start) : bisect_right(self._ends, end)]
        if (not ends or ends[-1] != end) and self._stops(end):
            ends.append(end)
        for on in reversed(list(_CONTINUED.finditer(folded, start, end))):
            first = len(folded[start : on.start() + 1].rstrip()) + start
            low, high = bisect_right(ends, first), bisect_right(ends, on.start() + 1)
            ends[low:high] = [at for at in ends[low:high] if folded[at - 1] != "\n"]
        at = start
        for stop in ends:
            if stop - at > 1:
                if stop - at > MAX_SENTENCE:
                    _append(at, stop, out)
                else:
                    out.append((at, stop))
            at = stop
        _append(at, end, out)

    @lazy
    def _ends(self) -> list[int]:
        """Behind each character that ends a sentence, in order. Each is searched for by itself, at C speed."""
        folded, low, out = self.folded, self.low, []
        for mark in _ENDS if not folded.isascii() else _ASCII_ENDS:
            at = folded.find(mark) + 1
            while at:
                out.append(at)
                at = folded.find(mark, at) + 1
        for mark in _STOPS:
            at = folded.find(mark) + 1
            while at:
                if (at == len(folded) or folded[at] in _CLOSES) and low[max(0, at - 4) : at] not in _ABBREVIATES:
                    out.append(at)
                at = folded.find(mark, at) + 1
        out.sort()
        return out

    def _stops(self, end: int) -> bool:
        """Whether a stop before ``end`` ends a sentence, if what follows lets it."""
        return end > 0 and self.folded[end - 1] in _STOPS and self.low[max(0, end - 4) : end] not in _ABBREVIATES

    def sentence(self, index: int) -> Sentence:
        found = self._sentences.get(index)
        if found is None:
            start, end = self.bounds[index]
            found = self._sentences[index] = _SENTENCES[self.folded[start:end]]
        return found

    @lazy
    def _starts(self) -> list[int]:
        return [start for start, _ in self.bounds]

    def at(self, position: int) -> int:
        """Index of the sentence that holds a position."""
        return max(0, bisect_right(self._starts, position) - 1)

    @lazy
    def stating(self) -> list[int]:
        """The sentences with a sign or a word that can state a relation, in order."""
        if not self.bounds:
            return []
        found = self._with(_RELATION, _RELATION_SIGNS, _RELATION_LATEX, _RELATION_WORDS)
        for i in self._with(_OPERATION, _OPERATION_SIGNS, _OPERATION_LATEX, _OPERATION_WORDS) - found:
            start, end = self.bounds[i]
            if _VERB.search(self.low, start, end) and not self.low[start:end].isalpha():
                found.add(i)
        folded, at = self.folded, self.low.find(" is ")
        while at > 0:
            # "x is 9", "AD is half of ...": a name before the verb.
            if folded[at - 1].isupper() or folded[at - 1].isdecimal() or (at > 1 and folded[at - 2].isspace() and folded[at - 1].isalpha()):
                found.add(self.at(at))
            at = self.low.find(" is ", at + 3)
        return sorted(found)

    def _with(self, signs: re.Pattern[str], ascii_signs: str, latex: re.Pattern[str], words: tuple[str, ...]) -> set[int]:
        """The sentences in which one of the signs or words stands. Each sentence is found once a sign; the rest is skipped."""
        low, bounds, starts, found = self.low, self.bounds, self._starts, set[int]()
        for pattern in (latex,) if low.isascii() else (signs, latex):
            until = 0
            for sign in pattern.finditer(low) if pattern is signs or "\\" in low else ():
                at = sign.start()
                if at >= until:
                    i = self.at(at)
                    until = bounds[i][1]
                    found.add(i)
        for word in (*ascii_signs, *words) if low.isascii() else words:
            at = low.find(word)
            while at >= 0:
                i = max(0, bisect_right(starts, at) - 1)
                found.add(i)
                at = low.find(word, max(at + 1, bounds[i][1] - len(word)))
        return found

    def bearing(self, value: Number) -> Sequence[int]:
        """The sentences in which a number may stand, in digits or in words, exact or rounded."""
        if not self.bounds:
            return ()
        if not self._in_figures or self._may_say(value):
            return range(len(self.bounds))
        wanted: Number = magnitude(value)
        found = {self.at(at) for at, other in self._decimals if other == wanted or abs(other - wanted) <= _ROUNDED}
        whole = [wanted] if isinstance(wanted, int) else range(ceil(wanted - _ROUNDED), floor(wanted + _ROUNDED) + 1)
        for digits in {written for n in whole for written in (str(n), f"{n:,}")}:
            found.update(map(self.at, self._standing(digits)))
        return sorted(found)

    def _may_say(self, value: Number) -> bool:
        """Whether words may stand for the number."""
        if not isinstance(value, int):
            return self._says_scales or self._says_fractions
        spoken = _SPOKEN.get(abs(value))
        return self._says_scales if spoken is None else any(word in self.low for word in spoken)

    @lazy
    def _says_scales(self) -> bool:
        return any(word in self.low for word in _SCALES)

    @lazy
    def _says_fractions(self) -> bool:
        return any(word in self.low for word in _PARTS)

    def _standing(self, digits: str) -> list[int]:
        """Where digits stand, no part of more of them."""
        low, out = self.low, []
        at = low.find(digits)
        while at >= 0:
            end = at + len(digits)
            if not (at and low[at - 1].isdigit()) and not (end < len(low) and low[end].isdigit()):
                out.append(at)
            at = low.find(digits, end)
        return out

    @lazy
    def _in_figures(self) -> bool:
        """Whether every number but those in words is written in digits that stand by themselves."""
        low = self.low
        return low.isascii() and not ("{,}" in low or "\\," in low or "\\!," in low or ("frac" in low and _GLUED.search(low)))

    @lazy
    def _decimals(self) -> list[tuple[int, float]]:
        """Where the decimals of the text stand, and about what they are worth."""
        low, out = self.low, []
        for point in _DECIMAL.finditer(low):
            start = at = point.start()
            while start and (low[start - 1].isdigit() or low[start - 1] == ","):
                start -= 1
            out.append((start, float(low[start:at].replace(",", "") + point[0])))
        return out

    @lazy
    def _may_retract(self) -> bool:
        return guards.mentions_retraction(self.low)

    def span(self, index: int, first: int, last: int) -> Span:
        """Where tokens first..last of a sentence stand in the text."""
        at = self.bounds[index][0]
        start, end = self.sentence(index).span(first, last)
        return at + start, at + end

    def denied(self, index: int, first: int, last: int, *, equation: bool) -> str | None:
        """Whether the statement at tokens first..last of sentence ``index`` is negated, hypothetical or retracted there."""
        sentence = self.sentence(index)
        if sentence.plain and not self._may_retract:
            return None
        start, end = sentence.span(first, last)
        reason = None if sentence.plain else guards.denied(sentence.low, start, end, equation=equation)
        if reason is not None or not self._may_retract:
            return reason
        following = self._low(index + 1)
        if guards.retracted(sentence.low[end:]) or guards.retracted(following, self._low(index + 2)):
            return "retracted"
        return None

    def _low(self, index: int) -> str:
        """The beginning of a sentence; empty lines are none."""
        if index >= len(self.bounds):
            return ""
        start, end = self.bounds[index]
        return self.low[start : min(end, start + 200)]


def _append(start: int, end: int, out: list[Span]) -> None:
    while end - start > MAX_SENTENCE:
        out.append((start, start + MAX_SENTENCE))
        start += MAX_SENTENCE
    if end > start:
        out.append((start, end))
