"""Win rates: what is counted, and a planted effect of length taken out again."""

from __future__ import annotations

import math
import random

import pytest

from keystep.errors import InputError
from keystep.judges.winrate import Judged, win_rate


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def planted(quality: float, liking: float, longer: float, *, count: int = 4000, seed: int = 1) -> list[Judged]:
    """Judgements of a judge to whom the output is better by ``quality`` in log-odds, and who likes length; the output is longer on average."""
    rng = random.Random(seed)
    lengths = [round(rng.gauss(longer, 400)) for _ in range(count)]
    spread = math.sqrt(sum((n - sum(lengths) / count) ** 2 for n in lengths) / count)
    return [Judged(float(rng.random() < sigmoid(quality + liking * math.tanh(n / spread))), n) for n in lengths]


def test_a_planted_liking_for_length_is_taken_out_and_raw_does_not_see_it():
    rate = win_rate(planted(quality=0.0, liking=1.5, longer=300))
    assert rate.raw > 0.6  # no better, and yet it wins
    assert rate.length_controlled == pytest.approx(0.5, abs=0.03)
    assert rate.length_effect == pytest.approx(1.5, abs=0.25)


def test_a_better_but_shorter_output_is_found_to_be_better():
    rate = win_rate(planted(quality=0.8, liking=2.0, longer=-500))
    assert rate.raw < 0.5
    assert rate.length_controlled == pytest.approx(sigmoid(0.8), abs=0.04)


def test_without_such_a_liking_both_agree():
    rate = win_rate(planted(quality=0.5, liking=0.0, longer=300))
    assert rate.length_controlled == pytest.approx(rate.raw, abs=0.03)
    assert abs(rate.length_effect) < 0.2


def test_what_is_counted():
    rate = win_rate([Judged(p, n) for n, p in enumerate([1.0, 1.0, 0.5, 0.0, 0.75])])
    assert (rate.pairs, rate.wins, rate.ties, rate.losses, rate.raw) == (5, 3, 1, 1, 0.65)
    assert rate.standard_error == pytest.approx(math.sqrt(sum((p - 0.65) ** 2 for p in (1, 1, 0.5, 0, 0.75)) / 4 / 5))


def test_a_tie_is_half_a_win_and_half_a_loss_to_the_model_too():
    halves = win_rate([Judged(0.5, n) for n in range(-50, 50)])
    assert (halves.raw, halves.length_controlled) == (0.5, pytest.approx(0.5, abs=1e-6))


@pytest.mark.parametrize(
    ("judged", "why"),
    [
        ([Judged(1.0), Judged(0.0, 3)], "bear no lengths"),
        ([Judged(1.0, 3), Judged(0.0, 3)], "differ by the same"),
        ([Judged(1.0, 3), Judged(1.0, 4)], "judged the same way"),
    ],
)
def test_where_length_cannot_be_controlled_it_says_why(judged, why):
    rate = win_rate(judged)
    assert rate.length_controlled is None
    assert why in rate.why


def test_where_length_decides_everything_the_figure_is_finite():
    rate = win_rate([Judged(float(n > 0), n) for n in range(-20, 21) if n])
    assert rate.length_controlled == pytest.approx(0.5, abs=0.05)
    assert math.isfinite(rate.length_effect)


def test_nothing_to_count_is_an_error():
    with pytest.raises(InputError, match="no decided judgement"):
        win_rate([])
