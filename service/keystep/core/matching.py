"""Key steps against one rollout. ``prepare`` once a question, ``match`` once a rollout; tiers.py has the hardened way.

substring  the released code: region bodies joined by a space, lower-cased, any form a substring
folded     the paper's figure: the same with all white space ignored
tiers      exact -> numeric -> fuzzy, under the guards, after the audit of stuffing.py
semantic   the same; what it leaves undecided is asked of an embedder (semantic.py)
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from keystep.core import counting, semantic, stuffing, verbatim
from keystep.core.prepared import PreparedKeySteps
from keystep.core.reading import Reading
from keystep.core.semantic import Cosines, Undecided
from keystep.core.tiers import Tiers
from keystep.nouns import Flag, KeyStep, Span, StepMatch, noun
from keystep.recipe import Recipe

__all__ = ["Matching", "PreparedKeySteps", "match", "prepare"]


@noun
class Matching:
    """matches: one a key step, in order.  k: share matched.  k_soft: mean score.  excluded: text left out as stuffing.

    undecided: semantic only: what the embedder is to be asked; empty once it has answered.
    """

    matches: tuple[StepMatch, ...]
    k: float
    k_soft: float
    flags: tuple[Flag, ...]
    excluded: tuple[Span, ...]
    undecided: tuple[Undecided, ...] = ()


@lru_cache(maxsize=512)
def prepare(key_steps: tuple[KeyStep, ...], question: str = "") -> PreparedKeySteps:
    """The key steps of one question, ready to be looked for. The question's text feeds the audit (what is copied from it)."""
    return PreparedKeySteps(key_steps, question)


def match(prepared: PreparedKeySteps, text: str, regions: Sequence[Span], recipe: Recipe, cosines: Cosines | None = None) -> Matching:
    """Which key steps ``text`` reaches within ``regions``; spans index ``text``. Never raises, linear in the text.

    cosines: what the recipe's embedder says of the pairs that a call without it left undecided.
    """
    if not prepared.key_steps:
        return Matching((), 0.0, 0.0, (), ())
    if recipe.matching in ("substring", "folded"):
        return _total(_literal(prepared, text, regions, fold_space=recipe.matching == "folded"), prepared.key_steps, recipe)
    ordered = sorted(regions)
    reading = Reading(text, ordered)
    audit = stuffing.audit(prepared, reading)
    if audit.excluded and recipe.stuffing == "absent":
        reading = Reading(text, _without(ordered, audit.excluded))
    settled = verbatim.settle(prepared.spelled, reading.low, reading.regions)
    tiers = Tiers(prepared, reading, recipe.match_threshold)
    matches = tiers.run(settled)
    undecided = semantic.undecided(tiers, matches) if recipe.matching == "semantic" else ()
    if cosines is not None:
        matches, undecided = semantic.confirm(matches, undecided, cosines, recipe.semantic_threshold), ()
    flags = list(audit.flags)
    if any(m.blocked == "negated" for m in matches):
        flags.append(Flag.NEGATED_STEP)
    if any(m.blocked == "other_result" for m in matches):
        flags.append(Flag.CONFLICTING_STEP)
    if recipe.order == "reference":
        matches = counting.in_order(matches)
    return _total(matches, prepared.key_steps, recipe, tuple(flags), audit.excluded, undecided)


def _total(
    matches: tuple[StepMatch, ...],
    key_steps: Sequence[KeyStep],
    recipe: Recipe,
    flags: tuple[Flag, ...] = (),
    excluded: tuple[Span, ...] = (),
    undecided: tuple[Undecided, ...] = (),
) -> Matching:
    counted = matches
    if recipe.duplicates == "once":
        first = counting.first_of_each(key_steps)
        counted = tuple(m for m in matches if m.key_step in first)
    n = len(counted)
    return Matching(matches, sum(m.matched for m in counted) / n, sum(m.score for m in counted) / n, flags, excluded, undecided)


def _without(regions: Sequence[Span], excluded: Sequence[Span]) -> list[Span]:
    """The regions less the excluded spans; both in order."""
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


def _literal(prepared: PreparedKeySteps, text: str, regions: Sequence[Span], *, fold_space: bool) -> tuple[StepMatch, ...]:
    joined = " ".join(text[start:end] for start, end in regions).lower()
    if fold_space:
        joined = "".join(joined.split())
    low = text.lower()
    matches = []
    for index, step in enumerate(prepared.key_steps):
        found = next((f for f in step.forms if ("".join(f.lower().split()) if fold_space else f.lower()) in joined), None)
        if found is None:
            matches.append(StepMatch(index, 0.0, matched=False))
            continue
        # Evidence only: where the form stands as written, when lower case kept the length of the text.
        at = low.find(found.lower()) if len(low) == len(text) else -1
        matches.append(StepMatch(index, 1.0, matched=True, tier="exact", form=found, span=(at, at + len(found)) if at >= 0 else None))
    return tuple(matches)
