"""LLaMA-Factory's PPO: `reward_model: http://host:8000/v1/score/evaluation`, `reward_model_type: api`.

    {"model": "...", "messages": ["<prompt and response>", ...]}
    -> {"id", "object": "score.evaluation", "model", "scores": [...]}

It sends no label: KEYSTEP_QUESTIONS_PATH has the questions, or the recipe needs none. It does not try again: an undecided reward is a 503, or the URL's number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

from keystep.http.compat import chat
from keystep.http.compat.options import Options
from keystep.http.compat.scoring import Asked, Compat, Scored
from keystep.wire.parsing import InvalidRequestError


class Request(BaseModel):
    model: str = ""
    messages: list[str]


def asked(request: Request) -> Iterator[Asked]:
    if not request.messages:
        raise InvalidRequestError([("messages", "there are no messages; send at least one")], malformed=True)
    return (_one(i, message) for i, message in enumerate(request.messages))


def answer(compat: Compat, body: bytes, request: Request, scored: Sequence[Scored], chosen: Options) -> dict[str, Any]:
    undecided = compat.fallback("llama_factory", body, scored, chosen, tries=False)
    return {
        "id": f"scoreval-{sha256(body).hexdigest()[:32]}",
        "object": "score.evaluation",
        "model": request.model,
        "scores": [s.number(undecided) for s in scored],
    }


def _one(i: int, message: str) -> Asked:
    question, text = chat.split(message) or ("", chat.plain(message))
    return Asked(text, question, None, f"messages.{i}", f"messages.{i}")
