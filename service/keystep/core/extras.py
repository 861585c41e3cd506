"""Learned rewards as components of a recipe: total = StepGRPO's reward + sum of weight * normalised score (a recipe's ``extras``).

    aggregate   a process reward model's step scores to one number: min, mean, product, last
    normalise   none: the score as it is; sigmoid: 1 / (1 + e^-x); standard: (x - mean) / std, with the recipe's own mean and std

Nothing is normalised over a group: a score that one fault takes away would move the others'.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from keystep.nouns import Flag, Reason, ScoredRollout
from keystep.recipe import Aggregate, Extra, Recipe


@dataclass(frozen=True, slots=True)
class Learned:
    """What a reward model said of one rollout. value: of the whole.  steps: of each step, where it judges those."""

    value: float | None = None
    steps: tuple[float, ...] | None = None
    truncated: bool = False
    reason: Reason | None = None


def aggregated(steps: Sequence[float], how: Aggregate) -> float:
    """One number in [0, 1]. A response without a step has earned nothing: 0, not the empty product."""
    if not steps:
        return 0.0
    match how:
        case "min":
            return min(steps)
        case "mean":
            return math.fsum(steps) / len(steps)
        case "product":
            return math.prod(steps)
        case "last":
            return steps[-1]


def normalised(score: float, extra: Extra) -> float:
    match extra.normalise:
        case "none":
            return score
        case "sigmoid":
            # Either form alone overflows at one end.
            return 1.0 / (1.0 + math.exp(-score)) if score >= 0 else math.exp(score) / (1.0 + math.exp(score))
        case "standard":
            return (score - extra.mean) / extra.std


def value_of(learned: Learned, extra: Extra) -> float | None:
    """The component, before its weight; None where the model said nothing."""
    if learned.reason is not None:
        return None
    score = learned.value if learned.steps is None else aggregated(learned.steps, extra.aggregate)
    return None if score is None else normalised(score, extra)


def with_extras(scored: ScoredRollout, learned: Sequence[Learned], recipe: Recipe) -> ScoredRollout:
    """The rollout with its recipe's extras added, one ``learned`` an extra. One of weight 0 is told, and not needed."""
    if not recipe.extras:
        return scored
    reward = scored.reward
    values = [value_of(said, extra) for said, extra in zip(learned, recipe.extras, strict=True)]
    total = reward.total
    for value, extra in zip(values, recipe.extras, strict=True):
        if extra.weight != 0.0:
            total = None if total is None or value is None else total + extra.weight * value
    reasons = [said.reason for said in learned if said.reason is not None]
    reasons += [Reason.MISSING_STEPS for said in learned if said.steps == ()]
    flags = [Flag.MODEL_INPUT_TRUNCATED for said in learned if said.truncated]
    return dataclasses.replace(
        scored,
        reward=dataclasses.replace(
            reward,
            total=total,
            reasons=tuple(dict.fromkeys((*reward.reasons, *reasons))),
            flags=tuple(dict.fromkeys((*reward.flags, *flags))),
            extras=tuple((extra.reward_model, value) for extra, value in zip(recipe.extras, values, strict=True)),
        ),
    )
