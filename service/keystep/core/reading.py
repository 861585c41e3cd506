"""A rollout read once for all its key steps: sentences, and what each states, worked out when first asked for."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence

from keystep.core import guards
from keystep.core.canonical import TOKEN, Number, fold, lower
from keystep.core.equations import Relations, read
from keystep.core.lexer import NUM, Symbol, lex
from keystep.core.words import Word, words
from keystep.nouns import Span

# A full stop between digits ends nothing, nor does a line break before a line that goes on with "=".
_BOUNDARY = re.compile(r"[.!?](?=[\s*)\]\"'$\\]|$)(?<!\bvs\.)(?<!i\.e\.)(?<!e\.g\.)|[;\u3002\uff01\uff1f]|\n(?!\s*(?:&?\s*[=\u2248]|\\approx))")
# A sentence that may reckon: a digit, or an operation in words.
_RECKONS = re.compile(r"\d|\b(?:plus|minus|times|divided|multiplied|half of|equals)\b|[\u52a0\u51cf\u4e58\u9664\u7b49]")
# No sentence of a derivation is longer; a longer one is cut, so that work stays linear in the text.
MAX_SENTENCE = 1200


class Sentence:
    """One sentence. start, end: in the text.  low: lower-cased, folded."""

    __slots__ = ("_relations", "_symbols", "_tokens", "_words", "end", "folded", "low", "start")

    def __init__(self, folded: str, low: str, start: int, end: int) -> None:
        self.start, self.end = start, end
        self.folded, self.low = folded[start:end], low[start:end]
        self._tokens: list[str] | None = None
        self._symbols: list[Symbol] | None = None
        self._relations: Relations | None = None
        self._words: list[Word] | None = None

    @property
    def reckons(self) -> bool:
        return _RECKONS.search(self.low) is not None

    @property
    def words(self) -> list[Word]:
        if self._words is None:
            self._words = words(self.tokens)
        return self._words

    @property
    def tokens(self) -> list[str]:
        if self._tokens is None:
            self._tokens = TOKEN.findall(self.folded)
        return self._tokens

    @property
    def symbols(self) -> list[Symbol]:
        if self._symbols is None:
            bullet = bool(self.tokens) and self.tokens[0] in "-*+" and self.folded.lstrip()[1:2].isspace()
            self._symbols = lex(self.tokens, bullet=bullet)
        return self._symbols

    @property
    def relations(self) -> Relations:
        if self._relations is None:
            self._relations = read(self.symbols)
        return self._relations

    @property
    def values(self) -> list[Number]:
        """The numbers of the sentence, in order; list marks and 'Step 3' left out."""
        return [s.value for s in self.symbols if s.kind == NUM and not isinstance(s.value, str) and not self._is_label(s)]

    def source(self, first: int, last: int) -> str:
        """Tokens first..last as they were written (folded)."""
        start, end = self.span(first, last)
        return self.folded[start:end]

    def number_span(self) -> Span:
        """From the first number to the last, relative to the sentence."""
        at = [s.token for s in self.symbols if s.kind == NUM]
        return self.span(at[0], at[-1]) if at else (0, 0)

    def _is_label(self, symbol: Symbol) -> bool:
        before = self.tokens[symbol.token - 1].lower() if symbol.token else ""
        return before in ("step", "question", "problem", "figure", "fig", "option", "table", "#")

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


class Reading:
    """The sentences of the regions of one text."""

    def __init__(self, text: str, regions: Sequence[Span]) -> None:
        self.folded = fold(text)
        self.low = lower(self.folded)
        self.sentences: list[Sentence] = []
        for start, end in regions:
            self._split(max(0, start), min(len(text), end))
        self._starts = [s.start for s in self.sentences]

    def _split(self, start: int, end: int) -> None:
        at = start
        for boundary in _BOUNDARY.finditer(self.folded, start, end):
            self._append(at, boundary.end())
            at = boundary.end()
        self._append(at, end)

    def _append(self, start: int, end: int) -> None:
        while end - start > MAX_SENTENCE:
            self._append(start, start + MAX_SENTENCE)
            start += MAX_SENTENCE
        if self.folded[start:end].strip():
            self.sentences.append(Sentence(self.folded, self.low, start, end))

    def at(self, position: int) -> int:
        """Index of the sentence that holds a position."""
        return max(0, bisect_right(self._starts, position) - 1)

    def denied(self, index: int, start: int, end: int, *, equation: bool) -> str | None:
        """Whether the statement at start:end (relative to sentence ``index``) is negated, hypothetical or retracted there."""
        sentence = self.sentences[index]
        reason = guards.denied(sentence.low, start, end, equation=equation)
        if reason is not None:
            return reason
        following = self.sentences[index + 1].low[:200] if index + 1 < len(self.sentences) else ""
        after = self.sentences[index + 2].low[:200] if index + 2 < len(self.sentences) else ""
        if guards.retracted(sentence.low[end:]) or guards.retracted(following, after):
            return "retracted"
        return None
