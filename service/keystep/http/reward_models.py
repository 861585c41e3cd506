"""GET /v1/reward-models and POST /v1/reward-models/{name}/score."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

import orjson
from fastapi import FastAPI, Request, Response

from keystep import __version__
from keystep.errors import InputError
from keystep.http import waiting
from keystep.http.admission import Admission
from keystep.http.observing import mark
from keystep.http.problems import problem
from keystep.http.scoring import deadline_of
from keystep.metrics import Metrics
from keystep.models.sample import RewardModel, Score
from keystep.models.served import RewardModels
from keystep.models.spec import PAIRWISE, PROCESS
from keystep.nouns import Reason
from keystep.wire import reward_models as wire
from keystep.wire.parsing import parse

PATH = "/v1/reward-models"


def install(app: FastAPI, admission: Admission, metrics: Metrics, models: RewardModels, *, threads: int) -> None:
    """threads: requests that wait for a model at once; others wait for those."""
    seconds = metrics.seconds.labels(f"{PATH}/{{name}}/score")
    pool = ThreadPoolExecutor(threads, "keystep-reward-models")

    @app.get(PATH, summary="The reward models that are served")
    async def listed() -> Response:
        return _json({"reward_models": [wire.model_to_json(model) for model in models]})

    @app.post(f"{PATH}/{{name}}/score", summary="Score responses by a reward model", name="reward_model_score")
    async def score(name: str, request: Request) -> Response:
        began = time.monotonic()
        admission.check_open()
        model = models.get(name)
        if model is None:
            known = ", ".join(models.names) or "none; KEYSTEP_REWARD_MODELS_PATH names them"
            return problem(404, f"there is no reward model {name[:80]!r}; there are {known}")
        async with admission.body(request) as body:
            order = await asyncio.to_thread(_read, body, model, admission)
            mark("parse")
            deadline = deadline_of(began, order.deadline_ms)
            with admission.admit(len(order.items), "items"):
                samples = [wire.sample_from(item, model.kind) for item in order.items]
                try:
                    scores = await waiting.on(pool, lambda: model.score(samples, deadline=deadline), deadline=deadline)
                except TimeoutError:
                    scores = [Score(reason=Reason.DEADLINE) for _ in samples]
            mark("score")
        items = [wire.score_to_json(item.id, found, order.aggregate) for item, found in zip(order.items, scores, strict=True)]
        seconds.observe(time.monotonic() - began)
        return _json({"reward_model": wire.model_to_json(model), "items": items})


def _read(body: bytes, model: RewardModel, admission: Admission) -> wire.RewardModelRequest:
    admission.check_objects(body)
    order = parse(wire.RewardModelRequest, body)
    for i, item in enumerate(order.items):
        for field in ("question", "text", "other"):
            admission.check_text(f"items.{i}.{field}", getattr(item, field))
        for j, step in enumerate(item.steps or ()):
            admission.check_text(f"items.{i}.steps.{j}", step)
        if (model.kind in PAIRWISE) != (item.other is not None):
            wants = "compares two responses; give the second as other" if item.other is None else "scores one response; leave other out"
            raise InputError(f"the reward model {model.name} {wants}", field=f"items.{i}.other")
        if item.steps is not None and model.kind not in PROCESS:
            raise InputError(f"the reward model {model.name} scores whole responses; leave steps out", field=f"items.{i}.steps")
    return order


def _json(content: dict[str, object]) -> Response:
    return Response(orjson.dumps({"service": __version__, **content}), media_type="application/json")
