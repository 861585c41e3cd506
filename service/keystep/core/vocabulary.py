"""Which of a question's key concepts stand in which sentence of a rollout: one bit each, found at C speed.

A rollout is split at white space; what a chunk of text contains is remembered for all questions (``_ATOMS``), which bits that
sets is remembered for one. A sentence is then an integer, and the key steps it could state follow from a few masks. Bits only
propose: a sentence is taken apart before anything matches.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import ClassVar, Final

from rapidfuzz import fuzz

from keystep.core.canonical import Number, tokenize
from keystep.core.lexicon import CONCEPT, CONVERSE, EXCLUSIVE
from keystep.core.memo import Memo
from keystep.core.words import CONTENT, FRAME, NAMED, NUMERAL, UNIT, classify

# Two endings of one word: rapidfuzz ratio at least this, and this many letters in common at the beginning.
FUZZY_RATIO: Final = 86.0
FUZZY_PREFIX: Final = 4

# A longer run without white space is not worth remembering.
MAX_CHUNK: Final = 64

Atom = str | Number

# 'mid-point' is met as 'mid' and 'point'; its first half stands for it here.
_HALVES: Final = {word.partition("-")[0]: concept for word, concept in CONCEPT.items() if "-" in word}


def _atoms(chunk: str) -> tuple[Atom, ...]:
    out: list[Atom] = []
    for token in tokenize(chunk):
        kind, concept, low = classify(token)
        if kind in (CONTENT, FRAME, NAMED, NUMERAL, UNIT):
            out.append(concept)
        elif token == "A":
            out.append(token)
        half = _HALVES.get(low)
        if half is not None:
            out.append(half)
    return tuple(out)


# chunk of folded text -> its concepts, names and numbers
_ATOMS: Final = Memo(_atoms, limit=200_000, longest=MAX_CHUNK)


class Vocabulary(dict[Atom, int]):
    """atom -> the bits it sets, for the concepts of one question's key steps."""

    limit: ClassVar = 20_000

    def __init__(self, concepts: Iterable[str]) -> None:
        super().__init__()
        self._bits: dict[str, int] = {}
        for concept in concepts:
            self._bits.setdefault(concept, 1 << len(self._bits))
        self._beginnings: dict[str, list[str]] = {}
        for concept in self._bits:
            self._beginnings.setdefault(concept[:FUZZY_PREFIX], []).append(concept)
        # chunk of text -> its bits: the rollouts of one question share most of their words.
        self._chunks = Memo(self._chunk_bits, limit=50_000, longest=MAX_CHUNK)

    def __missing__(self, atom: Atom) -> int:
        if len(self) >= self.limit:
            self.clear()
        bits = self[atom] = self._concept_bits(atom) if isinstance(atom, str) else self._bits.get(f"\u2220{atom}", 0)
        return bits

    def bit(self, concept: str) -> int:
        return self._bits[concept]

    def _concept_bits(self, atom: str) -> int:
        bits = self._bits.get(atom, 0) | self._bits.get(CONVERSE.get(atom, atom), 0)
        for concept in self._beginnings.get(atom[:FUZZY_PREFIX], ()):
            if near(concept, atom):
                bits |= self._bits[concept]
        return bits

    def _chunk_bits(self, chunk: str) -> int:
        return reduce(or_, map(self.__getitem__, _ATOMS[chunk]), 0)

    def mask(self, folded: str) -> int:
        """One integer for a sentence: the bits of everything in it."""
        return reduce(or_, map(self._chunks.__getitem__, folded.split()), 0)


def near(concept: str, other: str) -> bool:
    """Another ending of the same word. rapidfuzz proposes; a shared beginning and no opposition decide."""
    if concept == other or len(concept) < 5 or len(other) < 5 or concept[:FUZZY_PREFIX] != other[:FUZZY_PREFIX]:
        return False
    if not (concept.isalpha() and other.isalpha()) or any(other in group for group in EXCLUSIVE.get(concept, ())):
        return False
    return fuzz.ratio(concept, other, score_cutoff=FUZZY_RATIO) >= FUZZY_RATIO
