"""The compatibility routes, put into the application."""

from __future__ import annotations

import time
from typing import Any

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from keystep.http.admission import Admission
from keystep.http.compat import bedrock, llama_factory, nemo_gym, openrlhf, questions, slime, vllm
from keystep.http.compat.options import options
from keystep.http.compat.scoring import Compat, Protocol, UndecidedError
from keystep.http.openapi import REFUSALS
from keystep.http.problems import problem
from keystep.http.scoring import Scoring
from keystep.metrics import Metrics
from keystep.settings import Settings

ROUTES = (
    ("/get_reward", Protocol(openrlhf.Request, openrlhf.asked, openrlhf.answer), "OpenRLHF's remote reward, and lmm-r1's"),
    ("/compat/slime", Protocol(slime.Request, slime.asked, slime.answer), "slime's and miles' remote_rm"),
    ("/v1/score/evaluation", Protocol(llama_factory.Request, llama_factory.asked, llama_factory.answer), "LLaMA-Factory's reward API"),
    ("/classify", Protocol(vllm.Request, vllm.asked, vllm.classify), "vLLM's classify, as verl's router reads it"),
    ("/v1/embeddings", Protocol(vllm.Request, vllm.asked, vllm.embeddings), "SGLang's embeddings, as verl's router reads them"),
    ("/verify", Protocol(nemo_gym.Request, nemo_gym.asked, nemo_gym.answer), "NeMo-Gym's verify"),
    ("/compat/bedrock", Protocol(bedrock.Request, bedrock.asked, bedrock.answer), "AWS reinforcement fine-tuning, keyed by id"),
)


_UNDECIDED = REFUSALS["503"] | {"description": "Stopping; or a reward is undecided, and the URL names no number for it"}
_PARAMETERS = [
    {"name": name, "in": "query", "required": False, "description": told, "schema": schema}
    for name, told, schema in (
        ("recipe", "A recipe's name, or an object of it in JSON, percent-encoded.", {"type": "string", "default": "hardened"}),
        ("undecided", "The number that stands for what could not be decided; without it such a request is a 503.", {"type": "number"}),
        ("wants", "slime only: the reward alone, or an object with its components.", {"enum": ["number", "object"], "default": "number"}),
    )
]


def install(app: FastAPI, settings: Settings, admission: Admission, metrics: Metrics, scoring: Scoring) -> None:
    compat = Compat(scoring.score, scoring.beside, admission, metrics, questions.load(settings.questions_path))
    for path, protocol, summary in ROUTES:
        _add(app, admission, metrics, compat, path, protocol, summary)

    async def undecided(_: Request, error: Exception) -> Response:
        return problem(503, str(error), headers={"Retry-After": "1"})

    app.add_exception_handler(UndecidedError, undecided)


def _add(app: FastAPI, admission: Admission, metrics: Metrics, compat: Compat, path: str, protocol: Protocol[Any], summary: str) -> None:
    seconds = metrics.seconds.labels(path)

    async def route(request: Request) -> Response:
        began = time.perf_counter()
        admission.check_open()
        chosen = options(request.query_params)
        async with admission.body(request) as body:
            told = await compat.answer(protocol, body, chosen)
        seconds.observe(time.perf_counter() - began)
        return Response(told, media_type="application/json")

    app.add_api_route(
        path,
        route,
        methods=["POST"],
        summary=summary,
        name=path.strip("/"),
        responses={200: {"description": "Answered", "content": {"application/json": {"schema": {}}}}, **REFUSALS, "503": _UNDECIDED},
        openapi_extra={
            "parameters": _PARAMETERS,
            "requestBody": {"required": True, "content": {"application/json": {"schema": _schema(protocol.request)}}},
        },
    )


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    """The model's schema in one piece: references lead nowhere once it stands within a document."""
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})

    def whole(part: Any) -> Any:
        if isinstance(part, list):
            return [whole(p) for p in part]
        if not isinstance(part, dict):
            return part
        name = part.get("$ref", "").rpartition("/")[2]
        return whole(definitions[name]) if name else {key: whole(value) for key, value in part.items()}

    found: dict[str, Any] = whole(schema)
    return found
