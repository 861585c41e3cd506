"""AWS reinforcement fine-tuning (Bedrock, SageMaker): batches keyed by id, as a Lambda function passes them on.

    [{"id": "123", "messages": [{"role", "content"}], "metadata": {"reference_answer": ...}}]
    -> [{"id": "123", "aggregate_reward_score": 2.05, "metrics_list": [{"name", "value", "type"}]}]

An undecided reward is null, or the URL's number; its metrics say undecided: 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import BaseModel, RootModel

from keystep.http.compat import chat
from keystep.http.compat.options import Options
from keystep.http.compat.scoring import Asked, Compat, Scored


class Sample(BaseModel):
    id: str
    messages: list[dict[str, Any]]
    metadata: dict[str, Any] | None = None
    reference_answer: Any = None


class Request(RootModel[list[Sample]]):
    pass


def asked(request: Request) -> Iterator[Asked]:
    return (_one(i, sample) for i, sample in enumerate(request.root))


def answer(compat: Compat, body: bytes, request: Request, scored: Sequence[Scored], chosen: Options) -> list[dict[str, Any]]:
    if chosen.undecided is not None:
        compat.fallback("bedrock", body, scored, chosen, tries=False)
    return [_told(sample.id, s, chosen.undecided) for sample, s in zip(request.root, scored, strict=True)]


def _one(i: int, sample: Sample) -> Asked:
    text, question = chat.last_message(sample.messages, "assistant"), chat.last_message(sample.messages, "user")
    label = sample.reference_answer if sample.reference_answer is not None else (sample.metadata or {}).get("reference_answer")
    return Asked(text, question, label, f"{i}.messages", f"{i}.metadata.reference_answer")


def _told(id_: str, scored: Scored, undecided: float | None) -> dict[str, Any]:
    values: dict[str, float | None] = {**scored.components, "undecided": float(scored.reward is None)}
    metrics = [{"name": name, "value": undecided if value is None else value, "type": "Metric"} for name, value in values.items()]
    return {"id": id_, "aggregate_reward_score": undecided if scored.reward is None else scored.reward, "metrics_list": metrics}
