"""Models small enough to train on a CPU, and a tokenizer for a task: built from a configuration, downloaded from nowhere.

A header is one token and a number is one token (by digits, arithmetic is learned far more slowly).
"""

from __future__ import annotations

import re

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

SPECIAL = ("<pad>", "<eos>", "<|vision_start|>", "<|image_pad|>", "<|vision_end|>", "<|video_pad|>", "<unk>")
# A header with the line breaks after it; a number; line breaks; a word or sign with the spaces around it.
_PIECE = r"### [^\n:.]*[:.]\n*|\d+|\n+| ?[^\s\d]+ ?| "


def tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Knows every piece of the texts; any other, as a model may put together, is <unk>."""
    pieces = sorted({piece for text in texts for piece in re.findall(_PIECE, text)})
    vocabulary = {piece: i for i, piece in enumerate([*SPECIAL, *pieces])}
    base = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - a piece of text
    base.pre_tokenizer = pre_tokenizers.Split(Regex(_PIECE), behavior="isolated")
    base.decoder = decoders.Fuse()
    base.add_special_tokens([AddedToken(text, normalized=False) for text in SPECIAL])
    return PreTrainedTokenizerFast(tokenizer_object=base, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left")  # noqa: S106


def text_model(words: PreTrainedTokenizerFast, *, hidden: int, layers: int, heads: int) -> Qwen2ForCausalLM:
    """Qwen2's architecture with random weights; torch's own seed decides them."""
    config = Qwen2Config(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=3 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        max_position_embeddings=2048,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=words.eos_token_id,
        pad_token_id=words.pad_token_id,
    )
    return Qwen2ForCausalLM(config)
