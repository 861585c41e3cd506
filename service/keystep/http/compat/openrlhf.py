"""OpenRLHF: `--reward.remote_url http://host:8000/get_reward`, and lmm-r1's dialect of it.

    {"query": ["<prompt and response>"], "prompts": ["..."], "labels": ["5"]}
    -> {"rewards": [...], "scores": [...], "extra_logs": {name: [...]}, "format_rewards": [...], "acc_rewards": [...]}

One sample a request, hundreds at once, five tries. scores: the outcome, for dynamic filtering (0..1). extra_logs: numbers
only, the same keys always. Empty lists are asked for by several URLs, and answered with empty lists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel

from keystep.errors import InputError
from keystep.http.compat import chat
from keystep.http.compat.options import Options
from keystep.http.compat.scoring import COMPONENTS, Asked, Compat, Scored


class Request(BaseModel):
    query: list[str]
    prompts: list[str] | None = None
    labels: list[Any] | None = None


def asked(request: Request) -> Iterator[Asked]:
    count = len(request.query)
    for name, given in (("prompts", request.prompts), ("labels", request.labels)):
        if given is not None and len(given) != count:
            raise InputError(f"{name} has {len(given)} entries and query has {count}; send one for each", field=name)
    prompts: list[str | None] = [None] * count if request.prompts is None else list(request.prompts)
    labels = [None] * count if request.labels is None else request.labels
    return (_one(i, query, prompt, label) for i, (query, prompt, label) in enumerate(zip(request.query, prompts, labels, strict=True)))


def answer(compat: Compat, body: bytes, request: Request, scored: Sequence[Scored], chosen: Options) -> dict[str, Any]:
    del request
    undecided = compat.fallback("openrlhf", body, scored, chosen, tries=True)
    logs = [s.numbers(undecided) for s in scored]
    return {
        "rewards": [s.number(undecided) for s in scored],
        "scores": [told["outcome"] for told in logs],
        "extra_logs": {name: [told[name] for told in logs] for name in (*COMPONENTS, "undecided")},
        "format_rewards": [told["step_rvr"] for told in logs],
        "acc_rewards": [told["outcome"] for told in logs],
    }


def _one(i: int, query: str, prompt: str | None, label: Any) -> Asked:
    text = chat.response(query, prompt)
    if text is None:
        raise InputError(
            f"query.{i} does not begin with prompts.{i} and marks no turn of the model; send prompt and response together",
            field=f"query.{i}",
        )
    turns = chat.split(query) if prompt is None else None
    question = chat.question(prompt) if prompt is not None else turns[0] if turns else ""
    return Asked(text, question, label, f"query.{i}", f"labels.{i}")
