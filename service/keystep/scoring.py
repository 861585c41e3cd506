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
from keystep.nouns import Group, KeyStep, Outcome, Reason, Reward, Rollout, ScoredGroup, ScoredRollout, Structure
from keystep.recipe import Recipe

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The key steps of one group: one tuple a reference, None when they could not be had; and what to say about it."""

    key_steps: tuple[tuple[KeyStep, ...], ...] | None
    notes: tuple[Reason, ...] = ()


def read(rollout: Rollout, recipe: Recipe) -> Structure | None:
    """The rollout's sections; None where a defect of ours stood in the way."""
    try:
        return rewards.parse_for(recipe, rollout.text)
    except Exception:  # noqa: BLE001 - one bad rollout never fails its batch
        _log.exception("reading rollout %r failed", rollout.id)
        return None


def score(rollout: Rollout, parsed: Structure, want: Wanted, outcome: Outcome, recipe: Recipe, question: str) -> ScoredRollout:
    """The rollout's reward and evidence; null where a defect of ours stood in the way."""
    try:
        return rewards.score(rollout, parsed, want.key_steps, outcome, recipe, question=question, notes=want.notes)
    except Exception:  # noqa: BLE001 - one bad rollout never fails its batch
        _log.exception("scoring rollout %r failed", rollout.id)
        return nothing(rollout.id, Reason.INTERNAL_ERROR)


def nothing(rollout_id: str, reason: Reason) -> ScoredRollout:
    """All null."""
    return ScoredRollout(rollout_id, Reward(None, None, None, None, None, None, reasons=(reason,)))


def group(given: Group, rollouts: Sequence[ScoredRollout]) -> ScoredGroup:
    return ScoredGroup(given.id, tuple(rollouts), normalise([r.reward.total for r in rollouts]), pairs.best_and_worst(rollouts))
