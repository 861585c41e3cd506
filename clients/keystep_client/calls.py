"""The wire without the wires: what to send for each call, and what an answer means. No I/O here.

Each function below is one method of both clients (client.py binds them), so nothing is written twice.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property, reduce
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from keystep_client.errors import BusyError, ClientError, JobError, ProtocolError, RejectedError, ServiceError, TooLargeError
from keystep_client.models import (
    CandidateGroup,
    Group,
    Item,
    Job,
    KeyStepsResult,
    PairsResult,
    Question,
    RecipesResult,
    ScoreResult,
    VerifyResult,
)

T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")

# Seconds a service is asked to hold on to a question about a job.
_LONG_POLL = 30.0

RecipeSpec = str | Mapping[str, Any]
Sent = Group | Item | Question | Mapping[str, Any]


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request. result: the model of its answer. items: the field that holds what is asked, and in the result what is answered.

    wait: seconds that the service is asked to hold its answer back.
    """

    method: Literal["GET", "POST", "DELETE"]
    path: str
    result: type[T]
    fields: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    items: Literal["", "groups", "items", "questions"] = ""
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    wait: float = 0.0

    @cached_property
    def rollouts(self) -> int:
        """What it weighs: rollouts, or items or questions."""
        return sum(map(_weight, self._sent))

    @property
    def deadline(self) -> float | None:
        """Seconds from the call on."""
        milliseconds = self.fields.get("deadline_ms")
        return None if milliseconds is None else milliseconds / 1000

    def body(self, spent: float) -> bytes | None:
        """spent: seconds since the call, which its deadline has less of now."""
        if self.method != "POST":
            return None
        # Only what was set travels, so that a service one version older is not shown fields it does not know.
        fields = {name: _plain(value) for name, value in self.fields.items() if value is not None}
        if self.deadline is not None:
            fields["deadline_ms"] = max(1, round((self.deadline - spent) * 1000))
        return to_json(fields)

    def read(self, status: int, headers: Mapping[str, str], content: bytes) -> T:
        """The result, or the error that the answer stands for."""
        if status not in {200, 202}:
            raise _error(self.path, status, headers, content)
        try:
            result = self.result.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ProtocolError(
                f"{self.path} answered something that is not keystep's wire ({where or 'body'}: {first['msg']}); check the URL and the service's version"
            ) from None
        if self.items and [answered.id for answered in getattr(result, self.items)] != [_id(sent) for sent in self._sent]:
            raise ProtocolError(f"{self.path} answered other ids than were asked; check what stands between client and service")
        return result

    def parts(self, most: int) -> list[Call[T]]:
        """The same work in calls of at most so many rollouts; a group is never divided."""
        if self.rollouts <= most or len(self._sent) < 2:
            return [self]
        parts: list[list[Sent]] = [[]]
        room = most
        for sent in self._sent:
            room -= _weight(sent)
            if parts[-1] and room < 0:
                parts.append([])
                room = most - _weight(sent)
            parts[-1].append(sent)
        return [self.of(part) for part in parts]

    def halves(self, error: TooLargeError) -> list[Call[T]]:
        """Two calls for one that was too large. Raises the error where that would not help: one text, or one group, is."""
        about_all = all(field in {"", self.items} for field, _ in error.errors)
        if not about_all or len(self._sent) < 2:
            raise error
        middle = len(self._sent) // 2
        return [self.of(self._sent[:middle]), self.of(self._sent[middle:])]

    def by_id(self) -> dict[str, Sent]:
        return {_id(sent): sent for sent in self._sent}

    def of(self, sent: Sequence[Sent]) -> Call[T]:
        """The same call with these items alone."""
        return dataclasses.replace(self, fields={**self.fields, self.items: sent})

    def join(self, first: T, second: T) -> T:
        """One result of two parts'."""
        one, two = dict(first), dict(second)
        if one["recipe"] != two["recipe"]:
            raise ProtocolError(
                f"{self.path} was answered under two recipes, {one['recipe'].name} ({one['recipe'].hash}) and {two['recipe'].hash}; run one version of the service"
            )
        both = {self.items: [*one[self.items], *two[self.items]], "degraded": sorted({*one["degraded"], *two["degraded"]})}
        return first.model_copy(update=both)

    @property
    def _sent(self) -> Sequence[Sent]:
        sent: Sequence[Sent] = self.fields[self.items] if self.items else ()
        return sent


# How something takes several requests: each call that is yielded is to be sent, and its result, or its error, to come back in.
Work = Generator[Call[Any], Any, R]


def exchange(call: Call[T], most: int) -> Work[T]:
    """How one call becomes requests of at most so many rollouts, fewer where the service says 413."""
    parts = deque(call.parts(most))
    results: list[T] = []
    while parts:
        part = parts.popleft()
        try:
            results.append((yield part))
        except TooLargeError as error:
            parts.extendleft(reversed(part.halves(error)))
    return reduce(call.join, results)


def score(
    groups: Sequence[Group | Mapping[str, Any]],
    *,
    recipe: RecipeSpec = "hardened",
    detail: Literal["rewards", "evidence"] = "rewards",
    deadline_ms: int | None = None,
) -> Call[ScoreResult]:
    """Rewards of every rollout of every group, in order.

    recipe: a name, or {"base": name, field: value, ...}.  detail: 'evidence' adds what each reward rests on.
    deadline_ms: from the call on, waiting and retries included; what is not ready by then comes back None, reason 'deadline'.
    """
    fields = {"recipe": recipe, "detail": detail, "deadline_ms": deadline_ms, "groups": groups}
    return Call("POST", "/v1/score", ScoreResult, fields, "groups")


