"""Group-normalised rewards: A_i = (r_i - mean) / (std + 1e-4), the sample std (ddof 1), as the released trainer has it.

A null reward has a null advantage and stays out of mean and std. A group whose rewards are all equal carries no signal;
zero_variance says so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from keystep.nouns import Advantages

EPSILON: Final = 1e-4


def normalise(rewards: Sequence[float | None]) -> Advantages:
    """Advantages of one group, one a reward, in order. Fewer than two rewards: 0 and zero variance."""
    given = [r for r in rewards if r is not None]
    mean = math.fsum(given) / len(given) if given else None
    if mean is None or len(given) < 2 or min(given) == max(given):
        # All equal: the mean is that value exactly, not its rounding.
        mean = given[0] if given else None
        return Advantages(tuple(None if r is None else 0.0 for r in rewards), mean, 0.0, zero_variance=True)
    std = math.sqrt(math.fsum((r - mean) ** 2 for r in given) / (len(given) - 1))
    values = tuple(None if r is None else (r - mean) / (std + EPSILON) for r in rewards)
    return Advantages(values, mean, std, zero_variance=False)
