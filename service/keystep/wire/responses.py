"""What is answered. Each function turns nouns into exactly the JSON of its model; the models document it and tests hold to them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from keystep.keysteps.source import Extracted
from keystep.nouns import Evidence, Outcome, Reward, ScoredGroup, ScoredRollout, StepMatch
from keystep.recipe import Recipe

Status = Literal["ok", "partial", "error"]
SpanOut = tuple[int, int]


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RecipeRef(_Out):
    name: str
    hash: str


class PairOut(_Out):
    chosen: str
    rejected: str
    margin: float


class SectionOut(_Out):
    kind: str
    number: int | None
    header: SpanOut
    body: SpanOut


class StepMatchOut(_Out):
    key_step: str
    matched: bool
    score: float
    tier: str | None
    form: str | None
    span: SpanOut | None
    blocked: str | None


class AnswerOut(_Out):
    span: SpanOut | None
    answer_type: str | None
    method: str | None


class EvidenceOut(_Out):
    grammar: str
    sections: list[SectionOut]
    completeness: bool
    logic: bool
    key_steps: list[StepMatchOut]
    answer: AnswerOut
    excluded: list[SpanOut]


class RolloutOut(_Out):
    id: str
    reward: float | None
    step_rar: float | None
    step_rvr: float | None
    outcome: float | None
    key_steps_matched: float | None
    key_steps_soft: float | None
    answer: str | None
    status: Status
    reasons: list[str]
    flags: list[str]
    extras: dict[str, float | None]
    evidence: EvidenceOut | None = None


class GroupOut(_Out):
    id: str
    rollouts: list[RolloutOut]
    advantages: list[float | None]
    mean: float | None
    std: float
    zero_variance: bool
    pair: PairOut | None


class ScoreResponse(_Out):
    recipe: RecipeRef
    service: str
    groups: list[GroupOut]
    degraded: list[str]


class StreamHead(_Out):
    """The first line of a stream."""

    recipe: RecipeRef
    service: str


class StreamEnd(_Out):
    """The last line of a stream that is whole."""

    degraded: list[str]


class Fault(_Out):
    title: str
    status: int
    detail: str


class StreamBroken(_Out):
    """The last line of a stream that broke off."""

    error: Fault


class OutcomeOut(_Out):
    id: str
    outcome: float | None
    answer: str | None
    status: Status
    reasons: list[str]
    flags: list[str]
    answer_type: str | None
    method: str | None
    span: SpanOut | None


class VerifyResponse(_Out):
    recipe: RecipeRef
    service: str
    items: list[OutcomeOut]


class KeyStepsOut(_Out):
    id: str
    key_steps: list[list[str]] | None
    extractor: str
    cached: bool
    status: Status
    reasons: list[str]


class KeyStepsResponse(_Out):
    recipe: RecipeRef
    service: str
    questions: list[KeyStepsOut]
    degraded: list[str]


def recipe_to_json(recipe: Recipe) -> dict[str, str]:
    return {"name": recipe.name, "hash": recipe.hash}


def group_to_json(group: ScoredGroup, detail: Literal["rewards", "evidence"]) -> dict[str, Any]:
    return {
        "id": group.id,
        "rollouts": [_rollout(r, evidence=detail == "evidence") for r in group.rollouts],
        "advantages": list(group.advantages.values),
        "mean": group.advantages.mean,
        "std": group.advantages.std,
        "zero_variance": group.advantages.zero_variance,
        "pair": None if group.pair is None else asdict(group.pair),
    }


def outcome_to_json(id_: str, outcome: Outcome) -> dict[str, Any]:
    return {
        "id": id_,
        "outcome": outcome.value,
        "answer": outcome.answer,
        "status": "ok" if outcome.value is not None else "error",
        "reasons": list(outcome.reasons),
        "flags": list(outcome.flags),
        "answer_type": outcome.answer_type,
        "method": outcome.method,
        "span": outcome.span,
    }


def key_steps_to_json(id_: str, extracted: Extracted) -> dict[str, Any]:
    return {
        "id": id_,
        "key_steps": None if extracted.key_steps is None else [list(s.forms) for s in extracted.key_steps],
        "extractor": extracted.extractor,
        "cached": extracted.cached,
        "status": "error" if extracted.key_steps is None else "ok",
        "reasons": list(extracted.reasons),
    }


def _status(reward: Reward) -> Status:
    parts = (reward.step_rar, reward.step_rvr, reward.outcome, reward.k, *(value for _, value in reward.extras))
    if all(part is None for part in parts):
        return "error"
    return "ok" if reward.total is not None and None not in parts else "partial"


def _rollout(scored: ScoredRollout, *, evidence: bool) -> dict[str, Any]:
    reward = scored.reward
    out = {
        "id": scored.id,
        "reward": reward.total,
        "step_rar": reward.step_rar,
        "step_rvr": reward.step_rvr,
        "outcome": reward.outcome,
        "key_steps_matched": reward.k,
        "key_steps_soft": reward.k_soft,
        "answer": None if scored.evidence is None else scored.evidence.outcome.answer,
        "status": _status(reward),
        "reasons": list(reward.reasons),
        "flags": list(reward.flags),
        "extras": dict(reward.extras),
    }
    if evidence:
        out["evidence"] = None if scored.evidence is None else _evidence(scored.evidence)
    return out


def _evidence(evidence: Evidence) -> dict[str, Any]:
    outcome = evidence.outcome
    return {
        "grammar": evidence.structure.grammar,
        "sections": [{"kind": s.kind, "number": s.number, "header": s.header, "body": s.body} for s in evidence.structure.sections],
        "completeness": evidence.validity.completeness,
        "logic": evidence.validity.logic,
        "key_steps": [_step_match(m, evidence) for m in evidence.matches],
        "answer": {"span": outcome.span, "answer_type": outcome.answer_type, "method": outcome.method},
        "excluded": list(evidence.excluded),
    }


def _step_match(match: StepMatch, evidence: Evidence) -> dict[str, Any]:
    return {
        "key_step": evidence.key_steps[match.key_step].text,
        "matched": match.matched,
        "score": match.score,
        "tier": match.tier,
        "form": match.form,
        "span": match.span,
        "blocked": match.blocked,
    }
