"""Who draws the rollouts that are trained on: transformers' generate on the policy itself, or vLLM beside it.

Evaluations are always drawn by transformers, so that their figures do not depend on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from keystep_train import sampling
from keystep_train.batches import Batch
from keystep_train.config import Sampling
from keystep_train.errors import ConfigError
from keystep_train.policies import Policy
from keystep_train.tasks import Question

Done = Callable[[int, Batch], None]


class Generator(Protocol):
    """Draws for one policy."""

    def renew(self) -> None:
        """Takes over the policy's weights as they are now; before the first rollouts, and after each update."""

    def generate(self, questions: Sequence[Question], *, seed: int, done: Done | None = None) -> Batch:
        """As sampling.generate."""

    def close(self) -> None:
        """Gives back what it holds besides the policy."""


def generator(policy: Policy, told: Sampling, *, processes: int = 1) -> Generator:
    """The one a configuration asks for. ConfigError: vLLM cannot draw for this policy, or not in so many processes."""
    if told.vllm is None:
        return _Transformers(policy, told)
    if policy.processor is not None:
        raise ConfigError("sampling.vllm: it draws for models of text alone here; for one that sees pictures take vllm out")
    if processes > 1:
        raise ConfigError(f"sampling.vllm: it draws in one process, and there are {processes}; launch one, or take vllm out")
    from keystep_train.vllm_engine import VllmGenerator

    return VllmGenerator(policy, told)


@dataclass
class _Transformers:
    policy: Policy
    told: Sampling

    def renew(self) -> None:
        """It draws with the policy's own weights."""

    def close(self) -> None:
        """It holds nothing."""

    def generate(self, questions: Sequence[Question], *, seed: int, done: Done | None = None) -> Batch:
        return sampling.generate(self.policy, questions, self.told, seed=seed, done=done)
