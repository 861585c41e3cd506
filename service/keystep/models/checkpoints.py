"""Loading checkpoints, and the two architectures that transformers leaves to code which comes with the weights.

A checkpoint that lacks a weight is refused: transformers would fill a missing reward head with random numbers and go on.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
    DebertaV2Model,
    DebertaV2PreTrainedModel,
    Qwen2Model,
    Qwen2PreTrainedModel,
)
from transformers.modeling_outputs import SequenceClassifierOutput, TokenClassifierOutput
from transformers.utils import logging as transformers_logging

from keystep.errors import ComponentError
from keystep.models.spec import Local
from keystep.nouns import Reason


class Qwen2ForProcessRewardModel(Qwen2PreTrainedModel):
    """Qwen2.5-Math-PRM: two classes of each token, by two layers (Lessons of Developing Process Reward Models, section 3)."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.model = Qwen2Model(config)
        width = config.hidden_size
        self.score = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, config.num_labels))
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> TokenClassifierOutput:
        hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        return TokenClassifierOutput(logits=self.score(hidden))


class DebertaV2PairRM(DebertaV2PreTrainedModel):
    """PairRM: what the source's token and each candidate's say together; the logit is that of the first less that of the second
    (LLM-Blender, section 4). Indices: where in each row the tokens of source, first and second candidate stand."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.pretrained_model = DebertaV2Model(config)
        width = config.hidden_size
        self.head_layer = nn.Sequential(
            nn.Dropout(config.drop_out),
            nn.Linear(2 * width, width),
            nn.Tanh(),
            nn.Dropout(config.drop_out),
            nn.Linear(width, config.n_tasks),
        )
        self.post_init()  # type: ignore[no-untyped-call]

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, indices: torch.Tensor) -> SequenceClassifierOutput:
        hidden = self.pretrained_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        rows = torch.arange(len(hidden), device=hidden.device)
        source, first, second = (hidden[rows, indices[:, column]] for column in range(3))
        sides = [self.head_layer(torch.cat([source, side], dim=-1)) for side in (first, second)]
        return SequenceClassifierOutput(logits=(sides[0] - sides[1]).mean(dim=-1))


_OWN = {"Qwen2ForProcessRewardModel": Qwen2ForProcessRewardModel, "DebertaV2PairRM": DebertaV2PairRM}
_AUTO = {
    "bradley_terry": AutoModelForSequenceClassification,
    "armorm": AutoModelForSequenceClassification,
    "prm_class": AutoModelForTokenClassification,
    "prm_token": AutoModelForCausalLM,
    "prm_turn": AutoModelForCausalLM,
}
_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load(spec: Local) -> tuple[Any, Any]:
    """(model, tokenizer) in the spec's dtype, on its device, for inference. Raises ComponentError."""
    transformers_logging.disable_progress_bar()  # a service's log is no terminal
    try:
        config = AutoConfig.from_pretrained(spec.model, trust_remote_code=spec.remote_code)
        tokenizer = AutoTokenizer.from_pretrained(spec.model, trust_remote_code=spec.remote_code)
        model, told = _class(spec, config).from_pretrained(
            spec.model, dtype=_DTYPES[spec.dtype], output_loading_info=True, **({"trust_remote_code": True} if spec.remote_code else {})
        )
        model.to(spec.device)
    except (OSError, ValueError, ImportError, RuntimeError, AssertionError) as error:
        raise _unavailable(spec, f"cannot be loaded: {error}") from error
    lacking = sorted({*told["missing_keys"], *(key for key, *_ in told["mismatched_keys"])})
    if lacking:
        raise _unavailable(spec, f"has no weights for {', '.join(lacking[:4])}, so it is no {spec.kind}; name the kind it is")
    if spec.kind == "bradley_terry" and config.num_labels != 1:
        raise _unavailable(spec, f"has {config.num_labels} labels; a Bradley-Terry model has one")
    if (most := _of_one_scale(config.get_text_config())) is not None and spec.max_length > most:
        raise _unavailable(
            spec, f"scales the positions of a whole batch once a row of it is beyond {most} tokens; set max_length to {most} at most"
        )
    return model.eval().requires_grad_(False), tokenizer


def _of_one_scale(config: Any) -> int | None:
    """Up to how many tokens a row's positions do not depend on how long the others are, or were; None: however many."""
    told = getattr(config, "rope_parameters", None) or {}
    ropes = [told] if "rope_type" in told else [rope for rope in told.values() if isinstance(rope, dict)]
    limits = [config.max_position_embeddings for rope in ropes if "dynamic" in rope["rope_type"]]
    limits += [rope["original_max_position_embeddings"] for rope in ropes if rope["rope_type"] == "longrope"]
    return min(limits, default=None)


def _class(spec: Local, config: Any) -> Any:
    named = (config.architectures or ["none"])[0]
    if spec.kind == "pairrm" and named != "DebertaV2PairRM":
        raise ValueError(f"its architecture is {named}; a pairrm is a DebertaV2PairRM (llm-blender/PairRM-hf)")
    return _OWN.get(named) or _AUTO[spec.kind]


def _unavailable(spec: Local, what: str) -> ComponentError:
    return ComponentError(Reason.MODEL_UNAVAILABLE, f"the model {spec.model} {what}")
