"""Chosen against rejected: the best and the worst rollout of a group (SimPO, section 4: best and worst of five)."""

from __future__ import annotations

from collections.abc import Sequence

from keystep.nouns import Pair, ScoredRollout


def best_and_worst(rollouts: Sequence[ScoredRollout]) -> Pair | None:
    """None when fewer than two rewards are given or all tie. Among equals the smallest id is taken, so order never matters."""
    scored = [(r.reward.total, r.id) for r in rollouts if r.reward.total is not None]
    if len(scored) < 2:
        return None
    high = max(value for value, _ in scored)
    low = min(value for value, _ in scored)
    if high == low:
        return None
    chosen = min(id_ for value, id_ in scored if value == high)
    rejected = min(id_ for value, id_ in scored if value == low)
    return Pair(chosen, rejected, high - low)
