"""slime and miles: `--rm-type remote_rm --rm-url http://host:8000/compat/slime`.

    {"prompt": "..." or messages, "response": "...", "label": "5"} -> 0.7

With `?wants=object` an object with the reward and its components instead, for `--reward-key reward`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from keystep.http.compat import chat
from keystep.http.compat.options import Options
from keystep.http.compat.scoring import Asked, Compat, Scored


class Request(BaseModel):
    prompt: str | list[dict[str, Any]] = ""
    response: str
    label: Any = None


def asked(request: Request) -> list[Asked]:
    question = chat.question(request.prompt) if isinstance(request.prompt, str) else chat.last_message(request.prompt, "user")
    return [Asked(chat.plain(request.response), question, request.label, "response", "label")]


def answer(compat: Compat, body: bytes, request: Request, scored: Sequence[Scored], chosen: Options) -> float | dict[str, float]:
    del request
    undecided = compat.fallback("slime", body, scored, chosen, tries=True)
    reward = scored[0].number(undecided)
    return reward if chosen.wants == "number" else {"reward": reward, **scored[0].numbers(undecided)}
