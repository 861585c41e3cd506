"""The three jobs of the service, each from a body's bytes to the answer's bytes. Synchronous: they run on worker threads."""

from __future__ import annotations

import time
from typing import Any

import orjson

from keystep import __version__, wire
from keystep.engine import Engine
from keystep.http.admission import Admission
from keystep.metrics import Metrics
from keystep.recipe import resolve
from keystep.verify.verifier import VerifyItem


class Scoring:
    def __init__(self, engine: Engine, admission: Admission, metrics: Metrics) -> None:
        self._engine = engine
        self._admission = admission
        self._metrics = metrics

    def score(self, body: bytes) -> bytes:
        """POST /v1/score"""
        arrived = time.monotonic()
        request = wire.parse(wire.ScoreRequest, body)
        recipe = resolve(request.recipe)
        self._check_groups(request.groups)
        with self._admission.admit(sum(len(g.rollouts) for g in request.groups), "groups"):
            groups = [wire.group_from(g) for g in request.groups]
            scored = self._engine.score(groups, recipe, deadline=_deadline(arrived, request.deadline_ms))
        self._metrics.saw_groups(recipe, scored.groups, scored.degraded)
        return _json(
            {
                "recipe": wire.recipe_to_json(recipe),
                "groups": [wire.group_to_json(g, request.detail) for g in scored.groups],
                "degraded": scored.degraded,
            }
        )

    def verify(self, body: bytes) -> bytes:
        """POST /v1/verify"""
        arrived = time.monotonic()
        request = wire.parse(wire.VerifyRequest, body)
        recipe = resolve(request.recipe)
        for i, item in enumerate(request.items):
            self._check_question(f"items.{i}", item)
            self._admission.check_text(f"items.{i}.text", item.text)
        with self._admission.admit(len(request.items), "items"):
            items = [VerifyItem(wire.question_from(i), i.text, truncated=i.truncated) for i in request.items]
            outcomes = self._engine.verify(items, recipe, deadline=_deadline(arrived, request.deadline_ms))
        self._metrics.saw_outcomes(outcomes)
        return _json(
            {
                "recipe": wire.recipe_to_json(recipe),
                "items": [wire.outcome_to_json(i.id, o) for i, o in zip(request.items, outcomes, strict=True)],
            }
        )

    def key_steps(self, body: bytes) -> bytes:
        """POST /v1/key-steps"""
        arrived = time.monotonic()
        request = wire.parse(wire.KeyStepsRequest, body)
        recipe = resolve(request.recipe)
        for i, question in enumerate(request.questions):
            self._admission.check_text(f"questions.{i}.question", question.question)
            self._admission.check_text(f"questions.{i}.reference", question.reference)
        with self._admission.admit(len(request.questions), "questions"):
            texts = [(q.question, q.reference) for q in request.questions]
            extracted, degraded = self._engine.key_steps(texts, recipe, deadline=_deadline(arrived, request.deadline_ms))
        for e in extracted:
            self._metrics.cache.labels(str(e.cached).lower()).inc()
        answers = [wire.key_steps_to_json(q.id, e) for q, e in zip(request.questions, extracted, strict=True)]
        return _json({"recipe": wire.recipe_to_json(recipe), "questions": answers, "degraded": degraded})

    def _check_groups(self, groups: list[wire.GroupIn]) -> None:
        for i, group in enumerate(groups):
            where = f"groups.{i}"
            self._check_question(where, group)
            self._admission.check_text(f"{where}.reference", group.reference)
            for j, reference in enumerate(group.references or ()):
                self._admission.check_text(f"{where}.references.{j}", reference)
            self._check_key_steps(where, group.key_steps or [])
            for j, image in enumerate(group.images):
                self._admission.check_text(f"{where}.images.{j}", image)
            for j, rollout in enumerate(group.rollouts):
                self._admission.check_text(f"{where}.rollouts.{j}.text", rollout.text)

    def _check_question(self, where: str, item: wire.GroupIn | wire.ItemIn) -> None:
        self._admission.check_text(f"{where}.question", item.question)
        self._admission.check_text(f"{where}.answer", item.answer)
        for i, choice in enumerate(item.choices or ()):
            self._admission.check_text(f"{where}.choices.{i}", choice)

    def _check_key_steps(self, where: str, key_steps: list[list[str] | str]) -> None:
        forms = [[step] if isinstance(step, str) else step for step in key_steps]
        self._admission.check_key_steps(f"{where}.key_steps", sum(map(len, forms)))
        for i, step in enumerate(forms):
            for form in step:
                self._admission.check_text(f"{where}.key_steps.{i}", form)


def _deadline(arrived: float, deadline_ms: int | None) -> float | None:
    return None if deadline_ms is None else arrived + deadline_ms / 1000


def _json(content: dict[str, Any]) -> bytes:
    return orjson.dumps({"service": __version__, **content})