def submit_job(
    groups: Sequence[Group | Mapping[str, Any]],
    *,
    recipe: RecipeSpec = "hardened",
    detail: Literal["rewards", "evidence"] = "rewards",
    key: str | None = None,
) -> Call[Job]:
    """Hands groups in to be scored; the service keeps them through its own restarts. wait_for_job() has the result.

    key: what is handed in twice under one key is one job; None: a new one, so that retries of this call are one job too.
    """
    fields = {"recipe": recipe, "detail": detail, "groups": groups}
    return Call("POST", "/v1/jobs", Job, fields, headers={"idempotency-key": key or uuid4().hex})


def job(id: str, *, wait: float = 0.0) -> Call[Job]:  # noqa: A002 - the wire's name for it
    """How far a job is, and its result once it is done. wait: seconds, at most 60, to wait for its end."""
    return Call("GET", f"/v1/jobs/{quote(id, safe='')}?wait={wait:g}", Job, wait=wait)


def cancel_job(id: str) -> Call[Job]:  # noqa: A002 - as above
    """Ends a job where it is."""
    return Call("DELETE", f"/v1/jobs/{quote(id, safe='')}", Job)


def wait_for_job(id: str, *, seconds: float | None = None) -> Work[ScoreResult]:  # noqa: A002 - as above
    """The result of a job, once it is done. seconds: how long to wait; None: as long as it takes.

    Raises JobError where it was cancelled, or is not done by then.
    """
    until = math.inf if seconds is None else time.monotonic() + seconds
    while True:
        found: Job = yield job(id, wait=round(max(0.0, min(_LONG_POLL, until - time.monotonic())), 3))
        if found.result is not None:
            return found.result
        if found.status == "cancelled" or time.monotonic() >= until:
            raise JobError(
                f"job {id} is {found.status}, {found.progress.groups_done} of {found.progress.groups} groups done; "
                + ("hand it in again under another key" if found.status == "cancelled" else "wait longer"),
                job=found,
            )


def verify(
    items: Sequence[Item | Mapping[str, Any]], *, recipe: RecipeSpec = "hardened", deadline_ms: int | None = None
) -> Call[VerifyResult]:
    """Outcome alone, of texts of any form, in order."""
    return Call("POST", "/v1/verify", VerifyResult, {"recipe": recipe, "deadline_ms": deadline_ms, "items": items}, "items")


def key_steps(questions: Sequence[Question | Mapping[str, Any]]) -> Call[KeyStepsResult]:
    """Key steps of references, extracted and cached by the service, in order."""
    return Call("POST", "/v1/key-steps", KeyStepsResult, {"questions": questions}, "questions")


def pairs(
    groups: Sequence[CandidateGroup | Mapping[str, Any]],
    *,
    by: str | Sequence[str] = "reward",
    top: int = 1,
    min_margin: float = 0.0,
    form: Literal["trl", "trl_messages", "simpo"] = "trl",
) -> Call[PairsResult]:
    """Chosen against rejected responses, for preference training; nothing is scored.

    by: the name of the score that decides, or several: the next counts only where those before it are equal.
    top: pairs of a group at most, the i-th best against the i-th worst.  min_margin: closer pairs are dropped.
    form: of the rows: trl's texts, its messages, or what SimPO's scripts write.
    """
    names = by if isinstance(by, str) else list(by)
    return Call("POST", "/v1/pairs", PairsResult, {"by": names, "top": top, "min_margin": min_margin, "form": form, "groups": groups})


def recipes() -> Call[RecipesResult]:
    """The named recipes of the service, in full, each with its hash."""
    return Call("GET", "/v1/recipes", RecipesResult)


def _id(sent: Sent) -> str:
    # A mapping without an id is the service's to refuse.
    return str(sent.get("id")) if isinstance(sent, Mapping) else sent.id


def _weight(sent: Sent) -> int:
    if isinstance(sent, Mapping):
        rollouts = sent.get("rollouts")
        return len(rollouts) if isinstance(rollouts, Sequence) else 1
    return len(sent.rollouts) if isinstance(sent, Group) else 1


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(exclude_unset=True)
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


class _Fault(BaseModel):
    field: str = ""
    message: str = ""


class _Problem(BaseModel):
    """RFC 9457, as far as it is read here."""

    model_config = ConfigDict(extra="ignore")
    detail: str = ""
    errors: list[_Fault] = []


def _error(path: str, status: int, headers: Mapping[str, str], content: bytes) -> ClientError:
    try:
        problem = _Problem.model_validate_json(content)
    except ValidationError:
        problem = _Problem()
    told = f"{path} answered {status}: {problem.detail or 'without a reason'}"
    faults = tuple((e.field, e.message) for e in problem.errors)
    if status in {429, 502, 503}:
        return BusyError(f"{told}; send less at once, or again later", retry_after=_retry_after(headers))
    if status == 413:
        return TooLargeError(f"{told}; send fewer rollouts a request", status=status, errors=faults)
    if status == 401:
        return RejectedError(f"{told}; give the service's key as api_key", status=status, errors=faults)
    if status == 404 and not problem.detail:
        return ProtocolError(f"{told}; is the URL that of a keystep service?")
    if 400 <= status < 500:
        return RejectedError(told, status=status, errors=faults)
    if status >= 500:
        return ServiceError(f"{told}; its log says more")
    return ProtocolError(f"{told}; give the URL at which keystep itself answers")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of the header (RFC 9110, section 10.2.3)."""
    value = headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, (when - datetime.now(UTC)).total_seconds()) if when.tzinfo else None
