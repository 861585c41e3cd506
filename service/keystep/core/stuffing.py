"""The audit of a rollout's text before key steps are looked for: what stands there to be found instead of to reason.

    dump         key steps listed verbatim, with nothing between them but separators
    enumeration  the same two numbers under three operators and more, or more bare equations than 4n + 8 for n key steps
    numbers      runs of numbers that derive nothing
    copy         the question's own sentences

Terse is not stuffed: lines that are equations are a derivation, whoever else wrote them, and full sentences are statements.
What gives a dump away is a form no derivation has: fragments in a row, list syntax, several phrasings of the same step.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from operator import itemgetter
from typing import Final, NamedTuple

from keystep.core.canonical import fold, lower
from keystep.core.expressions import provenance
from keystep.core.prepared import PreparedKeySteps
from keystep.core.reading import Reading
from keystep.nouns import Flag, Span, noun

MIN_FORM: Final = 3  # characters of a form that can be told from chance
MIN_ITEMS: Final = 3
MAX_GAP: Final = 24  # characters between two items of a list
SHARE_OF_KEY_STEPS: Final = 0.8
MIN_OPERATORS: Final = 3
MIN_COPIED: Final = 40  # characters of a question's sentence

_BETWEEN: Final = re.compile(r"(?:[\W\d_]|\band\b|\bstep\b|\bor\b)*")
_LIST_MARK: Final = re.compile(r"[\"'\u201c\u201d|\[\]{}]")
_WORD: Final = re.compile(r"[^\W\d_]{2}")
_PREFACE: Final = re.compile(r"key (?:steps?|elements?|points?|words?|phrases?)\W*$|keywords\W*$")
_VERB: Final = re.compile(
    r"\b(?:is|are|was|were|be|has|have|had|equals?|represents?|shows?|bisects?|contains?|makes?|gives?|costs?|lies|meets?|divides?|\w+(?:izes|ates|ects|ases|ains|eases))\b|="
)
# Twenty numbers with nothing but separators between them. Tried once a number, and nothing is tried twice.
_NUMBER_RUN: Final = re.compile(r"(?<![\d.,;|])\d++(?:\.\d++)?+(?:[\s,;|]++\d++(?:\.\d++)?+){19,}+")
# Such a run is so many characters of these classes in a row, at least, and where one in six is looked at, a sixth of that: seen
# without a regular expression. '?' is what is not ASCII.
_LONG: Final = 39
_EVERY: Final = 6
_IN_RUN: Final = bytes(0x30 if chr(c) in "0123456789.,;|?" or chr(c).isspace() else 0x61 for c in range(256))
# Two numbers and the operator between them before an equation sign, in reversed text, and the most characters that takes.
_LONGEST_CALCULATED: Final = 80
_CALCULATED: Final = re.compile(r"=\s{0,4}+([0-9.]{0,30}[0-9])\s{0,4}+([-+*/]|semit\\|todc\\|vid\\)\s{0,4}+([0-9.]{0,30}[0-9])")
_QUESTION_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+|\n+")


@noun
class Audit:
    """flags, and the spans that k is computed without."""

    flags: tuple[Flag, ...] = ()
    excluded: tuple[Span, ...] = ()


class _Item(NamedTuple):
    start: int
    end: int
    key_step: int
    form: str


def audit(prepared: PreparedKeySteps, reading: Reading) -> Audit:
    """What of the reading is stuffing, by kind."""
    flags: list[Flag] = []
    excluded: list[Span] = []
    for flag, spans in (
        (Flag.STEP_STUFFING, _dumps(prepared, reading)),
        (Flag.EQUATION_STUFFING, _enumerations(len(prepared.key_steps), reading)),
        (Flag.NUMBER_STUFFING, _number_runs(reading)),
        (Flag.COPIED_QUESTION, _copied(prepared.question, reading)),
    ):
        if spans:
            flags.append(flag)
            excluded += spans
    return Audit(tuple(flags), tuple(_merged(excluded)))


def _merged(spans: list[Span]) -> list[Span]:
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        else:
            out.append((start, end))
    return out


@lru_cache(maxsize=512)
def _needles(prepared: PreparedKeySteps) -> tuple[tuple[str, ...], ...]:
    """Of each key step: its forms lower-cased."""
    return tuple(
        tuple(low for low in dict.fromkeys(lower(fold(f)).strip() for f in step.forms) if len(low) >= MIN_FORM)
        for step in prepared.key_steps
    )


@lru_cache(maxsize=2048)
def _is_fragment(form: str) -> bool:
    """No sentence: it has neither a verb nor an equation sign."""
    return _VERB.search(form) is None


def _dumps(prepared: PreparedKeySteps, reading: Reading) -> list[Span]:
    total, low = len(prepared.key_steps), reading.low
    present = [(i, found) for i, step in enumerate(_needles(prepared)) if (found := [(n, at) for n in step if (at := low.find(n)) >= 0])]
    if len(present) < min(MIN_ITEMS, total) or total < 2:
        return []
    places = _places(present, low)
    if not _gather(places):
        return []
    out = []
    for run in _clusters(_longest(places), low):
        cluster = _trimmed(run, low)
        if cluster and _is_dump(cluster, low, total):
            out.append((cluster[0].start, cluster[-1].end))
    return out


def _places(present: list[tuple[int, list[tuple[str, int]]]], low: str) -> list[tuple[int, int, int, str]]:
    """Every verbatim occurrence as (start, -end, key step, form), in order. present: each form, and where it is first met."""
    found: list[tuple[int, int, int, str]] = []
    for key_step, needles in present:
        for needle, first in needles:
            at = first
            while at >= 0 and len(found) < 400:
                end = at + len(needle)
                if not (at and low[at - 1].isalnum() and needle[0].isalnum()) and not (
                    end < len(low) and low[end].isalnum() and needle[-1].isalnum()
                ):
                    found.append((at, -end, key_step, needle))
                at = low.find(needle, at + 1)
    found.sort(key=itemgetter(0, 1))
    return found


def _gather(places: list[tuple[int, int, int, str]]) -> bool:
    """Whether two different key steps anywhere stand close enough to be items of one list; in a derivation none do."""
    reach, whose = -MAX_GAP - 1, -1
    for start, end, key_step, _ in places:
        if start - reach <= MAX_GAP and key_step != whose:
            return True
        if -end > reach:
            reach, whose = -end, key_step
    return False


def _longest(places: list[tuple[int, int, int, str]]) -> list[_Item]:
    """Of overlapping occurrences the longest."""
    out: list[_Item] = []
    for start, end, key_step, form in places:
        if not out or start >= out[-1].end:
            out.append(_Item(start, -end, key_step, form))
    return out


def _clusters(items: list[_Item], low: str) -> list[list[_Item]]:
    """Runs of items with nothing but separators between them."""
    clusters: list[list[_Item]] = []
    for item in items:
        between = low[clusters[-1][-1].end : item.start] if clusters else ""
        if clusters and len(between) <= MAX_GAP and _BETWEEN.fullmatch(between):
            clusters[-1].append(item)
        else:
            clusters.append([item])
    return clusters


def _trimmed(cluster: list[_Item], low: str) -> list[_Item]:
    """A run less the items at its ends that belong to a sentence of their own: "... of equal area.", and then the list."""
    first, last = 0, len(cluster) - 1
    while (
        first < last
        and _breaks(low[cluster[first].end : cluster[first + 1].start])
        and _WORD.search(low, low.rfind("\n", 0, cluster[first].start) + 1, cluster[first].start)
    ):
        first += 1
    while last > first and _breaks(low[cluster[last - 1].end : cluster[last].start]):
        end = low.find("\n", cluster[last].end)
        if not _WORD.search(low, cluster[last].end, end if end >= 0 else len(low)):
            break
        last -= 1
    return cluster[first : last + 1]


def _breaks(gap: str) -> bool:
    return "." in gap or "\n" in gap


def _is_dump(cluster: list[_Item], low: str, total: int) -> bool:
    steps = {item.key_step for item in cluster}
    if len(steps) < 2:
        return False
    before = low[max(0, cluster[0].start - 24) : cluster[0].start]
    if _PREFACE.search(before):
        return True
    between = [low[a.end : b.start] for a, b in pairwise(cluster)]
    # Quotes, bars, brackets: the syntax of a list, not of a derivation.
    if sum(_LIST_MARK.search(gap) is not None for gap in between) >= max(1, len(between) - 1) and len(steps) >= min(MIN_ITEMS, total):
        return True
    if len(steps) < MIN_ITEMS:
        return False
    loose = sum(_is_fragment(item.form) for item in cluster)
    texts = sum("=" not in item.form for item in cluster)
    # Nobody who reasons says the same in several of the key step's own phrasings, one after the other.
    if len({item.form for item in cluster}) - len(steps) >= 2:
        return True
    # Some of the facts in a row ("wind 21 %, solar 12 %, hydro 9 %") is how people write; nearly all of them is how lists are dumped.
    if len(steps) < SHARE_OF_KEY_STEPS * total:
        return False
    # A full stop after a number at the beginning of a line counts the list, it ends no sentence.
    separated = all(any(mark in gap for mark in ",;\n") for gap in between) and not any("." in gap.partition("\n")[0] for gap in between)
    return loose >= 2 or (texts >= 1 and separated)


def _enumerations(key_steps: int, reading: Reading) -> list[Span]:
    budget = 4 * key_steps + 8
    if not _may_enumerate(reading.low, budget):
        return []
    operators: dict[frozenset[object], set[str]] = {}
    where: dict[frozenset[object], list[int]] = {}
    bare: dict[object, int] = {}
    for at in reading.stating:
        sentence = reading.sentence(at)
        for equation in sentence.relations.equations:
            tree = equation.tree
            if not isinstance(tree, tuple) or len(tree) != 3 or isinstance(tree[1], tuple) or isinstance(tree[2], tuple):
                continue
            pair = frozenset((tree[1], tree[2]))
            operators.setdefault(pair, set()).add(tree[0])
            if not any(len(t) > 1 and t.isalpha() for t in sentence.tokens):
                where.setdefault(pair, []).append(at)
                bare.setdefault(provenance(tree), at)
    sentences = [at for pair, ops in operators.items() if len(ops) >= MIN_OPERATORS and len(pair) == 2 for at in where.get(pair, ())]
    if len(bare) > budget:
        sentences += bare.values()
    return [reading.bounds[at] for at in sentences]


def _may_enumerate(low: str, budget: int) -> bool:
    """Whether there are enough equations, or two numbers under enough operators, for a closer look."""
    signs = []
    at = low.find("=")
    while at >= 0:
        signs.append(at)
        at = low.find("=", at + 1)
    if len(signs) < MIN_OPERATORS or len(signs) > budget:
        return len(signs) > budget
    operators: dict[tuple[str, str], set[str]] = {}
    for at in signs:
        if (found := _CALCULATED.match(low[max(0, at + 1 - _LONGEST_CALCULATED) : at + 1][::-1])) is not None:
            right, operator, left = found.groups()
            operators.setdefault((left, right) if left <= right else (right, left), set()).add(operator)
    return any(len(found) >= MIN_OPERATORS for found in operators.values())


def _number_runs(reading: Reading) -> list[Span]:
    if not (_runs(reading.folded[::_EVERY], _LONG // _EVERY) and _runs(reading.folded, _LONG)):
        return []
    return [found.span() for found in _NUMBER_RUN.finditer(reading.folded)]


def _runs(text: str, length: int) -> bool:
    return b"0" * length in text.encode("ascii", "replace").translate(_IN_RUN)


@lru_cache(maxsize=512)
def _question_sentences(question: str) -> tuple[str, ...]:
    return tuple(s for s in (part.strip() for part in _QUESTION_SENTENCE.split(lower(fold(question)))) if len(s) >= MIN_COPIED)


def _copied(question: str, reading: Reading) -> list[Span]:
    out = []
    for sentence in _question_sentences(question):
        at = reading.low.find(sentence)
        while at >= 0:
            out.append((at, at + len(sentence)))
            at = reading.low.find(sentence, at + len(sentence))
    return out
