"""TRL's GRPOTrainer, and its AsyncGRPO, which spawns the process that scores.

    GRPOTrainer(reward_funcs=keystep_reward("http://127.0.0.1:8000"), ...)

Columns of the dataset under the wire's names (answer, key_steps, reference, choices, images, ...) go along, and TRL's own
solution and image; `columns` says where others have them. A completion's reward is None while undecided: TRL leaves it out of its group. Components are logged.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keystep_client.adapters.samples import COMPONENTS, FIELDS, Samples, image, question, text_of
from keystep_client.calls import RecipeSpec
from keystep_client.client import AsyncClient
from keystep_client.models import ScoredRollout

# What TRL's own datasets call the wire's fields, where there is no column of the wire's name.
_USUAL = {"answer": "solution", "images": "image"}


def keystep_reward(
    url: str | Sequence[str],
    *,
    recipe: RecipeSpec = "hardened",
    columns: Mapping[str, str] | None = None,
    eos_token_id: int | Sequence[int] | None = None,
    api_key: str | None = None,
) -> Callable[..., Any]:
    """A reward function. columns: the wire's field to the dataset's column, like {"answer": "solution"}.

    eos_token_id: as the model's generation_config has it. With it a completion that does not end so is told to be truncated;
    TRL hands over a completion's tokens, but not which of them end it.
    """
    for field in columns or {}:
        if field not in FIELDS:
            raise ValueError(f"columns names {field!r}, which the wire has not; it has {', '.join(FIELDS)}")
    # A partial of a function of this module: asynchronous to TRL, and picklable into the process AsyncGRPO spawns.
    ends = (eos_token_id,) if isinstance(eos_token_id, int) else tuple(eos_token_id or ())
    reward = functools.partial(keystep, url=url, recipe=recipe, columns=dict(columns or {}), ends=ends, api_key=api_key)
    reward.__name__ = keystep.__name__  # type: ignore[attr-defined]  # TRL names its log's columns by it
    return reward


async def keystep(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    *,
    url: str | Sequence[str],
    recipe: RecipeSpec,
    columns: Mapping[str, str],
    ends: Sequence[int],
    api_key: str | None,
    completion_ids: Sequence[Sequence[int]] | None = None,
    log_metric: Callable[[str, float], None] | None = None,
    log_extra: Callable[[str, list[Any]], None] | None = None,
    **dataset: Any,
) -> list[float | None]:
    """One reward a completion, None while undecided."""
    samples = Samples()
    for i, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
        truncated = bool(ends and completion_ids and completion_ids[i] and completion_ids[i][-1] not in ends)
        samples.add(text_of(completion, "assistant"), _question(prompt, dataset, columns, i), truncated=truncated)
    # A client of its own each step: the event loop that runs this is TRL's to choose.
    async with AsyncClient(url, api_key=api_key) as client:
        result = await client.score(samples.groups, recipe=recipe)
    rollouts = samples.rollouts(result)
    if log_metric is not None:
        for name, value in _means(rollouts).items():
            log_metric(f"keystep/{name}", value)
    if log_extra is not None:
        for name in (*COMPONENTS, "answer"):
            log_extra(f"keystep_{name}", [getattr(r, name) for r in rollouts])
        log_extra("keystep_reasons", [", ".join(r.reasons) for r in rollouts])
    return [r.reward for r in rollouts]


def _question(prompt: Any, dataset: Mapping[str, Any], columns: Mapping[str, str], i: int) -> dict[str, Any]:
    named = {field: columns.get(field, _USUAL.get(field, field)) for field in FIELDS}
    given = {field: dataset[column][i] for field, column in named.items() if column in dataset}
    given |= {field: dataset[field][i] for field in FIELDS if field not in columns and field in dataset}
    label, pictures = given.pop("answer", None), given.pop("images", None)
    fields = question(label, {"question": text_of(prompt, "user"), **given})
    # Only the extraction of key steps can look at images.
    if pictures is not None and "key_steps" not in fields:
        fields["images"] = [image(p) for p in (pictures if isinstance(pictures, list) else [pictures]) if p is not None]
    return fields


def _means(rollouts: Sequence[ScoredRollout]) -> dict[str, float]:
    """Means over what is decided, and how much is not."""
    means = {"undecided": sum(r.reward is None for r in rollouts) / len(rollouts)}
    for name in COMPONENTS:
        values = [value for r in rollouts if (value := getattr(r, name)) is not None]
        if values:
            means[name] = sum(values) / len(values)
    return means
