from __future__ import annotations

import math
import statistics

from hypothesis import given
from hypothesis import strategies as st

from keystep.core.advantage import normalise

rewards = st.lists(st.floats(0, 2.1), min_size=2, max_size=8)


def test_the_released_trainers_formula():
    values = [2.1, 1.1, 0.0, 1.0]
    mean, std = statistics.mean(values), statistics.stdev(values)
    got = normalise(values)
    assert (got.mean, got.std, got.zero_variance) == (mean, std, False)
    assert all(math.isclose(a, (r - mean) / (std + 1e-4)) for a, r in zip(got.values, values, strict=True))


def test_a_null_reward_has_a_null_advantage_and_stays_out():
    assert normalise([2.0, None, 1.0]).values[1] is None
    assert normalise([2.0, None, 1.0]).mean == 1.5
    assert normalise([2.0, None, 1.0]).values[::2] == normalise([2.0, 1.0]).values


def test_groups_without_signal_say_so():
    for group, mean in (([], None), ([None], None), ([1.05], 1.05), ([0.1, 0.1, 0.1], 0.1), ([None, 2.0], 2.0)):
        got = normalise(group)
        assert (got.values, got.mean, got.std, got.zero_variance) == (tuple(None if r is None else 0.0 for r in group), mean, 0.0, True)


@given(rewards, st.randoms())
def test_order_never_matters(group, random):
    order = list(range(len(group)))
    random.shuffle(order)
    straight, shuffled = normalise(group), normalise([group[i] for i in order])
    assert shuffled.values == tuple(straight.values[i] for i in order)


@given(rewards)
def test_they_sum_to_zero(group):
    assert abs(math.fsum(normalise(group).values)) < 1e-6
