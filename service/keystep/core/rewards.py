"""START HERE. What one rollout is worth, on one page.

R1-VL (arXiv 2503.12937, section 3.2), with k = |matched key steps| / |key steps| and alpha = 0.1:

    StepRAR  r_auc = 1 + alpha k   the answer is right
                     alpha k       an answer is given, but it is wrong
                     0             no answer is given
    StepRVR  r_val = 1             completeness and logic both hold
                     0             otherwise
    reward         = r_auc + r_val                                              in [0, 1 + alpha + 1] = [0, 2.1]

Where each part comes from (this module only adds up):

    text --structure.parse--> Structure --validity.validate--> completeness, logic ----------> StepRVR
                                  |------ matching.match ----> k, k_soft, stuffing flags --\\
                                  `------ verify (outside the core) -> Outcome -------------> StepRAR

An error is never a zero: an outcome that could not be decided is None, and so is every sum that needs it. A model's own
failure (no answer, a wrong one, an unreadable one) is a zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from keystep.core import official, structure
from keystep.core.audit import audit
from keystep.core.matching import Matching, match, prepare
from keystep.core.semantic import Cosines, Pair
from keystep.core.structure import outside_answers, step_bodies
from keystep.core.validity import validate
from keystep.nouns import Evidence, KeyStep, Outcome, Reason, Reward, Rollout, ScoredRollout, Span, Structure, Validity
from keystep.recipe import Recipe

# Answers that earn nothing at all under StepRAR's third case: none was given, or several were.
_NO_ONE_ANSWER: Final = frozenset({Reason.NO_ANSWER, Reason.SEVERAL_ANSWERS})


def step_rar(outcome: Outcome, k: float, recipe: Recipe) -> float | None:
    """r_auc; None while the outcome is undecided."""
    if outcome.value is None:
        return None
    absent = outcome.answer is None or not _NO_ONE_ANSWER.isdisjoint(outcome.reasons)
    if absent and outcome.value == 0.0 and recipe.no_answer == "zero":
        return 0.0
    return outcome.value + recipe.alpha * k


def step_rvr(validity: Validity) -> float:
    """r_val: 1 when completeness and logic hold, else 0."""
    return 1.0 if validity.completeness and validity.logic else 0.0


def total(recipe: Recipe, rar: float | None, rvr: float | None, outcome: float | None) -> float | None:
    """The weighted sum. A component of weight 0 is not needed; a needed one that is None makes the sum None."""
    reward = 0.0
    for weight, value in ((recipe.weight_step_rar, rar), (recipe.weight_step_rvr, rvr), (recipe.weight_outcome, outcome)):
        if weight == 0.0:
            continue
        if value is None:
            return None
        reward += weight * value
    return reward


def score(
    rollout: Rollout,
    parsed: Structure,
    key_steps: Sequence[tuple[KeyStep, ...]] | None,
    outcome: Outcome,
    recipe: Recipe,
    *,
    question: str = "",
    notes: Iterable[Reason] = (),
    cosines: Cosines | None = None,
) -> ScoredRollout:
    """One rollout's reward and evidence, from its parsed sections, its question's key steps and its verdict.

    key_steps: one tuple for each reference; the one with the best recall counts. None when they were wanted and could
        not be had: k, and with it StepRAR, is then None.
    notes: reasons that concern the whole question (no_key_steps, extractor_unavailable).
    cosines: for a recipe with an embedder, what it says of the ``undecided`` pairs. Such a recipe is never scored without.
    """
    if recipe.matching == "semantic" and cosines is None:
        raise ValueError(f"the recipe {recipe.name} needs the cosines of its embedder {recipe.embedder}")
    validity = validate_for(recipe, parsed, rollout.text)
    looked_for, matching = _best_recall(recipe, parsed, rollout.text, key_steps or ((),), question, cosines)
    known = key_steps is not None
    rar = step_rar(outcome, matching.k, recipe) if known else None
    rvr = step_rvr(validity)
    reward = Reward(
        total=total(recipe, rar, rvr, outcome.value),
        step_rar=rar,
        step_rvr=rvr,
        outcome=outcome.value,
        k=matching.k if known else None,
        k_soft=matching.k_soft if known else None,
        reasons=tuple(dict.fromkeys((*notes, *outcome.reasons, *validity.reasons))),
        flags=tuple(dict.fromkeys((*outcome.flags, *matching.flags, *audit(rollout)))),
    )
    return ScoredRollout(rollout.id, reward, Evidence(parsed, validity, matching.matches, outcome, looked_for, matching.excluded))


def undecided(
    rollout: Rollout, parsed: Structure, key_steps: Sequence[tuple[KeyStep, ...]] | None, recipe: Recipe, *, question: str = ""
) -> tuple[Pair, ...]:
    """(form of a key step, sentence) that the recipe's embedder is to compare before ``score``; none for a recipe without."""
    if recipe.matching != "semantic":
        return ()
    regions = _regions(recipe, parsed, rollout.text)
    found = [match(prepare(steps, question), rollout.text, regions, recipe) for steps in key_steps or ()]
    return tuple(dict.fromkeys(u.pair for matching in found for u in matching.undecided))


def parse_for(recipe: Recipe, text: str) -> Structure:
    """The text's sections, by the recipe's grammar."""
    return structure.parse(text, recipe.grammar)


def validate_for(recipe: Recipe, parsed: Structure, text: str) -> Validity:
    """Completeness and logic, by the recipe's rule."""
    return official.validate(text) if recipe.validity == "official" else validate(parsed, text)


def _best_recall(
    recipe: Recipe, parsed: Structure, text: str, key_steps: Sequence[tuple[KeyStep, ...]], question: str, cosines: Cosines | None
) -> tuple[tuple[KeyStep, ...], Matching]:
    regions = _regions(recipe, parsed, text)
    tried = [(steps, match(prepare(steps, question), text, regions, recipe, cosines)) for steps in key_steps]
    return max(tried, key=lambda t: (t[1].k, t[1].k_soft))


def _regions(recipe: Recipe, parsed: Structure, text: str) -> Sequence[Span]:
    """Where key steps are looked for."""
    if recipe.search_in == "all_but_answer":
        return outside_answers(parsed, text)
    return official.step_bodies(text) if recipe.matching == "substring" else step_bodies(parsed)
