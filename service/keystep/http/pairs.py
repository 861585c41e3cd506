"""POST /v1/pairs: preference pairs from scored groups. Pure computation on a thread: nothing is scored here."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from keystep import __version__
from keystep.http.admission import Admission
from keystep.http.observing import mark
from keystep.metrics import Metrics
from keystep.wire import pairs
from keystep.wire.parsing import parse

PATH = "/v1/pairs"


def install(app: FastAPI, admission: Admission, metrics: Metrics) -> None:
    seconds = metrics.seconds.labels(PATH)

    @app.post(PATH, summary="Preference pairs from scored groups", name="pairs")
    async def route(request: Request) -> Response:
        began = time.perf_counter()
        admission.check_open()
        async with admission.body(request) as body:
            order = await asyncio.to_thread(_read, body, admission)
            mark("parse")
            with admission.admit(sum(len(g.rollouts) for g in order.groups), "groups"):
                answer = await asyncio.to_thread(_answer, order)
            mark("write")
        seconds.observe(time.perf_counter() - began)
        return Response(answer, media_type="application/json")


def _read(body: bytes, admission: Admission) -> pairs.PairsRequest:
    admission.check_objects(body)
    order = parse(pairs.PairsRequest, body)
    for i, group in enumerate(order.groups):
        admission.check_text(f"groups.{i}.question", group.question)
        for j, image in enumerate(group.images):
            admission.check_text(f"groups.{i}.images.{j}", image)
        for j, rollout in enumerate(group.rollouts):
            admission.check_text(f"groups.{i}.rollouts.{j}.text", rollout.text)
    return order


def _answer(order: pairs.PairsRequest) -> bytes:
    tally = pairs.PairTally()
    lines: list[dict[str, Any]] = []
    dropped = {}
    for i, group in enumerate(order.groups):
        choice = pairs.choice_of(group, order, f"groups.{i}")
        tally.add(group, choice)
        lines += pairs.pair_lines(group, choice, order)
        if choice.dropped is not None:
            dropped[group.id] = choice.dropped
    return orjson.dumps({"service": __version__, "pairs": lines, "dropped": dropped, "statistics": tally.to_json()})
