"""A reward model in this process: one checkpoint, one owner thread, batches by token budget (batcher.py).

Rows are packed, or padded on the right whatever the tokenizer says (states.py), and read where the row itself ends, never where a token
differs from the padding: a model whose padding is its end token is read as every other. A score is that of the sample alone but for the
arithmetic of other shapes; docs/reward-models.md bounds it for each dtype.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import wait
from itertools import groupby
from time import monotonic
from typing import Any

from keystep.errors import ComponentError
from keystep.models.batcher import Batcher, Model
from keystep.models.sample import Sample, Score
from keystep.models.spec import Local
from keystep.nouns import Reason

_log = logging.getLogger(__name__)

_NOT_FINITE = Score(reason=Reason.MODEL_UNAVAILABLE)


class LocalModel:
    """A sample.RewardModel over a batcher."""

    def __init__(self, name: str, spec: Local) -> None:
        self.name = name
        self.kind = spec.kind
        self._batcher: Batcher[Sample, Score] = Batcher(lambda: _load(spec), token_budget=spec.budget, name=name)

    def start(self) -> None:
        self._batcher.start()

    def alive(self) -> bool:
        return self._batcher.alive()

    def close(self) -> None:
        self._batcher.close()

    def score(self, samples: Sequence[Sample], *, deadline: float | None = None) -> list[Score]:
        # A request a sample: what fails one fails no other.
        futures = self._batcher.submit_each([[sample] for sample in samples])
        wait(futures, None if deadline is None else max(0.0, deadline - monotonic()))
        scores = []
        for future in futures:
            if not future.done() and future.cancel():
                scores.append(Score(reason=Reason.DEADLINE))
                continue
            try:
                scores += future.result()
            except ComponentError as error:
                scores.append(Score(reason=error.reason))
        return scores


def _load(spec: Local) -> Model[Sample, Score]:
    try:
        import torch  # noqa: F401
        import transformers  # noqa: F401
    except ImportError as error:
        raise ComponentError(
            Reason.MODEL_UNAVAILABLE, f"the model {spec.model} needs the extra [embed] (pip install 'keystep[embed]'): {error}"
        ) from error
    from keystep.models import heads

    return heads.load(spec)


def in_groups_of_one_length(lengths: Sequence[int], run: Callable[[Sequence[int]], list[Score]]) -> list[Score]:
    """run: of indices. For code that is not ours and may read padding as text: none is given to it."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    found: dict[int, Score] = {}
    for _, group in groupby(order, key=lengths.__getitem__):
        indices = list(group)
        found.update(zip(indices, run(indices), strict=True))
    return [found[index] for index in range(len(lengths))]


def finite(score: Score) -> Score:
    """The score, or that there is none where it holds what is no number."""
    numbers: list[Any] = [score.value, *(score.steps or ()), *(part for _, part in score.parts)]
    if all(math.isfinite(n) for n in numbers if n is not None):
        return score
    _log.warning("a reward model answered what is no number")
    return _NOT_FINITE
