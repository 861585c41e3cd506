"""The application: routes, the documents they are described by, and what starts and stops with it."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from fastapi_offline import FastAPIOffline
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.types import Receive, Scope, Send

from keystep import __version__
from keystep.engine import build
from keystep.errors import ComponentError
from keystep.garbage import collect_seldom
from keystep.http import jobs as job_routes
from keystep.http import openapi, page, pairs, problems, reward_models, streaming
from keystep.http.admission import Admission
from keystep.http.compat import routes as compat
from keystep.http.headers import SecurityHeaders
from keystep.http.keys import KeyGuard, Keys
from keystep.http.leaving import unless_gone
from keystep.http.observing import Observing
from keystep.http.scoring import Scoring
from keystep.http.watching import Watch
from keystep.metrics import Metrics
from keystep.processes.scorer import Scorer
from keystep.recipe import RECIPES, Recipe, resolve
from keystep.settings import Settings

_log = logging.getLogger(__name__)
_SUMMARY = "Step-wise rewards for multimodal reasoners, with evidence: StepRAR, StepRVR, outcome."


def create_app(settings: Settings | None = None) -> FastAPI:
    """The ASGI application. settings: from the environment when not given."""
    settings = settings or Settings()
    metrics = Metrics()
    admission = Admission(settings, metrics)
    scorer = Scorer(build(settings), settings.processes)
    metrics.watch(scorer.dispatcher)
    metrics.watch_extractors(scorer.engine, settings)
    scoring = Scoring(scorer, admission, metrics, Watch(settings, metrics, scorer), lookups=settings.threads)
    jobs = job_routes.Jobs(settings, admission, scoring)
    lifespan = _lifespan(scorer, scoring, jobs)
    app = FastAPIOffline(
        title="keystep",
        version=__version__,
        description=_SUMMARY,
        redoc_url=None,
        lifespan=lifespan,
        # Spans, where OpenTelemetry's own variables name a collector. Figures are at /metrics; looking for more costs every request.
        telemetry={"metrics": False, "logs": False, "operation_spans": False, "auto_configure": True},
    )
    app.state.admission = admission
    app.router.route_class = BareRoute
    problems.install(app)
    if settings.api_keys_path is not None:
        app.add_middleware(KeyGuard, keys=Keys(settings.api_keys_path))
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Observing, metrics=metrics)  # the last is the outermost
    _work_routes(app, admission, metrics, scoring)
    streaming.install(app, admission, scoring)
    job_routes.install(app, admission, jobs)
    compat.install(app, settings, admission, metrics, scoring)
    pairs.install(app, admission, metrics)
    reward_models.install(app, admission, metrics, scorer.engine.reward_models, threads=settings.threads)
    _recipe_routes(app)
    _health_routes(app, admission, scorer, metrics)
    page.install(app, admission, scoring)
    openapi.install(app)
    return app


def _lifespan(scorer: Scorer, scoring: Scoring, jobs: job_routes.Jobs) -> Callable[[FastAPI], Any]:
    def warm_up() -> None:
        try:
            scorer.start()
        except ComponentError as error:
            _log.error("this service will not become ready: %s; mend that and start it again", error)
            return
        collect_seldom()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        scorer.dispatcher.live_on(asyncio.get_running_loop())
        # Warming takes seconds; the port opens at once and /readyz says when.
        threading.Thread(target=warm_up, name="keystep-warm-up", daemon=True).start()
        jobs.start()
        yield
        await asyncio.to_thread(jobs.stop)  # first: what closing leaves undone is no result of a job
        await asyncio.to_thread(scoring.close)
        await asyncio.to_thread(scorer.close)

    return lifespan


def _work_routes(app: FastAPI, admission: Admission, metrics: Metrics, scoring: Scoring) -> None:
    def add(path: str, work: Callable[[bytes], Awaitable[bytes]], name: str, summary: str) -> None:
        seconds = metrics.seconds.labels(path)

        async def route(request: Request) -> Response:
            began = time.perf_counter()
            admission.check_open()
            async with admission.body(request) as body:
                answer = await unless_gone(request, work(body))
            seconds.observe(time.perf_counter() - began)
            return Response(answer, media_type="application/json")

        app.add_api_route(path, route, methods=["POST"], summary=summary, name=name)

    add("/v1/score", scoring.score, "score", "Score groups of rollouts")
    add("/v1/verify", scoring.verify, "verify", "Outcome alone, of texts of any form")
    add("/v1/key-steps", scoring.key_steps, "key_steps", "Extract (and cache) key steps")


class BareRoute(APIRoute):
    """A route as most of ours are: a request in, a response out. FastAPI's own handling, which looks for parameters to fill in
    and keeps stacks of what they leave open, costs more than reading a rollout."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        wanted = self.dependant
        parameters = (wanted.path_params, wanted.query_params, wanted.header_params, wanted.body_params, wanted.dependencies)
        if wanted.request_param_name is not None and not any(parameters):
            self.app = self._bare

    async def _bare(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self.endpoint(Request(scope, receive, send))
        await response(scope, receive, send)


def _recipe_routes(app: FastAPI) -> None:
    @app.get("/v1/recipes", summary="The recipes, in full")
    def recipes() -> Response:
        return _json({"recipes": [_whole(r) for r in RECIPES.values()]})

    @app.get("/v1/recipes/{name}", summary="One recipe, in full")
    def recipe(name: str) -> Response:
        if name not in RECIPES:
            return problems.problem(404, f"there is no recipe {name[:80]!r}; there are {', '.join(RECIPES)}")
        return _json(_whole(resolve(name)))


def _health_routes(app: FastAPI, admission: Admission, scorer: Scorer, metrics: Metrics) -> None:
    @app.get("/livez", summary="The process is alive")
    async def livez(_: Request) -> Response:
        return _json({"status": "ok"})

    @app.get("/readyz", summary="Ready for work: warm, and not stopping")
    async def readyz(_: Request) -> Response:
        status = "draining" if admission.draining else "ready" if scorer.ready() else "warming"
        return Response(orjson.dumps({"status": status}), status_code=200 if status == "ready" else 503, media_type="application/json")

    @app.get("/metrics", summary="Prometheus metrics")
    async def prometheus(_: Request) -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)


def _whole(recipe: Recipe) -> dict[str, Any]:
    return {**asdict(recipe), "hash": recipe.hash}


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
