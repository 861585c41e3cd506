"""Key steps against one rollout: anchors, tiers, guards. ``prepare`` once a question, ``match`` once a rollout.

    substring  the released code: region bodies joined by a space, lower-cased, any form a substring
    folded     the paper's figure: the same with all white space ignored
    tiers      exact -> numeric -> fuzzy, each under the guards of guards.py; the audit of stuffing.py comes first

A place is kept for a 'semantic' tier: it may confirm only what ``_Tiers`` left undecided with ``blocked is None``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from keystep.core import derivations, phrases, stuffing
from keystep.core.canonical import TOKEN, Number, fold
from keystep.core.derivations import Definitions, EquationForm
from keystep.core.equations import Equation, Fact, agrees, fact_keys, normal, read
from keystep.core.expressions import Tree, evaluate, is_composite
from keystep.core.lexer import lex
from keystep.core.reading import Reading
from keystep.core.words import CONTENT
from keystep.nouns import Flag, KeyStep, Span, StepMatch
from keystep.recipe import Recipe


@dataclass(frozen=True)
class PreparedForm:
    """One form of a key step, parsed. At most one of equation, fact is set; phrase always is."""

    text: str
    equation: EquationForm | None
    fact: Fact | None
    phrase: phrases.Phrase
    worded: bool
    counted: str | None


@dataclass(frozen=True)
class PreparedKeySteps:
    key_steps: tuple[KeyStep, ...]
    forms: tuple[tuple[PreparedForm, ...], ...]
    definitions: Definitions
    dependents: tuple[frozenset[int], ...]
    question: str


@dataclass(frozen=True, slots=True)
class Matching:
    """matches: one a key step, in order.  k: share matched.  k_soft: mean score.  excluded: text left out as stuffing."""

    matches: tuple[StepMatch, ...]
    k: float
    k_soft: float
    flags: tuple[Flag, ...]
    excluded: tuple[Span, ...]


@lru_cache(maxsize=4096)
def prepare(key_steps: tuple[KeyStep, ...], question: str = "") -> PreparedKeySteps:
    """Parse the key steps of one question. The question's text feeds the guards (its numbers, the equation budget)."""
    forms = tuple(tuple(_form(f) for f in step.forms) for step in key_steps)
    stated = [(p.equation.tree, p.equation.result) for step in forms for p in step if p.equation is not None]
    return PreparedKeySteps(key_steps, forms, Definitions(stated), _dependents(forms), question)


def _dependents(forms: tuple[tuple[PreparedForm, ...], ...]) -> tuple[frozenset[int], ...]:
    """For each key step, the later ones that reckon with its result."""
    results = [{f.equation.result for f in step if f.equation is not None} for step in forms]
    used = [set[Number]().union(*(f.equation.numbers for f in step if f.equation is not None)) for step in forms]
    return tuple(frozenset(m for m in range(j + 1, len(forms)) if used[m] & results[j]) for j in range(len(forms)))


def _form(text: str) -> PreparedForm:
    folded = fold(text)
    relations = read(lex(TOKEN.findall(folded)))
    true = [e for e in relations.equations if e.true]
    fact = next((f for f in relations.facts if normal(f) is not None), None)
    phrase = phrases.phrase(folded)
    worded = any(w.kind == CONTENT and w.concept not in _FIGURES for w in phrase.words)
    equation = derivations.form_of(true[0]) if true else None
    counted = phrases.counted(list(phrase.words), equation.result) if equation is not None else None
    return PreparedForm(text, equation, fact if equation is None else None, phrase, worded, counted)


