"""Models small enough to train in seconds on a CPU, built here and downloaded from nowhere.

Each token is a whole section of a response, so that a model of random weights already samples texts that are worth something.
"""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
)

QUESTION = "Subtract the red one. How many objects are left?"
SECTIONS = [
    "### Image Description:\nSeven objects, one of them red.\n\n",
    "### Rationales:\nCount, then subtract.\n\n",
    "### Let's think step by step.\n\n",
    "### Step 1:\nThere is one red sphere.\n\n",
    "### Step 2:\nThat leaves 7 - 1 = 6 objects.\n\n",
    "### The final answer is: 6\n",
    "### The final answer is: 5\n",
]
KEY_STEPS = [["7 - 1 = 6", "seven minus one is six"], ["one red sphere"]]
_SPECIAL = ["<pad>", "<eos>", "<unk>", "<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>"]
_SIZE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}


def tokenizer() -> PreTrainedTokenizerFast:
    vocabulary = {text: i for i, text in enumerate([*_SPECIAL, QUESTION, *SECTIONS])}
    base = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - a piece of text
    base.decoder = decoders.Fuse()
    base.add_special_tokens([AddedToken(text, normalized=False) for text in _SPECIAL])
    base.add_tokens([AddedToken(text, normalized=False) for text in (QUESTION, *SECTIONS)])
    return PreTrainedTokenizerFast(tokenizer_object=base, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")  # noqa: S106 - as above


def text_model() -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    torch.manual_seed(0)
    words = tokenizer()
    config = Qwen2Config(vocab_size=len(words), **_SIZE, eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id)
    return Qwen2ForCausalLM(config), words


class _Pictures(Qwen2VLProcessor):
    """Qwen2-VL's processor without its videos, which need torchvision."""

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
        return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)


def vision_model() -> tuple[PreTrainedModel, Qwen2VLProcessor]:
    """Qwen2-VL's architecture and its image processor."""
    torch.manual_seed(0)
    words = tokenizer()
    ids = {name: words.convert_tokens_to_ids(token) for name, token in _VISION_TOKENS.items()}
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(words),
            **_SIZE,
            "rope_parameters": {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0},
            "bos_token_id": None,
            "eos_token_id": words.eos_token_id,
            "pad_token_id": words.pad_token_id,
        },
        vision_config={"depth": 1, "embed_dim": 32, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14},
        **ids,
    )
    model = Qwen2VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = words.eos_token_id
    model.generation_config.pad_token_id = words.pad_token_id
    pictures = Qwen2VLImageProcessorPil(min_pixels=56 * 56, max_pixels=56 * 56)
    return model, _Pictures(image_processor=pictures, tokenizer=words, video_processor=None, chat_template=_TEMPLATE)


_VISION_TOKENS = {
    "image_token_id": "<|image_pad|>",
    "video_token_id": "<|video_pad|>",
    "vision_start_token_id": "<|vision_start|>",
    "vision_end_token_id": "<|vision_end|>",
}
_TEMPLATE = (
    "{% for message in messages %}{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
    "{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}{% endfor %}"
)


def dataset(rows: int, *, vision: bool) -> Dataset:
    """One question, many times; with a picture drawn for it where the model sees."""

    def row(i: int) -> dict[str, Any]:
        asked: dict[str, Any] = {"answer": "6", "key_steps": KEY_STEPS}
        if not vision:
            return {"prompt": QUESTION, **asked}
        picture = Image.new("RGB", (56, 56), (255, 16 * (i % 16), 0))
        return {"prompt": [{"role": "user", "content": QUESTION}], "images": [picture], **asked}

    return Dataset.from_list([row(i) for i in range(rows)])
