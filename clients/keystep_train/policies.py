"""A model with what turns questions into its inputs: loaded from a folder, or built tiny; for text, or for pictures too."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from PIL.Image import Image
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, AutoTokenizer, PreTrainedTokenizerFast
from transformers.utils import logging

from keystep_train import vision
from keystep_train.batches import Batch, fit, pad_left, pad_right
from keystep_train.config import Lora, Model, Tiny
from keystep_train.errors import ConfigError, DataError
from keystep_train.tasks import Task, tiny


class Asked(Protocol):
    """Anything with a prompt: a question, a pair."""

    @property
    def prompt(self) -> str: ...

    @property
    def images(self) -> tuple[Image, ...]: ...


@dataclass
class Policy:
    """model: of transformers (or PEFT around one). processor: None for a model of text alone."""

    model: Any
    tokenizer: Any
    processor: Any | None = None

    def prompts(self, questions: Sequence[Asked], *, most: int) -> dict[str, Tensor]:
        """The model's inputs for these prompts, padded on the left; a text of more than most tokens loses its beginning."""
        if self.processor is not None:
            return self._seen(questions, most)
        tokens, attention = pad_left([self.prompt_tokens(q.prompt)[-most:] for q in questions], self.tokenizer.pad_token_id)
        return {"input_ids": tokens, "attention_mask": attention}

    def prompt_tokens(self, text: str) -> list[int]:
        """The tokens of a prompt: as a user's turn where there is a chat template, which brings the one BOS there is."""
        if self.tokenizer.chat_template is None:
            return self._encoded(text, special=True)
        turn = self.tokenizer.apply_chat_template([{"role": "user", "content": text}], tokenize=False, add_generation_prompt=True)
        return self._encoded(turn, special=False)

    def response_tokens(self, text: str) -> list[int]:
        """The tokens of a response, without BOS, closed by the end token."""
        return [*self._encoded(text, special=False), self.tokenizer.eos_token_id]

    def texts(self, batch: Batch) -> list[str]:
        """The responses without their special tokens."""
        rows = [tokens[mask.bool()] for tokens, mask in zip(batch.responses, batch.mask, strict=True)]
        return [str(self.tokenizer.decode(row, skip_special_tokens=True, clean_up_tokenization_spaces=False)) for row in rows]

    def truncated(self, batch: Batch) -> list[bool]:
        """Whether a response stopped without its end token."""
        ends = (batch.responses == self.tokenizer.eos_token_id) & batch.mask.bool()
        return [not ended for ended in ends.any(-1).tolist()]

    def teacher_forced(self, questions: Sequence[Asked], responses: Sequence[str], *, most: int) -> Batch:
        """Given responses as a batch; prompt and response together have at most most tokens."""
        answers = [self.response_tokens(response) for response in responses]
        if self.processor is not None:
            prompts = self._seen(questions, most)
            room = most - prompts["input_ids"].shape[1]
            tokens, mask = pad_right([answer[: max(1, room)] for answer in answers], self.tokenizer.pad_token_id)
            return Batch(prompts, tokens, mask)
        rows = [fit(self.prompt_tokens(q.prompt), answer, most) for q, answer in zip(questions, answers, strict=True)]
        before, attention = pad_left([prompt for prompt, _ in rows], self.tokenizer.pad_token_id)
        tokens, mask = pad_right([answer for _, answer in rows], self.tokenizer.pad_token_id)
        return Batch({"input_ids": before, "attention_mask": attention}, tokens, mask)

    def save(self, folder: Path, weights: dict[str, Tensor]) -> None:
        """As transformers loads it. weights: the model's, whole; those of an adapter are merged into what it adapts."""
        if isinstance(self.model, PeftModel):
            copy.deepcopy(self.model).merge_and_unload().save_pretrained(folder)
        else:
            # Of weights that are tied, shards have both.
            own = {name: weight for name, weight in weights.items() if name not in self.model.all_tied_weights_keys}
            self.model.save_pretrained(folder, state_dict=own)
        if self.processor is None:
            self.tokenizer.save_pretrained(folder)
        else:
            vision.save_processor(self.processor, folder)

    def weights(self) -> dict[str, Tensor]:
        """The model's as they are now, by transformers' names; those of an adapter are merged into what it adapts, in a copy."""
        model = copy.deepcopy(self.model).merge_and_unload() if isinstance(self.model, PeftModel) else self.model
        return dict(model.state_dict())

    @contextmanager
    def drawing(self) -> Iterator[Any]:
        """The model as it draws: without dropout, and without gradients."""
        trained = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                yield self.model
        finally:
            self.model.train(trained)

    def _encoded(self, text: str, *, special: bool) -> list[int]:
        tokens: list[int] = self.tokenizer(text, add_special_tokens=special).input_ids
        return tokens

    def _seen(self, questions: Sequence[Asked], most: int) -> dict[str, Tensor]:
        assert self.processor is not None
        turns = [
            [{"role": "user", "content": [*({"type": "image"} for _ in q.images), {"type": "text", "text": q.prompt}]}] for q in questions
        ]
        texts = [self.processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True) for turn in turns]
        pictures = [list(q.images) for q in questions]
        inputs = dict(self.processor(text=texts, images=pictures, padding=True, padding_side="left", return_tensors="pt"))
        width = inputs["input_ids"].shape[1]
        if width > most:
            raise DataError(
                f"a prompt with pictures has {width} tokens, more than max_prompt_tokens {most}; pictures cannot be cut: raise it"
            )
        return inputs


