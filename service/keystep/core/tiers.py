"""The hardened matcher: exact -> numeric -> fuzzy, each under the guards. One object a rollout.

What it leaves undecided (unmatched, nothing in the way) the semantic tier may take up (semantic.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mypy_extensions import mypyc_attr

from keystep.core import derivations, phrases
from keystep.core.equations import Equation
from keystep.core.expressions import Tree
from keystep.core.lazy import lazy
from keystep.core.prepared import PreparedForm, PreparedKeySteps, Reckoning
from keystep.core.reading import Reading
from keystep.core.statements import Stated, Statements
from keystep.core.words import CONTENT, verbatim
from keystep.nouns import Span, StepMatch

# Sentences looked at for one form of a text key step, the likeliest first.
MAX_CANDIDATES: Final = 12


@mypyc_attr(native_class=False)
class Tiers:
    """Matches every key step of a question against one reading; threshold: the score from which a key step is matched."""

    def __init__(self, prepared: PreparedKeySteps, reading: Reading, threshold: float) -> None:
        self.prepared, self.reading, self.threshold = prepared, reading, threshold
        self._masks: dict[int, int] = {}
        # Expanded derivations that reached a key step, in the order met.
        self.reached: dict[Tree, Stated] = {}

    def mask(self, sentence: int) -> int:
        """The bits of everything in a sentence."""
        found = self._masks.get(sentence)
        if found is None:
            start, end = self.reading.bounds[sentence]
            found = self._masks[sentence] = self.prepared.vocabulary.mask(self.reading.folded[start:end])
        return found

    @lazy
    def statements(self) -> Statements:
        return Statements(self.reading)

    def run(self, settled: Sequence[StepMatch | None]) -> tuple[StepMatch, ...]:
        """settled: what verbatim.py has found already, per key step."""
        matches = [known or self._step(i) for i, known in enumerate(settled)]
        missed = [m for m in matches if not m.matched and m.blocked is None and self._reckons(m.key_step)]
        if missed:
            self._note_reached(settled)
        hit = {m.key_step for m in matches if m.matched}
        # Last first: a step may be merged into one that is itself merged.
        for m in reversed(missed):
            found = matches[m.key_step] = self._subsumed(m, hit)
            if found.matched:
                hit.add(m.key_step)
        return tuple(matches)

    def _reckons(self, index: int) -> bool:
        return any(form.reckoning is not None for form in self.prepared.forms[index])

    def _note_reached(self, settled: Sequence[StepMatch | None]) -> None:
        """The derivations of key steps that were found without being read."""
        for index, known in enumerate(settled):
            own = next((form.reckoning.own for form in self.prepared.forms[index] if form.reckoning), None) if known else None
            for stated in self.statements.by_provenance.get(own, ()) if own is not None else ():
                if stated.equation.true and stated.denied is None:
                    self.reached.setdefault(self.statements.expanded(stated), stated)

    def _step(self, index: int) -> StepMatch:
        best = StepMatch(index, 0.0, matched=False)
        for form in self.prepared.forms[index]:
            found = self._form(index, form)
            if (found.matched, found.score, found.blocked is not None) > (best.matched, best.score, best.blocked is not None):
                best = found
            if best.matched and best.score >= 1.0:
                break
        return best

    def _form(self, index: int, form: PreparedForm) -> StepMatch:
        if form.reckoning is not None:
            return self._equation(index, form, form.reckoning)
        if form.fact_keys:
            found = self._fact(index, form)
            if found.matched or found.blocked is not None or not form.worded:
                return found
        return self._phrase(index, form)

    def _found(self, index: int, form: PreparedForm, score: float, span: Span, tier: str = "numeric") -> StepMatch:
        return StepMatch(index, score, score >= self.threshold, tier, form.text, span)

    def _missed(self, index: int, form: PreparedForm, span: Span, blocked: str, tier: str = "numeric") -> StepMatch:
        return StepMatch(index, 0.0, matched=False, tier=tier, form=form.text, span=span, blocked=blocked)

    # Numeric key steps ------------------------------------------------------------------------------------------------

    def _equation(self, index: int, form: PreparedForm, wanted: Reckoning) -> StepMatch:
        for stated in self.statements.by_provenance.get(wanted.own, ()) if wanted.own is not None else ():
            if derivations.conflicts(wanted.form, stated.equation) and stated.denied is None:
                return self._missed(index, form, stated.span, "other_result")
        best = StepMatch(index, 0.0, matched=False)
        for stated in self.statements.with_result(wanted.form.result):
            if best.score >= derivations.SAME:
                break
            expanded = self.statements.expanded(stated)
            score = derivations.compare(wanted.form, wanted.expanded, stated.equation, expanded)
            if score > derivations.SUBSUMED and stated.denied is None:
                self.reached.setdefault(expanded, stated)
            if score <= best.score:
                continue
            blocked = stated.denied or ("other_context" if self._about_another(form, wanted, stated) else None)
            if blocked is None:
                tier = "exact" if stated.equation.tree == wanted.form.tree else "numeric"
                best = self._found(index, form, score, stated.span, tier)
            elif best.score == 0.0:
                best = self._missed(index, form, stated.span, blocked)
        if best.score < derivations.PROSE and best.blocked != "other_context":
            prose = self._prose(index, form, wanted)
            if prose.score > best.score or (best.tier is None and prose.tier is not None):
                return prose
        return best

    def _about_another(self, form: PreparedForm, wanted: Reckoning, stated: Stated) -> bool:
        """The same numbers of other things: what is counted differs, and so does every other word of the sentence."""
        if wanted.counted is None:
            return False
        found = self.reading.sentence(stated.sentence).wording.words
        counted = phrases.counted(found, wanted.form.result)
        if counted is None or counted == wanted.counted:
            return False
        return not form.phrase.weights.keys() & {str(w.concept) for w in found if w.kind == CONTENT}

    def _prose(self, index: int, form: PreparedForm, wanted: Reckoning) -> StepMatch:
        """A sentence without the equation but with its numbers."""
        best = StepMatch(index, 0.0, matched=False)
        for at in self.reading.bearing(wanted.form.result):
            sentence = self.reading.sentence(at)
            values = sentence.values
            if len(values) > 3 * (len(wanted.form.numbers) + 1):
                continue
            score = derivations.coverage(wanted.form, values)
            if score <= best.score:
                continue
            relations = sentence.relations
            if relations.unequal or any(not e.true or _elsewhere(wanted, e) for e in relations.equations):
                continue
            first, last = sentence.numbers_at()
            denied = self.reading.denied(at, first, last, equation=False)
            if denied is None:
                best = self._found(index, form, score, self.reading.span(at, first, last))
            elif best.tier is None:
                best = self._missed(index, form, self.reading.span(at, first, last), denied)
        return best

    def _subsumed(self, missed: StepMatch, hit: set[int]) -> StepMatch:
        """A step merged into a longer derivation: 11+4 within 36-11-4=21.

        The derivation must have reached another key step, or be the rollout's last while every key step that builds on this one
        is matched: a derivation that went elsewhere is no witness.
        """
        index = missed.key_step
        for form in self.prepared.forms[index]:
            if form.reckoning is None:
                continue
            candidates = dict(self.reached)
            if self.prepared.dependents[index] <= hit:
                for stated in self.statements.conclusion:
                    candidates.setdefault(self.statements.expanded(stated), stated)
            last = index == len(self.prepared.forms) - 1
            for expanded, stated in candidates.items():
                strictly = last and expanded not in self.reached
                if derivations.subsumed(form.reckoning.form, form.reckoning.expanded, expanded, strictly=strictly):
                    return self._found(index, form, derivations.SUBSUMED, stated.span)
        return missed

    # Symbolic and text key steps --------------------------------------------------------------------------------------

    def _fact(self, index: int, form: PreparedForm) -> StepMatch:
        best = StepMatch(index, 0.0, matched=False)
        for stated in self.statements.matching(form.fact_keys, form.fact_names):
            span = self.reading.span(stated.sentence, stated.fact.first, stated.fact.last)
            denied = self.reading.denied(stated.sentence, stated.fact.first, stated.fact.last, equation=True)
            if denied is None:
                return self._found(index, form, 1.0, span)
            best = self._missed(index, form, span, denied)
        return best

    def _bare(self, index: int, form: PreparedForm) -> StepMatch:
        """A form without a concept or a number ("so it is", "∴"): word for word, or not at all."""
        for at, (start, end) in enumerate(self.reading.bounds if form.phrase.exact.strip() else ()):
            tokens = self.reading.sentence(at).tokens
            if form.phrase.exact in verbatim(tokens) and self.reading.denied(at, 0, len(tokens) - 1, equation=False) is None:
                return self._found(index, form, 1.0, (start, end), "exact")
        return StepMatch(index, 0.0, matched=False)

    def _phrase(self, index: int, form: PreparedForm) -> StepMatch:
        if not form.bits and not form.phrase.numbers:
            return self._bare(index, form)
        best: tuple[int, phrases.PhraseMatch] | None = None
        nearest: tuple[int, phrases.PhraseMatch, str] | None = None
        for at, covered in self._candidates(form):
            reached = best[1].score if best is not None else 0.0
            # What can no longer match is only worth a look while nothing was found.
            if covered <= reached or (covered < self.threshold and (best is not None or nearest is not None)):
                break
            found = phrases.compare(form.phrase, self.reading.sentence(at).wording)
            if found is None or (found.blocked is None and found.score <= reached):
                continue
            blocked = found.blocked or self._not_asserted(at, form, found)
            if blocked is None:
                best = (at, found)
            elif nearest is None:
                nearest = (at, found, blocked)
        if best is not None:
            at, found = best
            exact = found.score >= 1.0 and form.phrase.exact in verbatim(self.reading.sentence(at).tokens)
            return self._found(index, form, found.score, self.span(at, found), "exact" if exact else "fuzzy")
        if nearest is not None:
            return self._missed(index, form, self.span(nearest[0], nearest[1]), nearest[2], "fuzzy")
        return StepMatch(index, 0.0, matched=False)

    def span(self, at: int, found: phrases.PhraseMatch) -> Span:
        """Where what was found in a sentence stands in the text."""
        return self.reading.span(at, found.first, found.last)

    def near(self, index: int) -> Iterator[tuple[PreparedForm, int, phrases.PhraseMatch]]:
        """(form, sentence, what is shared) of each sentence that asserts part of a text form, with nothing in the way."""
        for form in self.prepared.forms[index]:
            if form.reckoning is not None or (form.fact_keys and not form.worded) or not form.bits:
                continue
            for at, _ in self._candidates(form):
                found = phrases.compare(form.phrase, self.reading.sentence(at).wording)
                if found is not None and found.blocked is None and self._not_asserted(at, form, found) is None:
                    yield form, at, found

    def _not_asserted(self, at: int, form: PreparedForm, found: phrases.PhraseMatch) -> str | None:
        denied = self.reading.denied(at, found.first, found.last, equation=False)
        if denied == "negated" and form.phrase.negated:
            denied = None  # the negation is the key step's own
        return denied or ("question" if self.reading.sentence(at).low.rstrip().endswith("?") else None)

    def _candidates(self, form: PreparedForm) -> list[tuple[int, float]]:
        """The sentences that could state a phrase, with the most they can cover, the best first."""
        if not form.bits:
            return [(i, 1.0) for i in range(len(self.reading.bounds))]
        wanted, least = form.mask, form.least
        found = [(i, m) for i in range(len(self.reading.bounds)) if (m := self.mask(i) & wanted).bit_count() >= least]
        covered = [(i, sum([w for bit, w in form.bits if m & bit]) / form.weight) for i, m in found]
        if len(covered) > 1:
            covered.sort(key=lambda c: (-c[1], c[0]))
        return covered[:MAX_CANDIDATES]


def _elsewhere(wanted: Reckoning, equation: Equation) -> bool:
    """The sentence reckons with these numbers towards something else."""
    used = set(derivations.form_of(equation).numbers)
    return equation.result != wanted.form.result and (wanted.form.result in used or set(wanted.form.numbers) == used)
