"""The OpenAPI document. Bodies are parsed from raw bytes on worker threads, so their schemas are told here."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from keystep.http.problems import MEDIA_TYPE
from keystep.wire import jobs, pairs, requests, responses, reward_models

_WORK: dict[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "/v1/score": (requests.ScoreRequest, responses.ScoreResponse),
    "/v1/verify": (requests.VerifyRequest, responses.VerifyResponse),
    "/v1/key-steps": (requests.KeyStepsRequest, responses.KeyStepsResponse),
    "/v1/pairs": (pairs.PairsRequest, pairs.PairsResponse),
    "/v1/reward-models/{name}/score": (reward_models.RewardModelRequest, reward_models.RewardModelResponse),
}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {"type": "object", "properties": {"field": {"type": "string"}, "message": {"type": "string"}}},
        },
    },
}
_REFUSED = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
_TOLD = {
    "400": "The body is not JSON",
    "401": "No key, or a wrong one, where the service asks for keys",
    "413": "Over a limit of the settings",
    "422": "A field is wrong; errors names it",
    "429": "Too many rollouts in flight; Retry-After says when",
    "503": "Stopping",
}
_STREAMED = (
    "A line each: StreamHead, then a GroupOut for every group in whatever order they finish, then StreamEnd"
    " (or StreamBroken, where something broke off; a stream without either was cut short)"
)
_LINES = (responses.StreamHead, responses.GroupOut, responses.StreamEnd, responses.StreamBroken)
# What any route that does work may answer instead, for the routes' own documentation.
REFUSALS: dict[int | str, dict[str, Any]] = {status: {"description": told, **_REFUSED} for status, told in _TOLD.items()}


def install(app: FastAPI) -> None:
    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _document(app: FastAPI) -> dict[str, Any]:
    doc = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    both = [(request, "validation") for request, _ in _WORK.values()] + [(response, "serialization") for _, response in _WORK.values()]
    both += [(answer, "serialization") for answer in (*_LINES, jobs.JobOut, reward_models.RewardModelsResponse)]
    refs, definitions = models_json_schema(both, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    schemas = doc.setdefault("components", {}).setdefault("schemas", {})
    schemas.clear()  # FastAPI's own validation errors are never answered
    schemas.update(definitions["$defs"])
    schemas["Problem"] = _PROBLEM
    for path, (request, response) in _WORK.items():
        operation = doc["paths"][path]["post"]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": refs[request, "validation"]}}}
        operation["responses"] = {
            "200": {"description": "Answered", "content": {"application/json": {"schema": refs[response, "serialization"]}}},
            **REFUSALS,
        }
    stream = doc["paths"]["/v1/score/stream"]["post"]
    stream["requestBody"] = doc["paths"]["/v1/score"]["post"]["requestBody"]
    stream["responses"] = {
        "200": {"description": _STREAMED, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}},
        **REFUSALS,
    }
    doc["paths"]["/v1/reward-models/{name}/score"]["post"]["responses"]["404"] = {"description": "No such reward model", **_REFUSED}
    listed = {"application/json": {"schema": refs[reward_models.RewardModelsResponse, "serialization"]}}
    doc["paths"]["/v1/reward-models"]["get"]["responses"]["200"] = {"description": "Answered", "content": listed}
    _describe_jobs(doc["paths"], refs[jobs.JobOut, "serialization"])
    for path in ("/livez", "/readyz", "/metrics", "/v1/recipes", "/v1/recipes/{name}"):
        answers = doc["paths"][path]["get"]["responses"]
        answers["200"] = {
            "description": "Answered",
            "content": {"text/plain" if path == "/metrics" else "application/json": {"schema": {}}},
        }
        if path == "/readyz":
            answers["503"] = {"description": "Warming or stopping", "content": {"application/json": {"schema": {}}}}
        if path == "/v1/recipes/{name}":
            answers.pop("422")
            answers["404"] = {"description": "No such recipe", **_REFUSED}
    return doc


def _describe_jobs(paths: dict[str, Any], schema: dict[str, Any]) -> None:
    job = {"application/json": {"schema": schema}}
    unknown = {"description": "No such job, or it is forgotten already", **_REFUSED}
    gone = {"description": "The store of jobs cannot be reached; Retry-After says when, where waiting helps", **_REFUSED}
    submit = paths["/v1/jobs"]["post"]
    submit["requestBody"] = paths["/v1/score"]["post"]["requestBody"]
    submit["parameters"] = [
        {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "The same key with the same body is the same job, as long as that is kept; with another body it is a 422.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
        }
    ]
    location = {"Location": {"description": "Where to ask for it", "schema": {"type": "string"}}}
    submit["responses"] = {"202": {"description": "Accepted, and stored", "headers": location, "content": job}, **REFUSALS}
    get = paths["/v1/jobs/{id}"]["get"]
    get["parameters"].append(
        {
            "name": "wait",
            "in": "query",
            "required": False,
            "description": "Seconds to wait for its end before answering how far it is.",
            "schema": {"type": "number", "minimum": 0, "maximum": 60, "default": 0},
        }
    )
    get["responses"] = {"200": {"description": "The job", "content": job}, "404": unknown, "422": REFUSALS["422"], "503": gone}
    cancel = paths["/v1/jobs/{id}"]["delete"]
    cancel["responses"] = {"200": {"description": "The job, ended", "content": job}, "404": unknown, "503": gone}
