"""OpenRLHF's reward file, given as --reward.remote_url FILE.py. Without it, the service's own URL does the same:
--reward.remote_url http://127.0.0.1:8000/get_reward?undecided=0

    reward_func = keystep_reward("http://127.0.0.1:8000", undecided=0.0)

This file adds the client's retries, replicas and pooled connections; what is a response, and what a label, the service reads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from pydantic import BaseModel

from keystep_client.calls import Call, RecipeSpec
from keystep_client.client import Client


class Rewards(BaseModel):
    """What the service's /get_reward answers, as far as OpenRLHF reads it."""

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]]


def keystep_reward(
    url: str | Sequence[str], *, undecided: float, recipe: RecipeSpec = "hardened", api_key: str | None = None
) -> Callable[[Sequence[str], Sequence[str], Sequence[Any]], dict[str, Any]]:
    """A reward function. undecided: the number that stands for what is still undecided after two more tries."""
    client = Client(url, api_key=api_key)
    chosen = urlencode({"recipe": recipe if isinstance(recipe, str) else json.dumps(dict(recipe)), "undecided": undecided})

    def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any]) -> dict[str, Any]:
        fields = {"query": list(queries), "prompts": list(prompts), "labels": list(labels)}
        return client.send(Call("POST", f"/get_reward?{chosen}", Rewards, fields)).model_dump()

    return reward_func
