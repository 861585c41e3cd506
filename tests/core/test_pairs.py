from __future__ import annotations

import itertools

from keystep.core.pairs import best_and_worst
from keystep.nouns import Pair, Reward, ScoredRollout


def rollout(id_: str, total: float | None) -> ScoredRollout:
    return ScoredRollout(id_, Reward(total, None, None, None, None, None))


def test_best_against_worst_in_any_order():
    group = [rollout("a", 1.0), rollout("b", 2.1), rollout("c", 0.0), rollout("d", None), rollout("e", 2.1)]
    for order in itertools.permutations(group):
        assert best_and_worst(order) == Pair("b", "c", 2.1)


def test_no_pair_of_ties_or_of_one():
    assert best_and_worst([]) is None
    assert best_and_worst([rollout("a", 1.0), rollout("b", None)]) is None
    assert best_and_worst([rollout("a", 1.0), rollout("b", 1.0)]) is None
