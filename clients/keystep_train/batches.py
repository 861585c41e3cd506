"""Prompts and responses as tensors, and the log-probabilities of responses under a model.

prompts: padded on the left     responses: padded on the right
[ . . p p p | r r r . . ]       mask is 1 on r (the end token is one of them), and on nothing else
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from keystep_train.logprobs import token_logps

# Inputs with one value for each token of the prompt, and what stands for a token that is none of it.
_PER_TOKEN = {"input_ids": None, "attention_mask": 0, "mm_token_type_ids": 0}


@dataclass(frozen=True)
class Batch:
    """prompts: a model's inputs for B prompts, input_ids (B, P) first of all; pictures in order, the same number for each.

    responses, mask: (B, T). logps: (B, T), of the sampler that drew them, where it tells; the policy's own differ by its arithmetic.
    """

    prompts: dict[str, Tensor]
    responses: Tensor
    mask: Tensor
    logps: Tensor | None = None

    def __len__(self) -> int:
        return self.responses.shape[0]

    @property
    def lengths(self) -> Tensor:
        """Tokens in each response, (B,)."""
        return self.mask.sum(-1)

    def rows(self, start: int, stop: int) -> Batch:
        """Rows start to stop, with their pictures."""
        prompts = {}
        for name, value in self.prompts.items():
            if name == "image_grid_thw":
                each = value.shape[0] // len(self)
                prompts[name] = value[start * each : stop * each]
            elif name == "pixel_values":
                patches = self.prompts["image_grid_thw"].prod(-1)
                each = patches.shape[0] // len(self)
                prompts[name] = value[int(patches[: start * each].sum()) : int(patches[: stop * each].sum())]
            else:
                prompts[name] = value[start:stop]
        logps = None if self.logps is None else self.logps[start:stop]
        return Batch(prompts, self.responses[start:stop], self.mask[start:stop], logps)

    def to(self, device: torch.device | str) -> Batch:
        prompts = {name: value.to(device) for name, value in self.prompts.items()}
        logps = None if self.logps is None else self.logps.to(device)
        return Batch(prompts, self.responses.to(device), self.mask.to(device), logps)


def response_logps(model: Any, batch: Batch, *, temperature: float = 1.0) -> Tensor:
    """log pi(token | what stands before it), (B, T) float32, meaningless where the mask is 0.

    temperature: of the distribution sampled from: the policy that is improved is the one that was sampled.
    """
    return token_logps(response_logits(model, batch).float() / temperature, batch.responses)


def response_logits(model: Any, batch: Batch) -> Tensor:
    """What the model thinks of each token of the vocabulary where the response's tokens stand, (B, T, V)."""
    width = batch.responses.shape[1]
    inputs = dict(batch.prompts)
    for name, filler in _PER_TOKEN.items():
        if name in inputs:
            tail = (
                batch.responses
                if name == "input_ids"
                else batch.mask
                if name == "attention_mask"
                else torch.full_like(batch.responses, filler or 0)
            )
            inputs[name] = torch.cat([inputs[name], tail.to(inputs[name].dtype)], dim=1)
    if "image_grid_thw" not in inputs:  # a model that sees numbers its positions itself, from the grids
        inputs["position_ids"] = (inputs["attention_mask"].cumsum(-1) - 1).clamp(min=0)
    logits: Tensor = model(**inputs, use_cache=False, logits_to_keep=width + 1).logits[:, :-1]
    return logits


def pad_left(rows: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
    """Tokens (B, P) and attention (B, P)."""
    width = max(map(len, rows))
    tokens = torch.tensor([[filler] * (width - len(row)) + list(row) for row in rows])
    attention = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return tokens, attention


def pad_right(rows: Sequence[Sequence[int]], filler: int) -> tuple[Tensor, Tensor]:
    """Tokens (B, T) and mask (B, T)."""
    width = max(map(len, rows))
    tokens = torch.tensor([list(row) + [filler] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    return tokens, mask


def fit(prompt: Sequence[int], response: Sequence[int], most: int) -> tuple[list[int], list[int]]:
    """Both within most (>= 2) tokens together: the response loses its end, but keeps at least one token; the prompt its beginning."""
    kept = list(response[: most - 1])
    return list(prompt[-(most - len(kept)) :]), kept
