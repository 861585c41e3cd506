"""GET /v1/reward-models and POST /v1/reward-models/{name}/score."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from keystep.core import steps as rule
from keystep.core.extras import aggregated
from keystep.models.sample import RewardModel, Sample, Score
from keystep.models.spec import PAIRWISE, PROCESS
from keystep.nouns import Reason
from keystep.recipe import Aggregate
from keystep.wire.requests import Deadline, Form, Id, distinct
from keystep.wire.responses import Status


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class SampleIn(_Strict):
    id: Id
    question: str = Field(description="The prompt's text.")
    text: str = Field(description="The response.")
    steps: list[Form] | None = Field(
        None, description="For a process reward model: the response's steps. Without them they are read from the text."
    )
    other: str | None = Field(None, description="For a pairwise model: the response that the text is compared with.")


class RewardModelRequest(_Strict):
    aggregate: Aggregate = Field("min", description="For a process reward model: how the score is made of those of the steps.")
    deadline_ms: Deadline = None
    items: list[SampleIn] = Field(min_length=1)

    @field_validator("items")
    @classmethod
    def _unique(cls, items: list[SampleIn]) -> list[SampleIn]:
        distinct((i.id for i in items), "items")
        return items


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RewardModelOut(_Out):
    name: str
    kind: str
    process: bool = Field(description="It scores each step.")
    pairwise: bool = Field(description="It compares two responses.")
    alive: bool


class RewardModelsResponse(_Out):
    service: str
    reward_models: list[RewardModelOut]


class SampleOut(_Out):
    id: str
    score: float | None = Field(description="The raw logit; of steps, what aggregate makes of them; of two texts, AB - BA.")
    steps: list[float] | None = Field(description="The probability that each step is right, one a step.")
    parts: dict[str, float] = Field(description="What the score is made of: ArmoRM's objectives, a pairwise model's two orders.")
    truncated: bool = Field(description="Only the first tokens were read, as many as the model takes.")
    status: Status
    reasons: list[str]


class RewardModelResponse(_Out):
    service: str
    reward_model: RewardModelOut
    items: list[SampleOut]


def model_to_json(model: RewardModel) -> dict[str, Any]:
    kind = model.kind
    return {"name": model.name, "kind": kind, "process": kind in PROCESS, "pairwise": kind in PAIRWISE, "alive": model.alive()}


def sample_from(item: SampleIn, kind: str) -> Sample:
    if kind in PROCESS:
        return Sample(item.question, "", rule.split(item.text) if item.steps is None else tuple(item.steps))
    return Sample(item.question, item.text, other=item.other)


def score_to_json(id_: str, score: Score, aggregate: Aggregate) -> dict[str, Any]:
    reasons = [] if score.reason is None else [score.reason]
    if score.steps == ():
        reasons.append(Reason.MISSING_STEPS)
    return {
        "id": id_,
        "score": score.value if score.steps is None else aggregated(score.steps, aggregate),
        "steps": None if score.steps is None else list(score.steps),
        "parts": dict(score.parts),
        "truncated": score.truncated,
        "status": "ok" if score.reason is None else "error",
        "reasons": reasons,
    }
