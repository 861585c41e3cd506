"""A sample as the tokens its model was trained to read, and where in them its steps are judged.

Positions are found by where a mark stands in the text, never by looking for its token: a response that spells the mark itself is
no step more. The chat template writes the BOS token where it wants one, so the tokenizer adds none: a second one moves scores.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from keystep.errors import ComponentError
from keystep.models.sample import Sample
from keystep.models.spec import Local
from keystep.nouns import Reason, Span

GOOD, BAD = "+", "-"


@dataclass(frozen=True, slots=True)
class Prompt:
    """marks: spans of what is judged at, one a step.  special: whether the tokenizer is to add its own tokens."""

    text: str
    marks: tuple[Span, ...] = ()
    special: bool = False


@dataclass(frozen=True, slots=True)
class Encoded:
    """ids: at most max_length.  at: where each step is read; None where truncation lost one."""

    ids: tuple[int, ...]
    at: tuple[int, ...] | None = ()
    truncated: bool = False


class Encoder:
    """A tokenizer under one spec. Used by the model's owner thread only."""

    def __init__(self, tokenizer: Any, spec: Local) -> None:
        """Raises ComponentError where the tokenizer cannot do what the spec needs."""
        self._tokenizer = tokenizer
        self._spec = spec
        if not tokenizer.is_fast:
            raise _unusable(spec, "has no fast tokenizer, which alone tells where tokens stand in the text")
        if spec.layout == "chat" and spec.chat_template is None and tokenizer.chat_template is None:
            raise _unusable(spec, "has no chat template; give chat_template")

    def encode(self, sample: Sample) -> Encoded:
        prompt = self._prompt(sample)
        found = self._tokenizer(prompt.text, add_special_tokens=prompt.special, return_offsets_mapping=True, verbose=False)
        ids, offsets = found["input_ids"], found["offset_mapping"]
        most = self._spec.max_length
        at = [_last_token_of(mark, offsets) for mark in prompt.marks]
        if self._spec.kind == "prm_turn":
            at = [index - 1 for index in at]  # what predicts the mark is read, not what follows it
        lost = any(index >= most for index in at)
        return Encoded(tuple(ids[:most]), None if lost else tuple(at), truncated=len(ids) > most)

    def _prompt(self, sample: Sample) -> Prompt:
        if self._spec.kind == "prm_turn":
            return self._turns(sample)
        if self._spec.kind in {"prm_class", "prm_token"}:
            return self._tagged(sample)
        return Prompt(self._rendered([_said("user", sample.question), _said("assistant", sample.text)]))

    def _tagged(self, sample: Sample) -> Prompt:
        """Each step with the tag behind it; the last token of a tag is where its step is judged."""
        tag = self._spec.step_tag
        separator = "\n" if self._spec.layout == "plain" else ""
        content, ends = "", []
        for step in sample.steps:
            content += (separator if content else "") + step.strip() + tag
            ends.append(len(content))
        if self._spec.layout == "plain":
            text, start = f"{sample.question} {content}", len(sample.question) + 1
        else:
            text = self._rendered([_said("user", sample.question), _said("assistant", content)])
            start = text.rfind(content)
            if start < 0:
                raise ValueError("the chat template changes what the assistant said; give a chat_template that does not")
        marked = len(tag.strip())
        return Prompt(text, tuple((start + end - marked, start + end) for end in ends), special=self._spec.layout == "plain")

    def _turns(self, sample: Sample) -> Prompt:
        """Each step a user turn, each answered by the good mark."""
        messages: list[dict[str, str]] = []
        marks = []
        for number, step in enumerate(sample.steps):
            said = self._spec.first_turn.replace("{question}", sample.question).replace("{step}", step) if number == 0 else step
            messages.append(_said("user", said))
            before = self._rendered(messages, asked=True)
            marks.append((len(before), len(before) + len(GOOD)))
            messages.append(_said("assistant", GOOD))
        text = self._rendered(messages)
        if any(text[slice(*mark)] != GOOD for mark in marks):
            raise ValueError("the chat template does not keep turns as they were said; give a chat_template that does")
        return Prompt(text, tuple(marks))

    def _rendered(self, messages: Sequence[dict[str, str]], *, asked: bool = False) -> str:
        system = [] if self._spec.system is None else [_said("system", self._spec.system)]
        text: str = self._tokenizer.apply_chat_template(
            [*system, *messages], tokenize=False, add_generation_prompt=asked, chat_template=self._spec.chat_template
        )
        return text


def _last_token_of(mark: Span, offsets: Sequence[Span]) -> int:
    """The last token that shares a character with the mark."""
    for index in range(len(offsets) - 1, -1, -1):
        start, end = offsets[index]
        if start < mark[1] and end > mark[0]:
            return index
    raise ValueError("the tokenizer leaves out the mark of a step")


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _unusable(spec: Local, what: str) -> ComponentError:
    return ComponentError(Reason.MODEL_UNAVAILABLE, f"the model {spec.model} {what}")
