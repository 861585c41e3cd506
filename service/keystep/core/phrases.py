"""Text key steps against one sentence: coverage proposes, agreement decides.

A score is the weighted share of a key step's concepts that the sentence has. Whatever the coverage, a statement about
other numbers, units, colours, names, exclusive concepts ("increasing" for "decreasing"), the other polarity or exchanged
roles ("Ben is taller than Anna") is another statement: its score is 0 and ``blocked`` says which gate stood in the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from keystep.core.canonical import Number, tokenize
from keystep.core.lexicon import ASYMMETRIC, COLOUR, CONVERSE, EXCLUSIVE, HEAD_STOPS, UNITS
from keystep.core.vocabulary import near
from keystep.core.words import CLAUSE, CONTENT, FRAME, NAMED, NEGATOR, NUMERAL, SMALL, UNIT, Word, Wording, is_be, verbatim, words
from keystep.nouns import noun

# What a concept weighs in coverage.
WEIGHTS: Final = {CONTENT: 1.0, FRAME: 0.25, NAMED: 1.5}
MIN_COVERAGE: Final = 0.4
# A concept with another word in its place ("35% chose coffee" for "35% chose tea") costs this much of the score.
REPLACED: Final = 0.75


@dataclass(frozen=True)
class Phrase:
    """A form of a key step as a statement.

    weights: concept -> weight, in order of appearance.  numbers: (value, head concept, unit) of each number.
    colours: (colour, head concept).  negated: its own polarity.  pivot: the asymmetric concept whose sides matter.
    exact: its tokens in a row, as ``words.verbatim`` writes them.
    """

    words: tuple[Word, ...]
    weights: dict[str, float]
    numbers: tuple[tuple[Number, str | None, str | None], ...]
    colours: tuple[tuple[str, str | None], ...]
    names: frozenset[str]
    negated: bool
    pivot: str | None
    exact: str


@noun
class PhraseMatch:
    """score in [0, 1]; blocked: the gate that forbids it; first, last: tokens of the sentence; exact: verbatim."""

    score: float
    blocked: str | None
    first: int
    last: int


def phrase(folded: str) -> Phrase:
    tokens = tokenize(folded)
    found = words(tokens)
    weights: dict[str, float] = {}
    for word in found:
        if word.kind in WEIGHTS:
            concept = str(word.concept)
            weights[concept] = max(weights.get(concept, 0.0), WEIGHTS[word.kind])
    return Phrase(
        words=tuple(found),
        weights=weights,
        numbers=tuple(_numbers(found)),
        colours=tuple(_colours(found)),
        names=frozenset(str(w.concept) for w in found if w.kind == NAMED),
        negated=sum(w.kind == NEGATOR for w in found) % 2 == 1,
        pivot=_pivot(found),
        exact=verbatim(tokens),
    )


def _numbers(found: list[Word]) -> list[tuple[Number, str | None, str | None]]:
    out = []
    for i, word in enumerate(found):
        if word.kind == NUMERAL and not isinstance(word.concept, str):
            out.append((word.concept, _head(found, i), _unit(found, i)))
    return out


def _unit(found: list[Word], i: int) -> str | None:
    for at in (i + 1, i - 1):
        if 0 <= at < len(found) and found[at].kind == UNIT and (at > i or found[at].raw in "$\u20ac\u00a3"):
            return found[at].raw
    return None


def _colours(found: list[Word]) -> list[tuple[str, str | None]]:
    """(colour, noun) of "a red ball" and of "the ball is red"."""
    out: list[tuple[str, str | None]] = []
    for i, word in enumerate(found):
        if word.concept in COLOUR:
            head = _head(found, i)
            if head is None and i > 1 and is_be(found[i - 1]) and found[i - 2].kind in (CONTENT, FRAME):
                head = str(found[i - 2].concept)
            out.append((str(word.concept), head))
    return out


def _head(found: list[Word], i: int) -> str | None:
    """The noun a number or colour stands to: the last concept of the run that begins after it, at most four words on."""
    head = None
    token = found[i].token
    for word in found[i + 1 : i + 6]:
        if word.kind == UNIT and head is None:
            token = word.token
            continue
        if word.kind not in (CONTENT, FRAME) or word.token > token + 2 or word.concept in HEAD_STOPS:
            break
        if word.concept in COLOUR and head is not None:
            break
        head, token = str(word.concept), word.token
    return head


def counted(found: list[Word], value: Number) -> str | None:
    """What the last mention of a number counts: 'apples' of "6 / 3 = 2 apples"."""
    heads = [_head(found, i) for i, w in enumerate(found) if w.kind == NUMERAL and w.concept == value]
    return heads[-1] if heads else None


def _pivot(found: list[Word]) -> str | None:
    """The concept that sets one side over the other: 'than', or an asymmetric relation with a word on both sides."""
    if any(w.raw == "than" for w in found):
        return "than"
    for i, word in enumerate(found):
        if word.concept in ASYMMETRIC and any(w.kind in WEIGHTS for w in found[:i]) and any(w.kind in WEIGHTS for w in found[i + 1 :]):
            return str(word.concept)
    return None


def compare(wanted: Phrase, wording: Wording) -> PhraseMatch | None:
    """How well a sentence states the phrase; None when it shares nothing worth reporting."""
    sentence, have = wording.words, wording.have
    if not sentence:
        return None
    met: dict[str, str] = {}
    for concept in wanted.weights:
        own = concept if concept in have else _near(concept, have) or _converse(concept, have)
        if own is not None:
            met[concept] = own
    total = sum(wanted.weights.values())
    score = sum(wanted.weights[c] for c in met) / total if total else (1.0 if wanted.numbers else 0.0)
    if score < MIN_COVERAGE:
        return None
    window = _window(wanted, sentence, have, met)
    blocked = _blocked(wanted, wording, met, window)
    if score < 1.0 and _replaced(wanted, sentence, have, met):
        score *= REPLACED
    return PhraseMatch(0.0 if blocked else score, blocked, sentence[window[0]].token, sentence[window[1]].token)


def _near(concept: str, have: dict[str, list[int]]) -> str | None:
    return next((other for other in have if near(concept, other)), None)


def _converse(concept: str, have: dict[str, list[int]]) -> str | None:
    other = CONVERSE.get(concept)
    return other if other is not None and other in have else None


def _excludes(a: str, b: str) -> bool:
    return a != b and any(b in group for group in EXCLUSIVE.get(a, ()))


def _window(wanted: Phrase, sentence: list[Word], have: dict[str, list[int]], met: dict[str, str]) -> tuple[int, int]:
    """The shortest run of the sentence's words with every concept that was met (and, else, the numbers)."""
    needed = set(met.values())
    values = {v for v, _, _ in wanted.numbers}
    if not needed:
        hits = [i for i, w in enumerate(sentence) if w.kind == NUMERAL and w.concept in values]
        return (hits[0], hits[0]) if hits else (0, len(sentence) - 1)
    positions = sorted((i, c) for c in needed for i in have[c])
    counts: dict[str, int] = {}
    best, left = (0, len(sentence) - 1), 0
    for i, concept in positions:
        counts[concept] = counts.get(concept, 0) + 1
        while counts[positions[left][1]] > 1:
            counts[positions[left][1]] -= 1
            left += 1
        if len(counts) == len(needed) and i - positions[left][0] < best[1] - best[0]:
            best = (positions[left][0], i)
    return best


