"""verl's custom reward function, for its asynchronous reward managers and its synchronous ones.

    custom_reward_function.path=pkg://keystep_client.adapters.verl
    custom_reward_function.name=compute_score
    +custom_reward_function.reward_kwargs.url=http://127.0.0.1:8000
    +custom_reward_function.reward_kwargs.undecided=0.0

ground_truth: the gold answer, or JSON with the wire's fields; extra_info may hold more of them. verl takes the keys of the
first sample's answer and dies where one is missing later: they are the same always.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from keystep_client.adapters.numbers import numbers
from keystep_client.adapters.samples import Samples, question
from keystep_client.calls import RecipeSpec
from keystep_client.client import AsyncClient, Client
from keystep_client.models import ScoreResult, Undecided

# verl asks for one sample at a time: connections are kept, one pool an event loop, or a process for compute_score_sync.
_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[tuple[str, ...], str | None], AsyncClient]] = WeakKeyDictionary()


async def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    url: str | Sequence[str],
    undecided: Undecided,
    recipe: RecipeSpec = "hardened",
    api_key: str | None = None,
    **_: Any,
) -> dict[str, float]:
    """score and its components. undecided: the number that stands for what could not be decided, or 'raise'."""
    del data_source
    samples = _sample(solution_str, ground_truth, extra_info)
    pools = _clients.setdefault(asyncio.get_running_loop(), {})
    service = (_urls(url), api_key)
    client = pools.get(service) or pools.setdefault(service, AsyncClient(service[0], api_key=api_key))
    return _told(samples, await client.score(samples.groups, recipe=_plain(recipe)), undecided)


def compute_score_sync(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    url: str | Sequence[str],
    undecided: Undecided,
    recipe: RecipeSpec = "hardened",
    api_key: str | None = None,
    **_: Any,
) -> dict[str, float]:
    """As compute_score, for reward managers that do not await."""
    del data_source
    samples = _sample(solution_str, ground_truth, extra_info)
    return _told(samples, _client(_urls(url), api_key).score(samples.groups, recipe=_plain(recipe)), undecided)


@cache
def _client(urls: tuple[str, ...], api_key: str | None) -> Client:
    return Client(urls, api_key=api_key)


def _urls(url: str | Sequence[str]) -> tuple[str, ...]:
    return (url,) if isinstance(url, str) else tuple(url)


def _plain(recipe: RecipeSpec) -> RecipeSpec:
    # verl's configuration hands over mappings of its own kind.
    return recipe if isinstance(recipe, str) else dict(recipe)


def _sample(text: str, ground_truth: Any, extra_info: Mapping[str, Any] | None) -> Samples:
    samples = Samples()
    samples.add(text, question(ground_truth, extra_info))
    return samples


def _told(samples: Samples, result: ScoreResult, undecided: Undecided) -> dict[str, float]:
    told = numbers(samples.rollouts(result)[0], undecided)
    return {"score": told.pop("reward"), **told}
