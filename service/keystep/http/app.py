"""The application: routes, the documents they are described by, and what starts and stops with it."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import anyio
import anyio.to_thread
import orjson
from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST

from keystep import __version__
from keystep.engine import Engine, build
from keystep.http import openapi, problems
from keystep.http.admission import Admission, read_body
from keystep.http.scoring import Scoring
from keystep.metrics import Metrics
from keystep.recipe import RECIPES, Recipe, resolve
from keystep.settings import Settings

_SUMMARY = "Step-wise rewards for multimodal reasoners, with evidence: StepRAR, StepRVR, outcome."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application. settings: from the environment when not given."""
    settings = settings or Settings()
    metrics = Metrics()
    admission = Admission(settings, metrics)
    engine = build(settings)
    app = FastAPIOffline(title="keystep", version=__version__, description=_SUMMARY, redoc_url=None, lifespan=_lifespan(engine))
    app.state.admission = admission
    problems.install(app)
    _work_routes(app, settings, admission, metrics, Scoring(engine, admission, metrics))
    _recipe_routes(app)
    _health_routes(app, admission, engine, metrics)
    openapi.install(app)
    return app


def _lifespan(engine: Engine) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # Warming takes seconds; the port opens at once and /readyz says when.
        threading.Thread(target=engine.start, name="keystep-warm-up", daemon=True).start()
        yield
        await anyio.to_thread.run_sync(engine.close)

    return lifespan


def _work_routes(app: FastAPI, settings: Settings, admission: Admission, metrics: Metrics, scoring: Scoring) -> None:
    # Made where the first request runs: anyio's limiters belong to an event loop.
    limiter: list[anyio.CapacityLimiter] = []

    def add(path: str, work: Callable[[bytes], bytes], summary: str) -> None:
        async def route(request: Request) -> Response:
            began = time.perf_counter()
            admission.check_open()
            body = await read_body(request, settings)
            if not limiter:
                limiter.append(anyio.CapacityLimiter(settings.threads))
            answer = await anyio.to_thread.run_sync(work, body, limiter=limiter[0])
            metrics.seconds.labels(path).observe(time.perf_counter() - began)
            return Response(answer, media_type="application/json")

        app.add_api_route(path, route, methods=["POST"], summary=summary, name=work.__name__)

    add("/v1/score", scoring.score, "Score groups of rollouts")
    add("/v1/verify", scoring.verify, "Outcome alone, of texts of any form")
    add("/v1/key-steps", scoring.key_steps, "Extract (and cache) key steps")

    @app.middleware("http")
    async def count(request: Request, call_next: Callable[[Request], Any]) -> Response:
        status = 500  # a defect of ours is raised through here
        try:
            response: Response = await call_next(request)
            status = response.status_code
        finally:
            route = request.scope.get("route")
            metrics.requests.labels(getattr(route, "path", "none"), str(status)).inc()
        return response


def _recipe_routes(app: FastAPI) -> None:
    @app.get("/v1/recipes", summary="The recipes, in full")
    def recipes() -> Response:
        return _json({"recipes": [_whole(r) for r in RECIPES.values()]})

    @app.get("/v1/recipes/{name}", summary="One recipe, in full")
    def recipe(name: str) -> Response:
        if name not in RECIPES:
            return problems.problem(404, f"there is no recipe {name[:80]!r}; there are {', '.join(RECIPES)}")
        return _json(_whole(resolve(name)))


def _health_routes(app: FastAPI, admission: Admission, engine: Engine, metrics: Metrics) -> None:
    @app.get("/livez", summary="The process is alive")
    async def livez() -> Response:
        return _json({"status": "ok"})

    @app.get("/readyz", summary="Ready for work: warm, and not stopping")
    async def readyz() -> Response:
        status = "draining" if admission.draining else "ready" if engine.ready() else "warming"
        return Response(orjson.dumps({"status": status}), status_code=200 if status == "ready" else 503, media_type="application/json")

    @app.get("/metrics", summary="Prometheus metrics")
    async def prometheus() -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/", include_in_schema=False)
    async def root() -> Response:
        return RedirectResponse("/docs")


def _whole(recipe: Recipe) -> dict[str, Any]:
    return {**asdict(recipe), "hash": recipe.hash}


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