def match(prepared: PreparedKeySteps, text: str, regions: Sequence[Span], recipe: Recipe) -> Matching:
    """Which key steps ``text`` reaches within ``regions``; spans index ``text``. Never raises, linear in the text."""
    if recipe.matching != "tiers":
        return _literal(prepared, text, regions, fold_space=recipe.matching == "folded")
    reading = Reading(text, sorted(regions))
    audit = stuffing.audit([step.forms for step in prepared.key_steps], prepared.question, reading)
    flags, excluded = audit.flags, audit.excluded
    if excluded and recipe.stuffing == "absent":
        reading = Reading(text, _without(sorted(regions), excluded))
    matches = _Tiers(prepared, reading, recipe.match_threshold).run()
    if any(m.blocked == "negated" for m in matches):
        flags = (*flags, Flag.NEGATED_STEP)
    if any(m.blocked == "other_result" for m in matches):
        flags = (*flags, Flag.CONFLICTING_STEP)
    return _total(matches, tuple(dict.fromkeys(flags)), excluded)


def _total(matches: tuple[StepMatch, ...], flags: tuple[Flag, ...] = (), excluded: tuple[Span, ...] = ()) -> Matching:
    n = len(matches)
    k = sum(m.matched for m in matches) / n if n else 0.0
    return Matching(matches, k, sum(m.score for m in matches) / n if n else 0.0, flags, excluded)


def _without(regions: Sequence[Span], excluded: Sequence[Span]) -> list[Span]:
    out: list[Span] = []
    for start, end in regions:
        at = start
        for cut_start, cut_end in excluded:
            if cut_end <= at or cut_start >= end:
                continue
            if cut_start > at:
                out.append((at, cut_start))
            at = max(at, cut_end)
        if at < end:
            out.append((at, end))
    return out


def _literal(prepared: PreparedKeySteps, text: str, regions: Sequence[Span], *, fold_space: bool) -> Matching:
    joined = " ".join(text[a:b] for a, b in regions).lower()
    if fold_space:
        joined = "".join(joined.split())
    low = text.lower()
    matches = []
    for index, step in enumerate(prepared.key_steps):
        for form in step.forms:
            wanted = "".join(form.lower().split()) if fold_space else form.lower()
            if wanted in joined:
                at = low.find(form.lower()) if len(low) == len(text) else -1
                span = (at, at + len(form)) if at >= 0 else None
                matches.append(StepMatch(index, 1.0, matched=True, tier="exact", form=form, span=span))
                break
        else:
            matches.append(StepMatch(index, 0.0, matched=False))
    return _total(tuple(matches))


