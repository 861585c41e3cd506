"""Key steps parsed once per question, for every rollout of every group that brings them."""

from __future__ import annotations

from dataclasses import dataclass

from keystep.core import derivations, phrases, verbatim
from keystep.core.canonical import TOKEN, Number, fold
from keystep.core.derivations import Definitions, EquationForm
from keystep.core.equations import Fact, fact_keys, read
from keystep.core.expressions import Provenance, Tree, leaves, provenance
from keystep.core.lazy import lazy
from keystep.core.lexer import lex
from keystep.core.verbatim import Spelled
from keystep.core.vocabulary import Vocabulary
from keystep.core.words import CONTENT
from keystep.nouns import KeyStep

# Nouns that name a figure and words that are numbers: with them a symbolic fact is still all symbols.
_FIGURES = frozenset({"angle", "triangle", "line", "half", "third", "quarter"})


@dataclass(frozen=True)
class Reckoning:
    """A numeric form ready to compare. expanded: its tree with the key steps before it written out.  counted: what its result
    counts ("apples").  result_bit, number_bits: for prose."""

    form: EquationForm
    own: Provenance | None
    expanded: Tree
    counted: str | None
    result_bit: int
    number_bits: tuple[int, ...]


@dataclass(frozen=True)
class PreparedForm:
    """One form of a key step. reckoning: when it is a true equation; else fact_keys, when it relates names; else a phrase.

    worded: it has words beyond symbols, so it may also be met as a phrase.  bits: those of its concepts, with the weights.
    """

    text: str
    reckoning: Reckoning | None
    fact_keys: frozenset[object]
    fact_names: frozenset[str]
    phrase: phrases.Phrase
    worded: bool
    bits: tuple[tuple[int, float], ...]
    mask: int
    weight: float
    least: int


class PreparedKeySteps:
    """The key steps of a question and the question as asked. What it takes to read for them is parsed when first asked for: most
    rollouts are settled without (verbatim.py). Shared between threads; whoever computes a part first, it is the same."""

    def __init__(self, key_steps: tuple[KeyStep, ...], question: str) -> None:
        self.key_steps, self.question = key_steps, question

    @lazy
    def spellings(self) -> tuple[Spelled, ...]:
        """Per key step, how it may stand word for word."""
        return tuple(verbatim.spellings(step) for step in self.key_steps)

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


@dataclass(frozen=True)
class _Parsed:
    text: str
    equation: EquationForm | None
    fact: Fact | None
    phrase: phrases.Phrase


def _build(key_steps: tuple[KeyStep, ...]) -> tuple[tuple[tuple[PreparedForm, ...], ...], tuple[frozenset[int], ...], Vocabulary]:
    parsed = [_distinct([_parse(form) for form in dict.fromkeys(step.forms)]) for step in key_steps]
    concepts = [c for step in parsed for p in step for c in p.phrase.weights]
    numbers = [n for step in parsed for p in step if p.equation for n in (p.equation.result, *p.equation.numbers)]
    vocabulary = Vocabulary(concepts, numbers)
    # Of each key step the first equation defines its result: a form more changes no other key step.
    first = [next((p.equation for p in step if p.equation), None) for step in parsed]
    definitions = Definitions((e.tree, e.result) for e in first if e)
    dependents = tuple(
        frozenset(m for m in range(j + 1, len(first)) if own and (later := first[m]) and own.result in later.numbers)
        for j, own in enumerate(first)
    )
    forms = tuple(tuple(_form(p, definitions, vocabulary) for p in step) for step in parsed)
    return forms, dependents, vocabulary


def _parse(text: str) -> _Parsed:
    folded = fold(text)
    relations = read(lex(TOKEN.findall(folded)))
    equation = next((derivations.form_of(e) for e in relations.equations if e.true), None)
    fact = next((f for f in relations.facts if fact_keys(f)), None) if equation is None else None
    return _Parsed(text, equation, fact, phrases.phrase(folded))


def _distinct(parsed: list[_Parsed]) -> list[_Parsed]:
    """Spellings of one equation are one form; the first stands."""
    seen: set[object] = set()
    out = []
    for form in parsed:
        identity: object = (form.equation.tree, form.equation.result, tuple(form.phrase.weights)) if form.equation else form.text
        if identity not in seen:
            seen.add(identity)
            out.append(form)
    return out


def _form(parsed: _Parsed, definitions: Definitions, vocabulary: Vocabulary) -> PreparedForm:
    phrase, equation = parsed.phrase, parsed.equation
    bits = tuple((vocabulary.bit(c), w) for c, w in phrase.weights.items())
    fact = parsed.fact
    names = (
        frozenset(leaf for side in (fact.left, fact.right) for leaf in leaves(side) if isinstance(leaf, str)) if fact else frozenset[str]()
    )
    return PreparedForm(
        text=parsed.text,
        reckoning=_reckoning(equation, phrase, definitions, vocabulary) if equation else None,
        fact_keys=fact_keys(fact) if fact else frozenset(),
        fact_names=names,
        phrase=phrase,
        worded=any(w.kind == CONTENT and w.concept not in _FIGURES for w in phrase.words),
        bits=bits,
        mask=sum({bit for bit, _ in bits}),
        weight=sum(phrase.weights.values()),
        least=_least([w for _, w in bits]),
    )


def _least(weights: list[float]) -> int:
    """How many concepts at least make up the smallest coverage worth a look."""
    total, reached = sum(weights) * phrases.MIN_COVERAGE, 0.0
    for count, weight in enumerate(sorted(weights, reverse=True), 1):
        reached += weight
        if reached >= total - 1e-9:
            return count
    return 0


def _reckoning(form: EquationForm, phrase: phrases.Phrase, definitions: Definitions, vocabulary: Vocabulary) -> Reckoning:
    wanted: list[Number] = [n for n in form.numbers if n not in (0, 1)] or list(form.numbers)
    return Reckoning(
        form=form,
        own=provenance(form.tree),
        expanded=definitions.expand(form.tree, form.result),
        counted=phrases.counted(list(phrase.words), form.result),
        result_bit=vocabulary.number(form.result),
        number_bits=tuple(vocabulary.number(n) for n in wanted),
    )
