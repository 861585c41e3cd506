"""vLLM's `/classify` and SGLang's `/v1/embeddings`, as verl's reward loop reads them from a reward model behind its router.

    {"model": "...", "input": "<prompt and response>", "use_activation": false}
    -> {"data": [{"index", "label", "probs": [reward], "num_classes": 1}]}      read as data[-1].probs[-1]
    -> {"data": [{"index", "object": "embedding", "embedding": [reward]}]}      read as data[-1].embedding[-1]

There is no label in it: KEYSTEP_QUESTIONS_PATH has the questions. verl tries 5xx again, sixteen times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any

from pydantic import BaseModel

from keystep.http.compat import chat
from keystep.http.compat.options import Options
from keystep.http.compat.scoring import Asked, Compat, Scored


class Request(BaseModel):
    model: str = ""
    input: str | list[str]


def asked(request: Request) -> Iterator[Asked]:
    inputs = [request.input] if isinstance(request.input, str) else request.input
    return (_one(f"input.{i}", text) for i, text in enumerate(inputs))


def classify(compat: Compat, body: bytes, request: Request, scored: Sequence[Scored], chosen: Options) -> dict[str, Any]:
    return _answer(compat, body, request, scored, chosen, lambda reward: {"label": "reward", "probs": [reward], "num_classes": 1})


def embeddings(compat: Compat, body: bytes, request: Request, scored: Sequence[Scored], chosen: Options) -> dict[str, Any]:
    return _answer(compat, body, request, scored, chosen, lambda reward: {"object": "embedding", "embedding": [reward]})


def _answer(
    compat: Compat, body: bytes, request: Request, scored: Sequence[Scored], chosen: Options, one: Callable[[float], dict[str, Any]]
) -> dict[str, Any]:
    undecided = compat.fallback("vllm", body, scored, chosen, tries=True)
    return {
        "id": f"classify-{sha256(body).hexdigest()[:32]}",
        "object": "list",
        "created": int(time.time()),
        "model": request.model,
        "data": [{"index": i, **one(s.number(undecided))} for i, s in enumerate(scored)],
        "usage": {"prompt_tokens": 0, "total_tokens": 0, "completion_tokens": 0},
    }


def _one(place: str, conversation: str) -> Asked:
    question, text = chat.split(conversation) or ("", chat.plain(conversation))
    return Asked(text, question, None, place, place)
