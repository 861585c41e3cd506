"""Models small enough to train in seconds on a CPU, built here and downloaded from nowhere.

Each token is a whole section of a response, so that a model of random weights already samples texts that are worth something.
"""

from __future__ import annotations

from typing import Any

import torch
from datasets import Dataset
from PIL import Image
from tokenizers import AddedToken, Tokenizer, decoders, models
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from keystep_train.tasks.tiny import text_model as tiny_text_model
from keystep_train.vision import PictureProcessor, tiny_model, tiny_processor

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
    return tiny_text_model(words, hidden=32, layers=2, heads=2), words


def vision_model() -> tuple[PreTrainedModel, PictureProcessor]:
    """Qwen2-VL's architecture and its image processor."""
    torch.manual_seed(0)
    words = tokenizer()
    model = tiny_model(words, hidden=32, layers=2, heads=2)
    model.generation_config.eos_token_id = words.eos_token_id
    model.generation_config.pad_token_id = words.pad_token_id
    return model, tiny_processor(words)


def dataset(rows: int, *, vision: bool) -> Dataset:
    """One question, many times; with a picture drawn for it where the model sees."""

    def row(i: int) -> dict[str, Any]:
        asked: dict[str, Any] = {"answer": "6", "key_steps": KEY_STEPS}
        if not vision:
            return {"prompt": QUESTION, **asked}
        picture = Image.new("RGB", (56, 56), (255, 16 * (i % 16), 0))
        return {"prompt": [{"role": "user", "content": QUESTION}], "images": [picture], **asked}

    return Dataset.from_list([row(i) for i in range(rows)])