def _blocked(wanted: Phrase, wording: Wording, met: dict[str, str], window: tuple[int, int]) -> str | None:
    sentence, have = wording.words, wording.have
    if wanted.names and not wanted.names <= have.keys():
        return "other_name"
    reason = _numbers_differ(wanted, sentence) or _colours_differ(wanted, sentence, have)
    if reason is not None:
        return reason
    exchanged = _roles(wanted, sentence) if wanted.pivot is not None else None
    turned = [c for c, own in met.items() if own == CONVERSE.get(c)]
    if turned:
        if exchanged is not True:
            return "opposite"
    elif exchanged is True:
        return "roles_exchanged"
    if len(met) < len(wanted.weights):
        for concept in wanted.weights:
            if (
                concept not in met
                and concept in EXCLUSIVE
                and any(_excludes(concept, other) and other not in wanted.weights for other in have)
            ):
                return "opposite"
    if _negated(sentence, window, set(met.values())) != wanted.negated:
        return "negated"
    return None


def _replaced(wanted: Phrase, sentence: list[Word], have: dict[str, list[int]], met: dict[str, str]) -> bool:
    """Whether another content word stands where a missing concept should: right after the concept that precedes it."""
    concepts = list(wanted.weights)
    own = set(met.values())
    for at, concept in enumerate(concepts):
        if concept in met or wanted.weights[concept] < 1.0:
            continue
        before = next((met[c] for c in reversed(concepts[:at]) if c in met), None)
        after = next((met[c] for c in concepts[at + 1 :] if c in met), None)
        for anchor, step in ((before, 1), (after, -1)):
            for i in have.get(anchor, ()) if anchor is not None else ():
                j = i + step
                while 0 <= j < len(sentence) and sentence[j].kind in (SMALL, FRAME):
                    j += step
                if 0 <= j < len(sentence) and sentence[j].kind in (CONTENT, NAMED) and str(sentence[j].concept) not in own:
                    return True
    return False


