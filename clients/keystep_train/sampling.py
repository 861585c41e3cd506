"""Rollouts, by transformers' generate; each group is handed on as soon as its last rollout has ended.

What is drawn depends on the weights, the prompts and the seed alone, so a run that is resumed draws what it would have drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig, StoppingCriteria, StoppingCriteriaList

from keystep_train.batches import Batch
from keystep_train.config import Sampling
from keystep_train.policies import Policy
from keystep_train.tasks import Question


class _GroupsDone(StoppingCriteria):
    """Calls done(group, its responses) at the token with which the last of its rollouts ends. Stops nothing."""

    def __init__(self, prompt_width: int, rollouts: int, end: int, done: Callable[[int, Tensor], None]) -> None:
        self._width = prompt_width
        self._rollouts = rollouts
        self._end = end
        self._done = done
        self._ended: Tensor | None = None
        self._told: set[int] = set()

    def __call__(self, input_ids: Tensor, _scores: Any, **_: Any) -> Tensor:
        ends = input_ids[:, -1] == self._end
        self._ended = ends if self._ended is None else self._ended | ends
        for number, ended in enumerate(self._ended.view(-1, self._rollouts).all(-1).tolist()):
            if ended and number not in self._told:
                self._told.add(number)
                rows = slice(number * self._rollouts, (number + 1) * self._rollouts)
                self._done(number, input_ids[rows, self._width :])
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


def generate(
    policy: Policy,
    questions: Sequence[Question],
    sampling: Sampling,
    *,
    seed: int,
    greedy: bool = False,
    done: Callable[[int, Batch], None] | None = None,
) -> Batch:
    """sampling.rollouts responses to each question, row after row: (questions * rollouts, T).

    done: called once for each question, with its number and its rollouts (without prompts), as soon as they have ended.
    """
    repeated = [q for q in questions for _ in range(sampling.rollouts)]
    inputs = {name: value.to(policy.model.device) for name, value in policy.prompts(repeated, most=sampling.max_prompt_tokens).items()}
    width = inputs["input_ids"].shape[1]
    told: set[int] = set()

    def ended(number: int, tokens: Tensor) -> None:
        told.add(number)
        if done is not None:
            done(number, Batch({}, *_responses(tokens, policy.tokenizer.eos_token_id, policy.tokenizer.pad_token_id)))

    torch.manual_seed(seed)
    with policy.drawing() as model:
        tokens = model.generate(
            **inputs,
            generation_config=_settings(policy, sampling, greedy=greedy),
            stopping_criteria=StoppingCriteriaList([_GroupsDone(width, sampling.rollouts, policy.tokenizer.eos_token_id, ended)]),
        )
    responses, mask = _responses(tokens[:, width:], policy.tokenizer.eos_token_id, policy.tokenizer.pad_token_id)
    if done is not None:
        for number in set(range(len(questions))) - told:  # cut at the limit
            rows = slice(number * sampling.rollouts, (number + 1) * sampling.rollouts)
            done(number, Batch({}, responses[rows], mask[rows]))
    return Batch(inputs, responses, mask)


def _settings(policy: Policy, sampling: Sampling, *, greedy: bool) -> GenerationConfig:
    drawn = {} if greedy else {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
    return GenerationConfig(
        do_sample=not greedy,
        max_new_tokens=sampling.max_new_tokens,
        eos_token_id=policy.tokenizer.eos_token_id,
        pad_token_id=policy.tokenizer.pad_token_id,
        # A picture's place in a response would be a picture that is not there.
        suppress_tokens=None if policy.processor is None else [policy.model.config.image_token_id, policy.model.config.video_token_id],
        cache_implementation="static" if sampling.cache == "static" else None,
        **drawn,
    )


def _responses(tokens: Tensor, end: int, filler: int) -> tuple[Tensor, Tensor]:
    """Tokens up to the first end token, and the mask of them and it."""
    after = (tokens == end).cumsum(-1) - (tokens == end).long() > 0
    return tokens.masked_fill(after, filler), (~after).long()
