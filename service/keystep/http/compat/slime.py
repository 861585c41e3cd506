"""slime and miles: `--rm-type remote_rm --rm-url http://host:8000/compat/slime`.

    {"prompt": "..." or messages, "response": "...", "label": "5"} -> 0.7

With `?wants=object` an object with the reward and its components instead, for `--reward-key reward`.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from keystep.http.compat import chat
from keystep.http.compat.options import Options
from keystep.http.compat.scoring import Asked, Compat


class Request(BaseModel):
    prompt: str | list[dict[str, Any]] = ""
    response: str
    label: Any = None


async def answer(compat: Compat, body: bytes, request: Request, chosen: Options) -> float | dict[str, float]:
    question = chat.question(request.prompt) if isinstance(request.prompt, str) else chat.last_message(request.prompt, "user")
    scored = await compat.rewards([Asked(chat.plain(request.response), question, request.label, "response", "label")], chosen)
    undecided = compat.fallback("slime", body, scored, chosen, tries=True)
    reward = scored[0].number(undecided)
    return reward if chosen.wants == "number" else {"reward": reward, **scored[0].numbers(undecided)}