def _numbers_differ(wanted: Phrase, sentence: list[Word]) -> str | None:
    if not wanted.numbers:
        return None
    stated = _numbers(sentence)
    accepted: set[Number] = set()
    for value, head, unit in wanted.numbers:
        same = [s for s in stated if s[0] == value]
        if unit is not None:
            same = [s for s in same if s[2] is None] + [s for s in stated if s[2] is not None and _same_quantity(value, unit, s[0], s[2])]
            if not same and any(s[0] == value and s[2] is not None for s in stated):
                return "other_unit"
        if not same and not (value == 1 and head is not None and _has_article(head, sentence)):
            return "other_number"
        accepted |= {s[0] for s in same}
        if head is None:
            continue
        # 3 cubes and 2 spheres: the noun's own number decides where it has one, and a number that counts something else does not.
        bound = [s[0] for s in stated if s[1] == head]
        elsewhere = same and all(s[1] is not None and s[1] != head and s[1] not in wanted.weights for s in same)
        if (bound and value not in bound and not any(s[1] == head for s in same)) or (
            elsewhere and any(w.concept == head for w in sentence)
        ):
            return "other_number"
    values = {v for v, _, _ in wanted.numbers}
    if len(values) == 2 and _runs_from(wanted.words) and _runs_from(sentence):
        order = [s[0] for s in stated if s[0] in values]
        if order and order[0] != wanted.numbers[0][0]:
            return "other_number"
    return "other_number" if accepted and _paired_otherwise(wanted, accepted, sentence) else None


def _runs_from(found: Sequence[Word]) -> bool:
    """Whether it says from where to where."""
    raw = {w.raw for w in found}
    return "from" in raw and "to" in raw


def _paired_otherwise(wanted: Phrase, accepted: set[Number], sentence: list[Word]) -> bool:
    """Whether the numbers stand in another clause than what they belong to.

    "In 2018 it was 45 and in 2019 it was 50" does not say that it was 45 in 2019, nor "Oslo has 760, Rome has 800" that Oslo has 800.
    """
    clauses: list[tuple[set[str], set[Number]]] = [(set(), set())]
    for word in sentence:
        if word.kind == CLAUSE or word.raw == "and":
            clauses.append((set(), set()))
        elif word.kind == NUMERAL and not isinstance(word.concept, str):
            clauses[-1][1].add(word.concept)
        elif word.kind in WEIGHTS:
            clauses[-1][0].add(str(word.concept))
    things = {c for c, w in wanted.weights.items() if w >= 1.0 and c not in UNITS}
    values = {v for v, _, _ in wanted.numbers}
    if len(values) > 1:
        return not any(values <= numbers for _, numbers in clauses) and any(n & values and n - values for _, n in clauses)
    if not things or any(things <= concepts and numbers & accepted for concepts, numbers in clauses):
        return False
    return any(things <= concepts and numbers for concepts, numbers in clauses)


