"""Which responses are paired, and which never are."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.core.preferences import Candidate, Dropped, LengthBias, choose, length_bias
from keystep.nouns import Pair


def candidates(*scores: float | tuple[float | None, ...] | None) -> list[Candidate]:
    return [Candidate(f"r{n}", f"text {n}", s if isinstance(s, tuple) else (s,)) for n, s in enumerate(scores)]


def pairs(*scores: float | tuple[float | None, ...] | None, **how) -> list[tuple[str, str]]:
    return [(p.pair.chosen, p.pair.rejected) for p in choose(candidates(*scores), **how).preferences]


def test_best_against_worst_in_any_order():
    group = candidates(1.0, 3.0, -2.0, None, 3.0)
    for order in itertools.permutations(group):
        (preference,) = choose(order).preferences
        assert preference.pair == Pair("r1", "r2", 5.0)


def test_the_ith_best_against_the_ith_worst():
    assert pairs(5, 1, 4, 2, 3, top=2) == [("r0", "r1"), ("r2", "r3")]
    assert pairs(5, 1, 4, 2, 3, top=9) == [("r0", "r1"), ("r2", "r3")]


def test_what_ties_is_no_pair():
    assert choose(candidates(1.0, 1.0, 1.0)).dropped is Dropped.TIE
    assert pairs(2, 1, 1, 1, 0, top=2) == [("r0", "r4")]


def test_a_null_score_is_never_a_worst():
    choice = choose(candidates(1.0, None, 2.0))
    assert [p.pair for p in choice.preferences] == [Pair("r2", "r0", 1.0)]
    assert choice.undecided == 1
    assert choose(candidates(1.0, None)).dropped is Dropped.TOO_FEW


def test_equal_texts_count_once_and_are_no_pair():
    twice = [Candidate("a", "same ", (1.0,)), Candidate("b", " same", (0.0,))]
    choice = choose(twice)
    assert (choice.preferences, choice.dropped, choice.duplicates) == ((), Dropped.TOO_FEW, 1)
    (preference,) = choose([*twice, Candidate("c", "other", (0.5,))]).preferences
    assert preference.pair == Pair("a", "c", 0.5)  # whichever of the equal ones stays, it is the same in any order


def test_a_margin_that_is_too_small_drops_the_pair_and_says_so():
    assert pairs(1.0, 0.5, min_margin=0.5) == [("r0", "r1")]
    assert choose(candidates(1.0, 0.6), min_margin=0.5).dropped is Dropped.MARGIN
    assert pairs(9, 5, 4, 0, top=2, min_margin=2) == [("r0", "r3")]


def test_the_second_score_decides_only_where_the_first_is_equal():
    first, second = choose(candidates((1.0, 0.1), (0.0, 9.0), (1.0, 0.7), (1.0, 0.2)), top=2).preferences
    assert (first.pair, first.decided_by) == (Pair("r2", "r1", 1.0), 0)
    assert (second.pair.chosen, second.pair.rejected, second.decided_by) == ("r3", "r0", 1)
    assert choose(candidates((1.0, None), (0.0, 1.0))).dropped is Dropped.TOO_FEW


@given(st.lists(st.none() | st.integers(0, 3), max_size=9), st.integers(1, 5), st.integers(0, 2), st.randoms())
def test_no_rollout_stands_twice_and_order_never_matters(scores, top, margin, random):
    group = [Candidate(f"{n}", f"text {n % 7}", (s,)) for n, s in enumerate(scores)]
    choice = choose(group, top=top, min_margin=margin)
    used = [id_ for p in choice.preferences for id_ in (p.pair.chosen, p.pair.rejected)]
    assert len(set(used)) == len(used)
    by_id = {c.id: c for c in group}
    for p in choice.preferences:
        assert by_id[p.pair.chosen].scores[0] - by_id[p.pair.rejected].scores[0] == p.pair.margin > 0
        assert by_id[p.pair.chosen].text != by_id[p.pair.rejected].text
    assert (choice.dropped is None) == bool(choice.preferences)
    random.shuffle(group)
    assert choose(group, top=top, min_margin=margin) == choice


def test_length_bias_is_told():
    assert length_bias([]) == LengthBias(None, None, None)
    told = length_bias([(10, 5), (4, 4), (1, 9), (7, 2)])
    assert (told.chosen_mean, told.rejected_mean, told.chosen_longer) == (5.5, 5.0, pytest.approx(2.5 / 4))
