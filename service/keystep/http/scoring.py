"""The three jobs of the service, each from a body's bytes to the answer's bytes.

They run on the event loop and hold no thread while they wait. What would hold up the loop runs beside it: large bodies and
large answers on a thread of their own, key-step lookups on others.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any, TypeVar

import orjson

from keystep import __version__, wire
from keystep.http.admission import Admission
from keystep.metrics import Metrics
from keystep.nouns import Group, ScoredGroup
from keystep.processes.scorer import Scorer, Submitted
from keystep.recipe import Recipe, resolve
from keystep.verify.verifier import VerifyItem

T = TypeVar("T")

# Up to here reading a body costs the loop less than handing it to a thread and back.
_SMALL_BYTES = 64 * 1024


class Scoring:
    """lookups: requests whose key steps are looked up at once."""

    def __init__(self, scorer: Scorer, admission: Admission, metrics: Metrics, *, lookups: int) -> None:
        self._scorer = scorer
        self._admission = admission
        self._metrics = metrics
        self._reader = ThreadPoolExecutor(1, "keystep-read")
        self._lookups = ThreadPoolExecutor(lookups, "keystep-lookup")

    def close(self) -> None:
        self._reader.shutdown(wait=False, cancel_futures=True)
        self._lookups.shutdown(wait=False, cancel_futures=True)

    async def score(self, body: bytes) -> bytes:
        """POST /v1/score"""
        arrived = time.monotonic()
        small = len(body) <= _SMALL_BYTES
        request, recipe, groups = await self._read(self._score_request, body)
        with self._admission.admit(sum(len(g.rollouts) for g in groups), "groups"):
            deadline = _deadline(arrived, request.deadline_ms)
            scored, degraded = await self._scored(groups, recipe, evidence=request.detail == "evidence", deadline=deadline, small=small)

            def answer() -> bytes:
                self._metrics.saw_groups(recipe, scored, degraded)
                told = [wire.group_to_json(g, request.detail) for g in scored]
                return _json({"recipe": wire.recipe_to_json(recipe), "groups": told, "degraded": degraded})

            return answer() if small else await _on(self._reader, answer)

    async def verify(self, body: bytes) -> bytes:
        """POST /v1/verify"""
        arrived = time.monotonic()
        request, recipe, items = await self._read(self._verify_request, body)
        with self._admission.admit(len(items), "items"):
            outcomes = await asyncio.wrap_future(self._scorer.verify(items, recipe, deadline=_deadline(arrived, request.deadline_ms)))
        self._metrics.saw_outcomes(outcomes)
        told = [wire.outcome_to_json(i.id, o) for i, o in zip(request.items, outcomes, strict=True)]
        return _json({"recipe": wire.recipe_to_json(recipe), "items": told})

    async def key_steps(self, body: bytes) -> bytes:
        """POST /v1/key-steps"""
        arrived = time.monotonic()
        request, recipe, texts = await self._read(self._key_steps_request, body)
        with self._admission.admit(len(texts), "questions"):
            deadline = _deadline(arrived, request.deadline_ms)
            extracted, degraded = await _on(self._lookups, lambda: self._scorer.engine.key_steps(texts, recipe, deadline=deadline))
        for e in extracted:
            self._metrics.cache.labels(str(e.cached).lower()).inc()
        answers = [wire.key_steps_to_json(q.id, e) for q, e in zip(request.questions, extracted, strict=True)]
        return _json({"recipe": wire.recipe_to_json(recipe), "questions": answers, "degraded": degraded})

    async def _read(self, read: Callable[[bytes], T], body: bytes) -> T:
        return read(body) if len(body) <= _SMALL_BYTES else await _on(self._reader, lambda: read(body))

    async def _scored(
        self, groups: Sequence[Group], recipe: Recipe, *, evidence: bool, deadline: float | None, small: bool
    ) -> tuple[list[ScoredGroup], tuple[str, ...]]:
        def submit() -> Submitted:
            return self._scorer.submit(groups, recipe, evidence=evidence, deadline=deadline)

        if self._scorer.waits(groups, recipe):
            submitted = await _on(self._lookups, submit)
        else:
            submitted = submit() if small else await _on(self._reader, submit)
        try:
            return await _all(submitted.groups), submitted.degraded
        except asyncio.CancelledError:
            self._scorer.drop(submitted)
            raise

    def _score_request(self, body: bytes) -> tuple[wire.ScoreRequest, Recipe, list[Group]]:
        request = wire.parse(wire.ScoreRequest, body)
        recipe = resolve(request.recipe)
        self._check_groups(request.groups)
        return request, recipe, [wire.group_from(g) for g in request.groups]

    def _verify_request(self, body: bytes) -> tuple[wire.VerifyRequest, Recipe, list[VerifyItem]]:
        request = wire.parse(wire.VerifyRequest, body)
        recipe = resolve(request.recipe)
        for i, item in enumerate(request.items):
            self._check_question(f"items.{i}", item)
            self._admission.check_text(f"items.{i}.text", item.text)
        return request, recipe, [VerifyItem(wire.question_from(i), i.text, truncated=i.truncated) for i in request.items]

    def _key_steps_request(self, body: bytes) -> tuple[wire.KeyStepsRequest, Recipe, list[tuple[str, str]]]:
        request = wire.parse(wire.KeyStepsRequest, body)
        recipe = resolve(request.recipe)
        for i, question in enumerate(request.questions):
            self._admission.check_text(f"questions.{i}.question", question.question)
            self._admission.check_text(f"questions.{i}.reference", question.reference)
        return request, recipe, [(q.question, q.reference) for q in request.questions]

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


async def _on(threads: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    return await asyncio.get_running_loop().run_in_executor(threads, work)


async def _all(futures: Sequence[Future[T]]) -> list[T]:
    """The results of all, with one wake-up of the loop rather than one a future."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = len(futures)
    lock = Lock()

    def arrived() -> None:
        if not done.cancelled():
            done.set_result(None)

    def one_less(_: Future[T]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            loop.call_soon_threadsafe(arrived)

    for future in futures:
        future.add_done_callback(one_less)
    await done
    return [future.result() for future in futures]


def _json(content: dict[str, Any]) -> bytes:
    return orjson.dumps({"service": __version__, **content})
