"""What pairwise judgements come to: a win rate as counted, and one with the judge's liking for length taken out.

    raw                the mean preference for the output: a win 1, a tie 1/2, a loss 0
    length-controlled  P(output wins | d) = sigmoid(a + b tanh(d / s)), d = length of the output - length of the baseline, s = the
                       standard deviation of d; fitted by logistic regression, and read at d = 0: sigmoid(a)

This is the model of Length-Controlled AlpacaEval (section 3) without its term for the instruction's difficulty, which is fitted over
many other models' judgements that are not at hand here; figures are therefore close to, not equal to, those of its leaderboard.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from keystep.errors import InputError

# Ridge on b, as 1 / strength: next to nothing beside a few dozen judgements, and finite where length alone decides every one.
_C = 100.0


@dataclass(frozen=True, slots=True)
class Judged:
    """One pair. preference: of the output over the baseline, in [0, 1].  longer_by: characters of the output less the baseline's."""

    preference: float
    longer_by: int | None = None


@dataclass(frozen=True, slots=True)
class WinRate:
    """Shares in [0, 1]. standard_error: of raw.  length_controlled: None where it cannot be told, and why says so.

    length_effect: b; a positive one is a judge that likes longer texts.
    """

    pairs: int
    wins: int
    ties: int
    losses: int
    raw: float
    standard_error: float
    length_controlled: float | None = None
    length_effect: float | None = None
    why: str = ""


def win_rate(judged: Sequence[Judged]) -> WinRate:
    """Raises InputError without a judgement, or without scikit-learn."""
    if not judged:
        raise InputError("there is no decided judgement to count")
    preferences = [j.preference for j in judged]
    count = len(preferences)
    raw = math.fsum(preferences) / count
    spread = math.fsum((p - raw) ** 2 for p in preferences) / max(1, count - 1)
    wins, losses = sum(p > 0.5 for p in preferences), sum(p < 0.5 for p in preferences)
    whole = WinRate(count, wins, count - wins - losses, losses, raw, math.sqrt(spread / count))
    lengths = [j.longer_by for j in judged if j.longer_by is not None]
    if len(lengths) < count:
        return _without(whole, "the judgements bear no lengths")
    if len(set(lengths)) == 1:
        return _without(whole, "all lengths differ by the same")
    if len(set(preferences)) == 1 and preferences[0] in (0.0, 1.0):
        return _without(whole, "every pair was judged the same way")
    intercept, effect = _fitted(preferences, lengths)
    return _with(whole, 1.0 / (1.0 + math.exp(-intercept)), effect)


def _fitted(preferences: Sequence[float], lengths: Sequence[int]) -> tuple[float, float]:
    """(a, b)"""
    try:
        import numpy as np
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise InputError(f"win rates need the extra [judge] (pip install 'keystep[judge]'): {error}") from error
    differences = np.tanh(np.asarray(lengths, dtype=float) / np.std(lengths))
    # A preference between 0 and 1 is so much of a win and so much of a loss.
    weights = np.concatenate([preferences, 1.0 - np.asarray(preferences)])
    verdicts = np.repeat([1, 0], len(preferences))
    kept = weights > 0
    model = LogisticRegression(C=_C, tol=1e-8, max_iter=1000)
    model.fit(np.tile(differences, 2)[kept, None], verdicts[kept], sample_weight=weights[kept])
    return float(model.intercept_[0]), float(model.coef_[0, 0])


def _without(rate: WinRate, why: str) -> WinRate:
    return WinRate(rate.pairs, rate.wins, rate.ties, rate.losses, rate.raw, rate.standard_error, why=why)


def _with(rate: WinRate, controlled: float, effect: float) -> WinRate:
    return WinRate(rate.pairs, rate.wins, rate.ties, rate.losses, rate.raw, rate.standard_error, controlled, effect)