class _Tiers:
    """The hardened matcher on one rollout."""

    def __init__(self, prepared: PreparedKeySteps, reading: Reading, threshold: float) -> None:
        self.prepared, self.reading, self.threshold = prepared, reading, threshold
        self._equations: list[tuple[Equation, Span, str | None]] | None = None
        self.reached: dict[Tree, Span] = {}
        self.conclusion: dict[Tree, Span] = {}

    def run(self) -> tuple[StepMatch, ...]:
        matches = [self._step(i, forms) for i, forms in enumerate(self.prepared.forms)]
        hit = {m.key_step for m in matches if m.matched}
        # Last first: a step may be merged into one that is itself merged.
        for m in reversed(matches):
            if not m.matched and m.blocked is None:
                found = matches[m.key_step] = self._subsumed(m, hit)
                if found.matched:
                    hit.add(m.key_step)
        return tuple(matches)

    def _subsumed(self, missed: StepMatch, hit: set[int]) -> StepMatch:
        """A step merged into a longer derivation: 11+4 within 36-11-4=21.

        The derivation must have reached another key step, or be the rollout's last and every key step that builds on this one
        be matched: a derivation that went elsewhere is no witness.
        """
        for form in self.prepared.forms[missed.key_step]:
            if form.equation is None:
                continue
            wanted_expanded = self.prepared.definitions.expand(form.equation.tree, form.equation.result)
            candidates = dict(self.reached)
            if self.prepared.dependents[missed.key_step] <= hit:
                candidates |= self.conclusion
            last = missed.key_step == len(self.prepared.forms) - 1
            for expanded, span in candidates.items():
                if derivations.subsumed(form.equation, wanted_expanded, expanded, strictly=last and expanded not in self.reached):
                    score = derivations.SUBSUMED
                    return StepMatch(missed.key_step, score, score >= self.threshold, "numeric", form.text, span)
        return missed

    def _step(self, index: int, forms: tuple[PreparedForm, ...]) -> StepMatch:
        best = StepMatch(index, 0.0, matched=False)
        for form in forms:
            found = self._form(index, form)
            if (found.matched, found.score, found.blocked is not None) > (best.matched, best.score, best.blocked is not None):
                best = found
            if best.matched and best.score >= 1.0:
                break
        return best

    def _form(self, index: int, form: PreparedForm) -> StepMatch:
        if form.equation is not None:
            return self._equation(index, form, form.equation)
        if form.fact is not None:
            found = self._fact(index, form, form.fact)
            if found.matched or found.blocked is not None:
                return found
            if not form.worded:
                return found
        return self._phrase(index, form)

    def _fact(self, index: int, form: PreparedForm, wanted: Fact) -> StepMatch:
        best = StepMatch(index, 0.0, matched=False)
        normals = fact_keys(wanted)
        for at, sentence in enumerate(self.reading.sentences):
            for fact in sentence.relations.facts:
                if not normals & fact_keys(fact):
                    continue
                a, b = sentence.span(fact.first, fact.last)
                span = (sentence.start + a, sentence.start + b)
                denied = self.reading.denied(at, a, b, equation=True)
                if denied is None:
                    return StepMatch(index, 1.0, 1.0 >= self.threshold, "numeric", form.text, span)
                best = StepMatch(index, 0.0, matched=False, tier="numeric", form=form.text, span=span, blocked=denied)
        return best

    def _phrase(self, index: int, form: PreparedForm) -> StepMatch:
        best = StepMatch(index, 0.0, matched=False)
        for at, sentence in enumerate(self.reading.sentences):
            found = phrases.compare(form.phrase, sentence.words, sentence.low)
            if found is None or (found.score <= best.score and (best.blocked is not None or found.blocked is None)):
                continue
            a, b = sentence.span(found.first, found.last)
            blocked = found.blocked or self.reading.denied(at, a, b, equation=False) or ("question" if sentence.low.rstrip().endswith("?") else None)
            if blocked == "negated" and form.phrase.negated and found.blocked is None:
                blocked = None
            span = (sentence.start + a, sentence.start + b)
            score = 0.0 if blocked else found.score
            if score > best.score or best.tier is None:
                best = StepMatch(index, score, score >= self.threshold, "fuzzy", form.text, span, blocked)
        return best

    def equations(self) -> list[tuple[Equation, Span, str | None]]:
        """Every equation of the rollout, where it stands, and what denies it there."""
        if self._equations is None:
            self._equations = []
            for at, sentence in enumerate(self.reading.sentences):
                if not sentence.reckons:
                    continue
                for equation in sentence.relations.equations:
                    a, b = sentence.span(equation.first, equation.last)
                    reason = self.reading.denied(at, a, b, equation=True)
                    self._equations.append((equation, (sentence.start + a, sentence.start + b), reason))
            self._equations += self._bound()
            asserted = [(e.tree, e.result) for e, _, reason in self._equations if e.true and reason is None]
            self.definitions = Definitions(asserted)
            last = [(e, span) for e, span, reason in self._equations if e.true and reason is None][-1:]
            self.conclusion = {self.definitions.expand(e.tree, e.result): span for e, span in last}
        return self._equations

    def _bound(self) -> list[tuple[Equation, Span, str | None]]:
        """J = 52 - 8 and, elsewhere, J = 44: what a name was set to and what it is found to be make an equation."""
        composites: dict[object, tuple[Tree, Span]] = {}
        out: list[tuple[Equation, Span, str | None]] = []
        for at, sentence in enumerate(self.reading.sentences):
            if not sentence.reckons:
                continue
            for fact in sentence.relations.facts:
                if fact.relation != "=" or not isinstance(fact.left, str) or evaluate(fact.right) is None:
                    continue
                a, b = sentence.span(fact.first, fact.last)
                span = (sentence.start + a, sentence.start + b)
                if is_composite(fact.right):
                    composites[fact.left] = (fact.right, span)
                elif fact.left in composites and not any(e.result == fact.right and e.first == at for e, _, _ in out):
                    tree, start = composites[fact.left]
                    value = evaluate(tree)
                    if agrees(value, fact.right) and self.reading.denied(at, a, b, equation=True) is None:
                        out.append((Equation(tree, value, fact.right, true=True, first=0, last=0), start, None))
        return out

    def _equation(self, index: int, form: PreparedForm, wanted: EquationForm) -> StepMatch:
        best = StepMatch(index, 0.0, matched=False)
        wanted_expanded = self.prepared.definitions.expand(wanted.tree, wanted.result)
        veto = None
        for equation, span, denied in self.equations():
            if derivations.conflicts(wanted, equation) and denied is None:
                veto = StepMatch(index, 0.0, matched=False, tier="numeric", form=form.text, span=span, blocked="other_result")
            if not equation.true:
                continue
            expanded = self.definitions.expand(equation.tree, equation.result)
            score = derivations.compare(wanted, wanted_expanded, equation, expanded)
            if score > derivations.SUBSUMED and denied is None:
                self.reached.setdefault(expanded, span)
            if score <= best.score:
                continue
            if denied is not None:
                best = best if best.score > 0 else StepMatch(index, 0.0, matched=False, tier="numeric", form=form.text, span=span, blocked=denied)
                continue
            if self._about_another(form, span):
                best = best if best.score > 0 else StepMatch(index, 0.0, matched=False, tier="numeric", form=form.text, span=span, blocked="other_context")
                continue
            best = StepMatch(index, score, score >= self.threshold, "numeric", form.text, span)
        if veto is not None:
            return veto
        if best.score < derivations.PROSE and best.blocked != "other_context":
            prose = self._prose(index, form, wanted)
            if prose.score > best.score or (best.tier is None and prose.tier is not None):
                return prose
        return best

    def _about_another(self, form: PreparedForm, span: Span) -> bool:
        """The same numbers of other things: what is counted differs, and so does every other word of the sentence."""
        if form.counted is None:
            return False
        at = self.reading.at(span[0])
        sentence = self.reading.sentences[at]
        counted = phrases.counted(sentence.words, form.equation.result if form.equation else 0)
        if counted is None or counted == form.counted:
            return False
        return not form.phrase.weights.keys() & {str(w.concept) for w in sentence.words if w.kind == CONTENT}

    def _prose(self, index: int, form: PreparedForm, wanted: EquationForm) -> StepMatch:
        best = StepMatch(index, 0.0, matched=False)
        for at, sentence in enumerate(self.reading.sentences):
            relations = sentence.relations
            if not sentence.reckons or relations.unequal or any(not e.true for e in relations.equations):
                continue
            if any(_elsewhere(wanted, e) for e in relations.equations):
                continue
            values = sentence.values
            if len(values) > 3 * (len(wanted.numbers) + 1):
                continue
            score = derivations.coverage(wanted, values)
            if score <= best.score:
                continue
            a, b = sentence.number_span()
            span = (sentence.start + a, sentence.start + b)
            denied = self.reading.denied(at, a, b, equation=False)
            if denied is None:
                best = StepMatch(index, score, score >= self.threshold, "numeric", form.text, span)
            elif best.tier is None:
                best = StepMatch(index, 0.0, matched=False, tier="numeric", form=form.text, span=span, blocked=denied)
        return best


# Nouns that name a figure and words that are numbers: with them a symbolic fact is still all symbols.
_FIGURES = frozenset({"angle", "triangle", "line", "half", "third", "quarter"})


def _elsewhere(wanted: EquationForm, equation: Equation) -> bool:
    """The sentence reckons with these numbers towards something else."""
    used = set(derivations.form_of(equation).numbers)
    return equation.result != wanted.result and (wanted.result in used or set(wanted.numbers) == used)
