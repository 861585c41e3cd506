"""Qwen2-VL and 2.5-VL: the processor for pictures alone, and a tiny model of the architecture.

transformers' own Qwen2VLProcessor wants a processor of videos, which wants torchvision. Pictures need neither.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import (
    PreTrainedTokenizerFast,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessorPil,
    Qwen2VLProcessor,
)

# One object a cell of a scene, one visual token a cell.
_CELL_PIXELS = 28 * 28
_IDS = {
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


class PictureProcessor(Qwen2VLProcessor):
    """Qwen2-VL's processor without its videos."""

    def __init__(self, *, image_processor: Any, tokenizer: Any, chat_template: str | None) -> None:
        super().__init__(image_processor=image_processor, tokenizer=tokenizer, video_processor=None, chat_template=chat_template)  # type: ignore[no-untyped-call]

    def check_argument_for_proper_class(self, argument_name: str, argument: Any) -> Any:
        """As it was, but no video processor is none."""
        return None if argument is None else super().check_argument_for_proper_class(argument_name, argument)  # type: ignore[no-untyped-call]


def load_processor(path: str, tokenizer: Any) -> PictureProcessor:
    """The processor of a model's folder or name; the chat template is its tokenizer's."""
    pictures = Qwen2VLImageProcessorPil.from_pretrained(path)
    return PictureProcessor(image_processor=pictures, tokenizer=tokenizer, chat_template=tokenizer.chat_template)


def save_processor(processor: PictureProcessor, folder: Path) -> None:
    """So that load_processor finds it."""
    processor.image_processor.save_pretrained(folder)
    processor.tokenizer.save_pretrained(folder)


def tiny_processor(words: PreTrainedTokenizerFast) -> PictureProcessor:
    """For the scenes of ``tasks``, whose cells are one visual token each."""
    words.chat_template = _TEMPLATE
    pictures = Qwen2VLImageProcessorPil(min_pixels=_CELL_PIXELS, max_pixels=64 * _CELL_PIXELS)
    return PictureProcessor(image_processor=pictures, tokenizer=words, chat_template=_TEMPLATE)


def tiny_model(words: PreTrainedTokenizerFast, *, hidden: int, layers: int, heads: int) -> Qwen2VLForConditionalGeneration:
    """Qwen2-VL's architecture with random weights; torch's own seed decides them."""
    ids: dict[str, Any] = {name: words.convert_tokens_to_ids(token) for name, token in _IDS.items()}
    half = hidden // heads // 2
    side = 3 * half // 8
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(words),
            "hidden_size": hidden,
            "intermediate_size": 3 * hidden,
            "num_hidden_layers": layers,
            "num_attention_heads": heads,
            "num_key_value_heads": heads,
            "max_position_embeddings": 2048,
            "rope_parameters": {"rope_type": "default", "mrope_section": [half - 2 * side, side, side], "rope_theta": 10000.0},
            "bos_token_id": None,
            "eos_token_id": words.eos_token_id,
            "pad_token_id": words.pad_token_id,
        },
        vision_config={"depth": 2, "embed_dim": hidden, "hidden_size": hidden, "num_heads": heads, "mlp_ratio": 2, "patch_size": 14},
        **ids,
    )
    return Qwen2VLForConditionalGeneration(config)
