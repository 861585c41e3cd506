"""Tiny checkpoints of each architecture, from config, with random weights, saved as real ones are. Built once a session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    DebertaV2Config,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

from keystep.models.checkpoints import DebertaV2PairRM, Qwen2ForProcessRewardModel

CHAT = (
    "{{ bos_token }}{% for m in messages %}<|start|>{{ m['role'] }}\n{{ m['content'] }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant\n{% endif %}"
)
# Ends in the end token itself: what is padding to one model is text to another.
CHAT_ENDING = CHAT.replace("</s>\n{% endfor %}", "</s>{% endfor %}")
SPECIAL = ["<s>", "</s>", "<pad>", "<|start|>", "<extra_0>", "[CLS]", "[SEP]", "<|source|>", "<|candidate1|>", "<|candidate2|>"]
SIZES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "initializer_range": 0.2}


def tokenizer(*, chat: str | None = CHAT, pad: str = "<pad>", side: str = "right", adds_bos: bool = True) -> PreTrainedTokenizerFast:
    """Bytes and a few merges; adds <s> in front, as Llama's do, so that a template's own BOS would be the second."""
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=330, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    raw.train_from_iterator(["the answer is the sum of two numbers"] * 4, trainer)
    if adds_bos:
        from tokenizers.processors import TemplateProcessing

        raw.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", raw.token_to_id("<s>"))])
    return PreTrainedTokenizerFast(
        tokenizer_object=raw, bos_token="<s>", eos_token="</s>", pad_token=pad, padding_side=side, chat_template=chat
    )


def saved(folder: Path, model, tok, dtype: torch.dtype | None = None) -> str:
    if dtype is not None:
        model = model.to(dtype)
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    return str(folder)


def llama(**more) -> LlamaConfig:
    return LlamaConfig(vocab_size=400, max_position_embeddings=4096, num_key_value_heads=2, **SIZES, **more)


def bradley_terry(folder: Path, *, labels: int = 1, pad_token_id: int | None = None, **tok) -> str:
    torch.manual_seed(0)
    return saved(folder, LlamaForSequenceClassification(llama(num_labels=labels, pad_token_id=pad_token_id)), tokenizer(**tok))


def scaled(folder: Path, rope: str) -> str:
    """Positions keep their scale up to 64 tokens (dynamic) or 32 (longrope)."""
    told: dict[str, Any] = {"rope_type": rope, "rope_theta": 10_000.0, "factor": 2.0}
    if rope == "longrope":
        told |= {"short_factor": [1.0] * 4, "long_factor": [4.0] * 4, "original_max_position_embeddings": 32}
    torch.manual_seed(8)
    config = llama(num_labels=1, pad_token_id=2, rope_parameters=told)
    config.max_position_embeddings = 64
    return saved(folder, LlamaForSequenceClassification(config), tokenizer())


def causal(folder: Path, **config) -> str:
    torch.manual_seed(1)
    return saved(folder, LlamaForCausalLM(llama(**config)), tokenizer())


def qwen_prm(folder: Path, *, labels: int = 2) -> str:
    torch.manual_seed(2)
    config = Qwen2Config(vocab_size=400, max_position_embeddings=4096, num_key_value_heads=2, num_labels=labels, **SIZES)
    return saved(folder, Qwen2ForProcessRewardModel(config), tokenizer(adds_bos=False))


# As ArmoRM's checkpoint brings its own: objectives at the row's end, weighed by a gate that reads its beginning.
ARMORM_CODE = """
import torch
from torch import nn
from dataclasses import dataclass
from transformers import LlamaModel, LlamaPreTrainedModel
from transformers.utils import ModelOutput


@dataclass
class Output(ModelOutput):
    rewards: torch.FloatTensor = None
    score: torch.FloatTensor = None
    logits: torch.FloatTensor = None


class TinyForRewardModelWithGating(LlamaPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.model = LlamaModel(config)
        self.regression_layer = nn.Linear(config.hidden_size, config.num_objectives, bias=False)
        self.gate = nn.Linear(config.hidden_size, config.num_objectives)
        self.post_init()

    def forward(self, input_ids, attention_mask=None):
        state = self.model(input_ids, attention_mask=attention_mask).last_hidden_state
        rewards = self.regression_layer(state[:, -1])  # what is padded would be read
        score = (torch.softmax(self.gate(state[:, 1]), -1) * rewards).sum(-1)
        return Output(rewards=rewards, score=score, logits=score)
"""


def armorm(folder: Path) -> str:
    torch.manual_seed(4)
    code: dict[str, Any] = {}
    exec(ARMORM_CODE, code)
    config = llama(num_objectives=19)
    saved(folder, code["TinyForRewardModelWithGating"](config), tokenizer())
    (folder / "modeling_tiny.py").write_text(ARMORM_CODE)
    told = json.loads((folder / "config.json").read_text())
    told["auto_map"] = {"AutoModelForSequenceClassification": "modeling_tiny.TinyForRewardModelWithGating"}
    (folder / "config.json").write_text(json.dumps(told))
    return str(folder)


def pairrm(folder: Path) -> str:
    torch.manual_seed(3)
    tok = tokenizer(chat=None, adds_bos=False)
    from tokenizers.processors import TemplateProcessing

    ends = [(name, tok.convert_tokens_to_ids(name)) for name in ("[CLS]", "[SEP]")]
    tok.backend_tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    prefixes = {"source_prefix_id": "<|source|>", "cand1_prefix_id": "<|candidate1|>", "cand2_prefix_id": "<|candidate2|>"}
    config = DebertaV2Config(
        vocab_size=400,
        relative_attention=True,
        position_biased_input=False,
        pos_att_type=["p2c", "c2p"],
        max_position_embeddings=512,
        type_vocab_size=0,
        n_tasks=1,
        drop_out=0.05,
        **SIZES,
        **{name: tok.convert_tokens_to_ids(token) for name, token in prefixes.items()},
    )
    return saved(folder, DebertaV2PairRM(config), tok)
