"""Jobs: scoring that is handed in now and asked for later.

POST /v1/jobs             the body of POST /v1/score: 202, Location; with an Idempotency-Key, the same job every time
GET /v1/jobs/{id}?wait=s  how far it is; answers once it has ended, or after s seconds
DELETE /v1/jobs/{id}      ends it where it is
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import orjson
from fastapi import FastAPI, Request, Response

from keystep import __version__
from keystep.errors import InputError, JobStoreError
from keystep.http import waiting
from keystep.http.admission import Admission
from keystep.http.jobwork import JobScorer, about, written
from keystep.http.problems import problem
from keystep.http.scoring import Scoring
from keystep.jobs.redis import RedisJobs
from keystep.jobs.runner import Runner
from keystep.jobs.sqlite import SqliteJobs
from keystep.jobs.store import Job, JobStore, State
from keystep.settings import Settings
from keystep.wire.jobs import job_to_json

_log = logging.getLogger(__name__)
T = TypeVar("T")

LONGEST_WAIT = 60.0
# Jobs are not in a hurry: what is too slow for the cache is not too slow for them.
_REDIS_SECONDS = 5.0
_POLL_SECONDS = 0.25
_LONGEST_KEY = 255
# Calls of the store at once; each takes a moment.
_STORE_THREADS = 4


class Jobs:
    """The store, the runner and what the routes do. Without a store every call says what is missing."""

    def __init__(self, settings: Settings, admission: Admission, scoring: Scoring) -> None:
        self._settings = settings
        self._admission = admission
        self._scoring = scoring
        self._threads = ThreadPoolExecutor(_STORE_THREADS, "keystep-jobs")
        self._missing = "this service keeps no jobs: set KEYSTEP_REDIS_URL or KEYSTEP_JOBS_PATH"
        self._store: JobStore | None = None
        try:
            self._store = _opened(settings)
        except JobStoreError as error:
            _log.warning("%s; until then there are no jobs", error)
            self._missing = str(error)
        self._runner = None if self._store is None else self._running(self._store)
        if self._runner is not None:
            scoring.metrics.watch_jobs(self._runner)

    def start(self) -> None:
        if self._runner is not None:
            self._runner.start()

    def stop(self) -> None:
        """What is under way is handed back."""
        if self._runner is not None:
            self._runner.stop()
        self._threads.shutdown(wait=True, cancel_futures=True)
        if self._store is not None:
            self._store.close()

    async def submit(self, body: bytes, key: str | None) -> Job:
        order = await self._scoring.order(body)
        self._scoring.scorer.engine.look_up([], order.recipe)  # what this service cannot do is refused now
        with self._admission.admit(order.rollouts, "groups"):
            new = await waiting.on(self._threads, lambda: written(order, key))
            job = await self._on_store(lambda store: store.submit(new, room=self._settings.jobs_max_mib << 20))
        if job.fingerprint != new.fingerprint:
            raise InputError(
                f"this key was used for another body, as job {job.id}; take a new key, or send the same body again", field="Idempotency-Key"
            )
        if self._runner is not None:
            self._runner.nudge()
        return job

    async def get(self, id_: str, *, wait: float) -> Job | None:
        """As it is once it has ended, or after wait seconds, or now where the service is about to stop."""
        until = time.monotonic() + wait
        while True:
            job = await self._on_store(lambda store: store.get(id_))
            over = job is None or job.expires is not None or time.monotonic() >= until or self._admission.draining
            if over:
                return job
            await asyncio.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic())))

    async def cancel(self, id_: str) -> Job | None:
        return await self._on_store(lambda store: store.cancel(id_, keep=self._settings.jobs_keep_seconds))

    async def to_json(self, job: Job, *, result: bool) -> bytes:
        """result: with it, once the job is done."""
        recipe = about(job.about).recipe
        told = orjson.dumps(job_to_json(job, recipe=recipe, service=__version__))
        if not result or job.state != State.DONE:
            return told[:-1] + b',"result":null}'
        groups = await self._on_store(lambda store: store.results(job))
        head = orjson.dumps({"service": __version__, "recipe": recipe, "degraded": job.degraded})
        # Results are stored as they are answered; they are not read again.
        return b"".join((told[:-1], b',"result":', head[:-1], b',"groups":[', ",".join(groups).encode(), b"]}}"))

    def _running(self, store: JobStore) -> Runner:
        return Runner(
            store,
            JobScorer(self._scoring.scorer, self._scoring.watch),
            workers=self._settings.processes + 1,
            keep=self._settings.jobs_keep_seconds,
            busy=lambda: self._admission.busy,
            draining=lambda: self._admission.draining,
        )

    async def _on_store(self, call: Callable[[JobStore], T]) -> T:
        store = self._store
        if store is None:
            raise JobStoreError(self._missing, retry_after=None)
        return await waiting.on(self._threads, lambda: call(store))


def _opened(settings: Settings) -> JobStore | None:
    if settings.redis_url is not None:
        return RedisJobs(settings.redis_url.get_secret_value(), timeout=max(_REDIS_SECONDS, settings.redis_timeout_seconds))
    return None if settings.jobs_path is None else SqliteJobs(settings.jobs_path)


def install(app: FastAPI, admission: Admission, jobs: Jobs) -> None:
    @app.post("/v1/jobs", summary="Hand in groups to be scored", name="submit_job")
    async def submit(request: Request) -> Response:
        admission.check_open()
        key = _key(request)
        async with admission.body(request) as body:
            job = await jobs.submit(body, key)
        location = {"Location": f"/v1/jobs/{job.id}"}
        return Response(await jobs.to_json(job, result=False), status_code=202, media_type="application/json", headers=location)

    @app.get("/v1/jobs/{id}", summary="How far a job is, and its result", name="get_job")
    async def get(request: Request, id: str) -> Response:  # noqa: A002 - the path's name for it
        job = await jobs.get(id, wait=_wait(request))
        return _unknown(id) if job is None else Response(await jobs.to_json(job, result=True), media_type="application/json")

    @app.delete("/v1/jobs/{id}", summary="End a job where it is", name="cancel_job")
    async def cancel(id: str) -> Response:  # noqa: A002 - the path's name for it
        job = await jobs.cancel(id)
        return _unknown(id) if job is None else Response(await jobs.to_json(job, result=False), media_type="application/json")


def _key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= _LONGEST_KEY):
        raise InputError(f"has {len(key)} characters; give 1 to {_LONGEST_KEY}, a UUID for instance", field="Idempotency-Key")
    return key


def _wait(request: Request) -> float:
    given = request.query_params.get("wait", "0")
    try:
        wait = float(given)
    except ValueError:
        wait = -1.0
    if not 0.0 <= wait <= LONGEST_WAIT:
        raise InputError(f"{given[:80]!r} is no number of seconds from 0 to {LONGEST_WAIT:g}", field="wait")
    return wait


def _unknown(id_: str) -> Response:
    return problem(
        404,
        f"there is no job {id_[:80]!r}: it never was, or it ended longer than KEYSTEP_JOBS_KEEP_SECONDS ago, or its store was emptied;"
        " hand it in again (with the same Idempotency-Key, so that it cannot be done twice)",
    )