def _same_quantity(value: Number, unit: str, other: Number, other_unit: str) -> bool:
    dimension, factor = UNITS[unit]
    other_dimension, other_factor = UNITS[other_unit]
    return dimension == other_dimension and Fraction(value) * factor == Fraction(other) * other_factor


def _has_article(head: str, sentence: list[Word]) -> bool:
    """'a red sphere' says one, unless a number is put to the noun."""
    return any(word.kind == SMALL and word.raw in ("a", "an") and _head(sentence, i) == head for i, word in enumerate(sentence))


def _colours_differ(wanted: Phrase, sentence: list[Word], have: dict[str, list[int]]) -> str | None:
    for colour, head in wanted.colours:
        if colour not in have:
            return "other_colour" if any(c in COLOUR for c in have) else "no_colour"
        if head is None or head not in have:
            continue
        bound = [c for c, noun in _colours(sentence) if noun == head]
        if bound and colour not in bound:
            return "other_colour"
    return None


def _roles(wanted: Phrase, sentence: list[Word]) -> bool | None:
    """True when the sides of the pivot are exchanged, False when they stand as wanted, None when it cannot be told."""
    pivot = wanted.pivot
    if pivot is None:
        return None
    mine = _sides(list(wanted.words), pivot)
    theirs = _sides(sentence, pivot) or _sides(sentence, CONVERSE.get(pivot, pivot))
    if mine is None or theirs is None:
        return None
    before, after = mine[0] - mine[1], mine[1] - mine[0]
    straight = bool(before & theirs[0]) + bool(after & theirs[1])
    crossed = bool(before & theirs[1]) + bool(after & theirs[0])
    if straight == crossed:
        return None
    return (crossed > straight) != (mine[2] != theirs[2])


def _sides(found: list[Word], pivot: str) -> tuple[set[str], set[str], bool] | None:
    """The concepts before and after the pivot, within its clause where that has both; and whether it is passive."""
    for i, word in enumerate(found):
        if (word.raw if pivot == "than" else word.concept) != pivot:
            continue
        before = {str(w.concept) for w in found[:i] if w.kind in (CONTENT, NAMED, NUMERAL)}
        later = [str(w.concept) for w in found[i + 1 :] if w.kind in (CONTENT, NAMED, NUMERAL)]
        # "To the right of the door hangs a clock": what comes right after the pivot is its object.
        after = set(later) if before else set(later[:1])
        before = before or set(later[1:])
        passive = any(w.raw in ("by", "on", "in") for w in found[i + 1 : i + 2]) and any(map(is_be, found[max(0, i - 2) : i]))
        return before, after, passive
    return None


def _negated(sentence: list[Word], window: tuple[int, int], own: set[str]) -> bool:
    """Whether a negator stands in a clause of the window: between its words, or before them in the same clause.

    "not only" denies nothing, and in "not red but green" the negator reaches to the "but".
    """
    first, last = window
    start = first
    while start > 0 and sentence[start - 1].kind != CLAUSE:
        start -= 1
    end = last
    while end + 1 < len(sentence) and sentence[end + 1].kind != CLAUSE and end - last < 3:
        end += 1
    count = 0
    for i in range(start, end + 1):
        if sentence[i].kind != NEGATOR or (i + 1 < len(sentence) and sentence[i + 1].raw == "only"):
            continue
        but = next((j for j in range(i + 1, end + 1) if sentence[j].raw == "but"), None)
        if but is None or any(w.concept in own for w in sentence[i + 1 : but]):
            count += 1
    return count % 2 == 1
