"""Conversations as trainers send them: rendered by a chat template, special tokens and all, or as messages. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

# What tokenizers add around the text: <|im_end|>, <|eot_id|>, <|image_pad|>, </s>, <pad>, ...
_SPECIAL = re.compile(
    r"<\|[^<>|\s]{1,64}\|>|<｜[^<>｜\s]{1,64}｜>|</?s>|<(?:pad|bos|eos|unk|image|video|start_of_turn|end_of_turn)>|\[/?INST\]|\[(?:PAD|CLS|SEP)\]"
)
# Where a turn of the model, and one of the user, begins: by special tokens, and only where there are none, by words.
_ASSISTANT = (
    re.compile(
        r"<\|im_start\|>assistant\n?|<\|start_header_id\|>assistant<\|end_header_id\|>\s{0,2}|<start_of_turn>model\n?|<\|assistant\|>\n?|<｜Assistant｜>|\[/INST\]"
    ),
    re.compile(r"\bASSISTANT:"),
)
_USER = (
    re.compile(
        r"<\|im_start\|>user\n?|<\|start_header_id\|>user<\|end_header_id\|>\s{0,2}|<start_of_turn>user\n?|<\|user\|>\n?|<｜User｜>|\[INST\]"
    ),
    re.compile(r"\bUSER:"),
)
# A prompt cut at its front is known again by so many characters of its rest, looked for in so many places.
_ANCHOR = 32
_PLACES = 64


def plain(text: str) -> str:
    """The text without special tokens, and without the space they leave at its ends."""
    return _SPECIAL.sub("", text).strip()


def split(conversation: str) -> tuple[str, str] | None:
    """(last question, last response) of a rendered conversation; None where no turn of the model begins in it."""
    turn = _last_turn(_ASSISTANT, conversation)
    if turn is None:
        return None
    return _last_question(conversation[: turn.start()]), plain(conversation[turn.end() :])


def question(prompt: str) -> str:
    """What a prompt asks: the last user's turn of a rendered conversation or of messages in JSON, else all of it."""
    if prompt.lstrip().startswith("["):
        try:
            messages = json.loads(prompt)
        except ValueError:
            messages = None
        if isinstance(messages, list) and messages and all(isinstance(m, dict) for m in messages):
            return last_message(messages, "user")
    turn = _last_turn(_ASSISTANT, prompt)
    return _last_question(prompt if turn is None else prompt[: turn.start()])


def response(query: str, prompt: str | None) -> str | None:
    """What follows the prompt in a query; None when the query neither begins with the prompt nor marks the model's turn.

    Special tokens and white space need not agree: decoding changes both, and images become many tokens.
    """
    if prompt:
        end = len(prompt) if query.startswith(prompt) else _end_of(prompt, query)
        if end is not None:
            return plain(query[end:])
    turns = split(query)
    if turns is not None:
        return turns[1]
    return None if prompt else plain(query)


def last_message(messages: Sequence[Any], role: str) -> str:
    """The text of the last message of a role; empty where there is none."""
    for message in reversed(messages):
        if isinstance(message, dict) and message.get("role") == role:
            return plain(content_text(message.get("content")))
    return ""


def content_text(content: Any) -> str:
    """A message's text, from either form: a string, or parts of which some are text."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    return "".join(text for part in parts if isinstance(part, dict) and isinstance(text := part.get("text"), str))


def _last_question(conversation: str) -> str:
    turn = _last_turn(_USER, conversation)
    return plain(conversation if turn is None else conversation[turn.end() :])


def _last_turn(headers: tuple[re.Pattern[str], ...], text: str) -> re.Match[str] | None:
    for pattern in headers:
        found = list(pattern.finditer(text))
        if found:
            return found[-1]
    return None


def _end_of(prompt: str, query: str) -> int | None:
    """Where the prompt, or what truncation left of its end, stops in the query."""
    wanted, _ = _squeezed(prompt)
    given, places = _squeezed(query)
    at = 0
    for _ in range(_PLACES):
        if at < 0 or not wanted or (at > 0 and len(given) < _ANCHOR):
            return None
        if given.startswith(wanted[at:]):
            return places[len(wanted) - at - 1] + 1
        at = wanted.find(given[:_ANCHOR], at + 1)
    return None


def _squeezed(text: str) -> tuple[str, list[int]]:
    """The text's characters but special tokens and white space, and where each stands."""
    places: list[int] = []
    start = 0
    for match in [*_SPECIAL.finditer(text), None]:
        end = len(text) if match is None else match.start()
        places += [i for i in range(start, end) if not text[i].isspace()]
        start = len(text) if match is None else match.end()
    return "".join(text[i] for i in places), places
