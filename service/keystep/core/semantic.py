"""The embedding tier's place in the matcher: which pairs an embedder is asked about, and what its answers change. Pure.

Only what the lexical tiers left undecided is asked: a sentence that asserts part of a text key step, with nothing in the way. An
embedding cannot tell opposites, other things or exchanged roles from paraphrases, so a pair must first pass gates stricter than
those of the phrase tier:

    negation    no negator on either side
    opposites   no word of the sentence excludes one of the key step (opposites.py, lexicon.EXCLUSIVE)
    comparison  no word that compares or divides (twice, half, than, ...) on either side
    numbers     no figure that the key step has not
    colours, names   the same where the key step has any
    things      every word is met but those that predicate: what a statement is about stands there, what is said of it may be put otherwise
    roles       the first two words that are met stand in the same order, or exchanged in the passive

What passes and has a cosine of at least the recipe's ``semantic_threshold`` is matched. docs/matching.md has what that buys.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from keystep.core.lexicon import COLOUR, EXCLUSIVE
from keystep.core.opposites import OPPOSITES
from keystep.core.phrases import Phrase
from keystep.core.tiers import Tiers
from keystep.core.vocabulary import near
from keystep.core.words import CONTENT, FRAME, NAMED, NEGATOR, NUMERAL, Word, Wording, is_be
from keystep.nouns import Span, StepMatch, noun

# (form of a key step, sentence of a rollout), and their cosine in [-1, 1].
Pair = tuple[str, str]
Cosines = Mapping[Pair, float]

_COMPARING: Final = frozenset(
    "than as more less fewer twice thrice double triple times fold ratio half halves third thirds quarter quarters fourth fourths".split()
)


@noun
class Undecided:
    """What an embedder is to be asked. span: of the statement, in the rollout's text."""

    key_step: int
    pair: Pair
    span: Span


def undecided(tiers: Tiers, matches: Sequence[StepMatch]) -> tuple[Undecided, ...]:
    """The pairs that pass the gates, of key steps that are unmatched with nothing in the way."""
    out = []
    for match in matches:
        if match.matched or match.blocked is not None:
            continue
        for form, at, found in tiers.near(match.key_step):
            sentence = tiers.reading.sentence(at)
            if admissible(form.phrase, sentence.wording):
                out.append(Undecided(match.key_step, (form.text, " ".join(sentence.folded.split())), tiers.span(at, found)))
    return tuple(out)


def confirm(matches: Sequence[StepMatch], asked: Sequence[Undecided], cosines: Cosines, threshold: float) -> tuple[StepMatch, ...]:
    """The matches, with each key step that a cosine confirms matched by tier 'semantic', the cosine its score."""
    best: dict[int, tuple[float, Undecided]] = {}
    for one in asked:
        cosine = cosines[one.pair]
        if cosine >= threshold and (one.key_step not in best or cosine > best[one.key_step][0]):
            best[one.key_step] = cosine, one
    return tuple(_confirmed(m.key_step, *best[m.key_step]) if m.key_step in best else m for m in matches)


def _confirmed(key_step: int, cosine: float, by: Undecided) -> StepMatch:
    return StepMatch(key_step, cosine, matched=True, tier="semantic", form=by.pair[0], span=by.span)


def admissible(wanted: Phrase, wording: Wording) -> bool:
    """Whether a sentence passes every gate for a form of a key step."""
    key, sentence = wanted.words, wording.words
    both = (*key, *sentence)
    if any(w.kind == NEGATOR or w.raw in _COMPARING for w in both):
        return False
    own, others = {w.concept for w in key}, {w.concept for w in sentence}
    if any(_excludes(a, b) for a in own for b in others - own):
        return False
    if any(w.kind == NUMERAL and w.raw[0].isdigit() and w.concept not in own for w in sentence):
        return False
    colours = own & COLOUR
    if colours and others & COLOUR != colours:
        return False
    if wanted.names and not wanted.names >= {w.concept for w in sentence if w.kind == NAMED}:
        return False
    met = _met(wanted, wording)
    predicates = _predicates(key)
    if any(w.concept not in met and i not in predicates for i, w in enumerate(key) if w.kind in (CONTENT, NAMED)):
        return False
    order = [met[w.concept] for w in key if w.kind in (CONTENT, NAMED) and w.concept in met][:2]
    return (order != sorted(order)) == (_passive(key) != _passive(sentence))


def _excludes(a: object, b: object) -> bool:
    return b in OPPOSITES.get(str(a), ()) or (a != b and any(b in group for group in EXCLUSIVE.get(str(a), ())))


def _met(wanted: Phrase, wording: Wording) -> dict[object, int]:
    """Each concept of the key step that the sentence has, and where it stands first."""
    out: dict[object, int] = {}
    for concept in wanted.weights:
        own = concept if concept in wording.have else next((other for other in wording.have if near(concept, other)), None)
        if own is not None:
            out[concept] = wording.have[own][0]
    return out


def _passive(found: Sequence[Word]) -> bool:
    return any(w.raw == "by" for w in found)


def _predicates(key: Sequence[Word]) -> set[int]:
    """The words that say something of what the key step is about: after a form of "be", after the subject's first word, adverbs.

    "The dog | is CHASING the ball", "The magnet ATTRACTS the nail", "Sales ROSE SHARPLY". Before a form of "be" all words are the
    subject's: "The kitchen window | is OPEN".
    """
    open_class = (CONTENT, NAMED, FRAME)
    start = next((i for i, w in enumerate(key) if w.kind in open_class), len(key))
    end = next((i for i in range(start, len(key)) if key[i].kind not in open_class), len(key))
    out = set() if end < len(key) and is_be(key[end]) else set(range(start + 1, end))
    for i, word in enumerate(key):
        if word.raw.endswith("ly") or (i and (is_be(key[i - 1]) or (i - 1 in out and i - 1 >= end)) and word.kind in (CONTENT, FRAME)):
            out.add(i)
    return out
