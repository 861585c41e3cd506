"""Key steps parsed once per question, for every rollout of every group that brings them."""

from __future__ import annotations

from typing import Final

from mypy_extensions import mypyc_attr

from keystep.core import derivations, phrases, plain
from keystep.core.canonical import fold, tokenize
from keystep.core.derivations import Definitions, EquationForm
from keystep.core.equations import fact_keys, read
from keystep.core.expressions import Provenance, Tree, leaves, provenance
from keystep.core.lazy import lazy
from keystep.core.lexer import lex
from keystep.core.verbatim import Spelled
from keystep.core.vocabulary import Vocabulary
from keystep.core.words import CONTENT
from keystep.nouns import KeyStep, noun

# Nouns that name a figure and words that are numbers: with them a symbolic fact is still all symbols.
_FIGURES: Final = frozenset({"angle", "triangle", "line", "half", "third", "quarter"})


@noun
class Reckoning:
    """A numeric form ready to compare. expanded: its tree with the key steps before it written out.  counted: what its result
    counts ("apples")."""

    form: EquationForm
    own: Provenance | None
    expanded: Tree
    counted: str | None


@mypyc_attr(native_class=False)
class PreparedForm:
    """One form of a key step. reckoning: when it is a true equation; else fact_keys, when it relates names; else a phrase.

    worded: it has words beyond symbols, so it may also be met as a phrase.  bits: those of its concepts, with the weights.
    """

    def __init__(self, parsed: _Parsed, definitions: Definitions, vocabulary: Vocabulary) -> None:
        self._parsed, self._definitions = parsed, definitions
        self.text = parsed.text
        self.bits = tuple((vocabulary.bit(c), w) for c, w in parsed.weights.items())
        self.mask = sum({bit for bit, _ in self.bits})

    @property
    def phrase(self) -> phrases.Phrase:
        return self._parsed.phrase

    @lazy
    def reckoning(self) -> Reckoning | None:
        equation = self._parsed.equation
        return None if equation is None else _reckoning(equation, self._parsed, self._definitions)

    @lazy
    def fact_keys(self) -> frozenset[object]:
        return fact_keys(self._parsed.fact) if self._parsed.fact else frozenset()

    @lazy
    def fact_names(self) -> frozenset[str]:
        fact = self._parsed.fact
        if fact is None:
            return frozenset()
        return frozenset(leaf for side in (fact.left, fact.right) for leaf in leaves(side) if isinstance(leaf, str))

    @lazy
    def worded(self) -> bool:
        return any(w.kind == CONTENT and w.concept not in _FIGURES for w in self.phrase.words)

    @lazy
    def weight(self) -> float:
        return sum(self._parsed.weights.values())

    @lazy
    def least(self) -> int:
        """How many concepts at least make up the smallest coverage worth a look."""
        total, reached = self.weight * phrases.MIN_COVERAGE, 0.0
        for count, weight in enumerate(sorted((w for _, w in self.bits), reverse=True), 1):
            reached += weight
            if reached >= total - 1e-9:
                return count
        return 0


@mypyc_attr(native_class=False)
class PreparedKeySteps:
    """The key steps of a question and the question as asked. What it takes to read for them is parsed when first asked for: most
    rollouts are settled without (verbatim.py). Shared between threads; whoever computes a part first, it is the same."""

    def __init__(self, key_steps: tuple[KeyStep, ...], question: str) -> None:
        self.key_steps, self.question = key_steps, question

    @lazy
    def spelled(self) -> Spelled:
        """How they may stand word for word."""
        return Spelled(self.key_steps)

    @lazy
    def forms(self) -> tuple[tuple[PreparedForm, ...], ...]:
        """Per key step, its distinct forms."""
        return self._built[0]

    @lazy
    def dependents(self) -> tuple[frozenset[int], ...]:
        """Per key step, the later ones that reckon with its result."""
        return self._built[1]

    @lazy
    def vocabulary(self) -> Vocabulary:
        return self._built[2]

    @lazy
    def _built(self) -> tuple[tuple[tuple[PreparedForm, ...], ...], tuple[frozenset[int], ...], Vocabulary]:
        return _build(self.key_steps)


@mypyc_attr(native_class=False)
class _Parsed:
    """A form as it reads: its first true equation, else its first fact; and as a phrase, when that is asked for."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._folded = fold(text)
        tokens = tokenize(self._folded)
        self._letters = plain.letters(tokens)
        relations = plain.relations(tokens, self._letters) or read(lex(tokens))
        self.equation = next((derivations.form_of(e) for e in relations.equations if e.true), None)
        self.fact = next((f for f in relations.facts if fact_keys(f)), None) if self.equation is None else None

    @lazy
    def phrase(self) -> phrases.Phrase:
        return phrases.phrase(self._folded)

    @lazy
    def weights(self) -> dict[str, float]:
        """Those of its concepts; a calculation in figures has none."""
        return {} if self.equation and plain.figures(self._letters) else self.phrase.weights

    @property
    def counted(self) -> str | None:
        """What the result of its equation counts ("apples")."""
        return phrases.counted(list(self.phrase.words), self.equation.result) if self.equation and self.weights else None


def _build(key_steps: tuple[KeyStep, ...]) -> tuple[tuple[tuple[PreparedForm, ...], ...], tuple[frozenset[int], ...], Vocabulary]:
    parsed = [_distinct([_Parsed(form) for form in dict.fromkeys(step.forms)]) for step in key_steps]
    concepts = [c for step in parsed for p in step for c in p.weights]
    vocabulary = Vocabulary(concepts)
    # Of each key step the first equation defines its result: a form more changes no other key step.
    first = [next((p.equation for p in step if p.equation), None) for step in parsed]
    definitions = Definitions((e.tree, e.result) for e in first if e)
    dependents = tuple(
        frozenset(m for m in range(j + 1, len(first)) if own and (later := first[m]) and own.result in later.numbers)
        for j, own in enumerate(first)
    )
    forms = tuple(tuple(PreparedForm(p, definitions, vocabulary) for p in step) for step in parsed)
    return forms, dependents, vocabulary


def _distinct(parsed: list[_Parsed]) -> list[_Parsed]:
    """Spellings of one equation are one form; the first stands."""
    if len(parsed) == 1:
        return parsed
    seen: set[object] = set()
    out = []
    for form in parsed:
        identity: object = (form.equation.tree, form.equation.result, tuple(form.weights)) if form.equation else form.text
        if identity not in seen:
            seen.add(identity)
            out.append(form)
    return out


def _reckoning(form: EquationForm, parsed: _Parsed, definitions: Definitions) -> Reckoning:
    return Reckoning(
        form=form,
        own=provenance(form.tree),
        expanded=definitions.expand(form.tree, form.result),
        counted=parsed.counted,
    )
