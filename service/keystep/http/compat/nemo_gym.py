"""NeMo-Gym: a resources server's `/verify`.

    {"responses_create_params": {"input": ...}, "response": {Responses API}, "expected_answer": "5", "question": "..."}
    -> the same, and "reward", "reward_components", "mask_sample"

An undecided reward is 200 with `_ng_failure_class`: such a row is set aside and never learned from, whatever its number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from keystep.http.compat import chat
from keystep.http.compat.options import Options
from keystep.http.compat.scoring import Asked, Compat, Scored


class Request(BaseModel):
    model_config = ConfigDict(extra="allow")

    responses_create_params: dict[str, Any]
    response: dict[str, Any]
    expected_answer: Any = None
    question: str | None = None


def asked(request: Request) -> list[Asked]:
    question = request.question if request.question is not None else _question(request.responses_create_params.get("input"))
    return [Asked(_text(request.response), question, request.expected_answer, "response.output", "expected_answer")]


def answer(compat: Compat, body: bytes, request: Request, scored: Sequence[Scored], chosen: Options) -> dict[str, Any]:
    del compat, body  # nothing is turned away here, so nothing is remembered
    (one,) = scored
    set_aside = one.reward is None or (chosen.undecided is None and None in one.components.values())
    number = 0.0 if chosen.undecided is None else chosen.undecided
    told = {
        **request.model_dump(exclude_unset=True),
        "reward": one.number(number),
        "reward_components": one.numbers(number),
        "mask_sample": set_aside,
    }
    if set_aside:
        told |= {"_ng_failure_class": "judge_failed", "failure_kind": "keystep:undecided", "failure_reason": ", ".join(one.reasons)}
    return told


def _question(given: Any) -> str:
    return given if isinstance(given, str) else chat.last_message(given if isinstance(given, list) else [], "user")


def _text(response: dict[str, Any]) -> str:
    """What the model said: every message of the output, in order; reasoning summaries and tool calls are not said."""
    output = response.get("output")
    items = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
    return chat.plain("".join(chat.content_text(item.get("content")) for item in items if item.get("type") == "message"))