class Before:
    """The policy as it was before training: the model without its adapter, where it has one; else a copy."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._copy = None if isinstance(policy.model, PeftModel) else copy.deepcopy(policy.model).requires_grad_(requires_grad=False)

    @contextmanager
    def model(self) -> Iterator[Any]:
        """To compute with, without gradients."""
        if self._copy is not None:
            with torch.no_grad():
                yield self._copy.eval()
        else:
            with self._policy.drawing() as adapted, adapted.disable_adapter():
                yield adapted


# Loading is a matter of seconds here, and its bars would stand between those of training.
logging.disable_progress_bar()


def load(settings: Model, task: Task | None, *, seed: int) -> Policy:
    """The policy that a configuration asks for, on the CPU. task: whose pieces a tiny model knows. seed: of random weights."""
    torch.manual_seed(seed)
    if settings.tiny is not None:
        return _with_adapter(_tiny(settings.tiny, task), settings.lora)
    assert settings.path is not None
    tokenizer = _tokenizer(settings.path)
    dtype = getattr(torch, settings.dtype)
    if hasattr(AutoConfig.from_pretrained(settings.path), "vision_config"):
        model = AutoModelForImageTextToText.from_pretrained(settings.path, dtype=dtype)
        return _with_adapter(Policy(model, tokenizer, vision.load_processor(settings.path, tokenizer)), settings.lora)
    return _with_adapter(Policy(AutoModelForCausalLM.from_pretrained(settings.path, dtype=dtype), tokenizer), settings.lora)


def _tiny(size: Tiny, task: Task | None) -> Policy:
    if task is None:
        raise ConfigError("model.tiny: a tiny model's tokenizer is made from a task; give data.task, or model.path")
    words = tiny.tokenizer(task.texts())
    shape = {"hidden": size.hidden, "layers": size.layers, "heads": size.heads}
    if size.sees:
        return Policy(vision.tiny_model(words, **shape), words, vision.tiny_processor(words))
    return Policy(tiny.text_model(words, **shape), words)


def _with_adapter(policy: Policy, lora: Lora | None) -> Policy:
    """Trained is then the adapter alone, and saved is the model with it merged in."""
    if lora is not None:
        settings = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=lora.targets)
        policy.model = get_peft_model(policy.model, settings)
    return policy


def _tokenizer(path: str) -> Any:
    """By the class that its folder names where that is the general one: AutoTokenizer goes by the model's, and would divide otherwise."""
    told = Path(path) / "tokenizer_config.json"
    general = told.is_file() and json.loads(told.read_text(encoding="utf-8")).get("tokenizer_class") == "TokenizersBackend"
    return (PreTrainedTokenizerFast if general else AutoTokenizer).from_pretrained(path, padding_side="left")
