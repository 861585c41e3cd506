"""One rollout from text to reward, once its question's key steps are known and its answer has been judged.

What the engine does in one process and what scoring processes do is this, and nothing else: the same bytes either way. One bad
rollout never fails its batch: a defect of ours under one rollout is that rollout's null, reason internal_error, logged.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from keystep.core import pairs, rewards
from keystep.core.advantage import normalise
from keystep.core.semantic import Cosines, Pair
from keystep.nouns import Group, KeyStep, Outcome, Reason, Reward, Rollout, ScoredGroup, ScoredRollout, Structure
from keystep.recipe import Recipe

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The key steps of one group: one tuple a reference, None when they could not be had; and what to say about it."""

    key_steps: tuple[tuple[KeyStep, ...], ...] | None
    notes: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Compared:
    """What a recipe's embedder said of a batch's undecided pairs; failed: why it said nothing."""

    cosines: Cosines
    failed: Reason | None = None


def read(rollout: Rollout, recipe: Recipe) -> Structure | None:
    """The rollout's sections; None where a defect of ours stood in the way."""
    try:
        return rewards.parse_for(recipe, rollout.text)
    except Exception:  # noqa: BLE001 - one bad rollout never fails its batch
        _log.exception("reading rollout %r failed", rollout.id)
        return None


def undecided(rollout: Rollout, parsed: Structure, want: Wanted, recipe: Recipe, question: str) -> tuple[Pair, ...]:
    """What the recipe's embedder is to be asked before the rollout is scored."""
    try:
        return rewards.undecided(rollout, parsed, want.key_steps, recipe, question=question)
    except Exception:  # noqa: BLE001 - one bad rollout never fails its batch; scoring it meets the same defect
        _log.exception("matching rollout %r failed", rollout.id)
        return ()


def score(
    rollout: Rollout,
    parsed: Structure,
    want: Wanted,
    outcome: Outcome,
    recipe: Recipe,
    question: str,
    compared: Compared | None = None,
) -> ScoredRollout:
    """The rollout's reward and evidence; null where a defect of ours stood in the way.

    compared: for a recipe with an embedder. Where that failed, what is undecided has no k; what is not needs none of it.
    """
    try:
        if compared is not None and compared.failed and rewards.undecided(rollout, parsed, want.key_steps, recipe, question=question):
            want = Wanted(None, (*want.notes, compared.failed))
        cosines = None if compared is None else compared.cosines
        return rewards.score(rollout, parsed, want.key_steps, outcome, recipe, question=question, notes=want.notes, cosines=cosines)
    except Exception:  # noqa: BLE001 - one bad rollout never fails its batch
        _log.exception("scoring rollout %r failed", rollout.id)
        return nothing(rollout.id, Reason.INTERNAL_ERROR)


def nothing(rollout_id: str, reason: Reason) -> ScoredRollout:
    """All null."""
    return ScoredRollout(rollout_id, Reward(None, None, None, None, None, None, reasons=(reason,)))


def group(given: Group, rollouts: Sequence[ScoredRollout]) -> ScoredGroup:
    return ScoredGroup(given.id, tuple(rollouts), normalise([r.reward.total for r in rollouts]), pairs.best_and_worst(rollouts))


def none_of(given: Group, reason: Reason) -> ScoredGroup:
    """All null, for the whole group."""
    return group(given, [nothing(r.id, reason) for r in given.rollouts])
