"""Rewards for trainers that take numbers only."""

from __future__ import annotations

from keystep_client.adapters.samples import COMPONENTS
from keystep_client.errors import UndecidedError
from keystep_client.models import ScoredRollout, Undecided


def numbers(rollout: ScoredRollout, undecided: Undecided) -> dict[str, float]:
    """reward, each component, and whether the reward is undecided (1 or 0): the same keys always, every value a number.

    undecided: the number that stands for what could not be decided, or 'raise'.
    """
    if undecided is None:
        raise ValueError("undecided is None, and this trainer takes numbers only; give a number, or 'raise'")
    values = {name: getattr(rollout, name) for name in ("reward", *COMPONENTS)}
    if undecided == "raise":
        missing = [name for name, value in values.items() if value is None]
        if missing:
            raise UndecidedError(
                f"{', '.join(missing)} of {rollout.id!r} undecided: {', '.join(rollout.reasons)}; mend that, or choose a number with undecided=",
                rollouts=((rollout.id, tuple(rollout.reasons)),),
            )
        return {**values, "undecided": 0.0}
    return {**{k: undecided if v is None else v for k, v in values.items()}, "undecided": float(rollout.reward is None)}
