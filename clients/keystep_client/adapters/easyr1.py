"""EasyR1's batch reward function, for a file given as worker.reward.reward_function=FILE:compute_score.

    compute_score = keystep_score("http://127.0.0.1:8000", undecided=0.0)

[{"response", "response_length", "ground_truth"}] -> [{"overall", "format", "accuracy", components}], the same keys always:
format is StepRVR, accuracy the outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keystep_client.adapters.numbers import numbers
from keystep_client.adapters.samples import Samples, question
from keystep_client.calls import RecipeSpec
from keystep_client.client import Client
from keystep_client.models import ScoredRollout, Undecided

Inputs = Sequence[Mapping[str, Any]]


def keystep_score(
    url: str | Sequence[str], *, undecided: Undecided, recipe: RecipeSpec = "hardened", api_key: str | None = None
) -> Callable[[Inputs], list[dict[str, float]]]:
    """A reward function of batches. undecided: the number that stands for what could not be decided, or 'raise'."""
    client = Client(url, api_key=api_key)

    def compute_score(reward_inputs: Inputs, **_: Any) -> list[dict[str, float]]:
        samples = Samples()
        for given in reward_inputs:
            samples.add(given["response"], question(given["ground_truth"], given))
        if not samples.groups:
            return []
        return [_told(r, undecided) for r in samples.rollouts(client.score(samples.groups, recipe=recipe))]

    return compute_score


def _told(rollout: ScoredRollout, undecided: Undecided) -> dict[str, float]:
    told = numbers(rollout, undecided)
    return {"overall": told.pop("reward"), "format": told["step_rvr"], "accuracy": told["outcome"], **told}
