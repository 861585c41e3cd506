"""The wire without the wires: what to send for each call, and what an answer means. No I/O here.

Each function below is one method of both clients (client.py binds them), so nothing is written twice.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import to_json

from keystep_client.errors import BusyError, ClientError, ProtocolError, RejectedError, ServiceError, TooLargeError
from keystep_client.models import Group, Item, KeyStepsResult, Question, RecipesResult, ScoreResult, VerifyResult

T = TypeVar("T", bound=BaseModel)

RecipeSpec = str | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One request. result: the model of its answer. asked, answered: the ids that went out, and how to find those that came back."""

    method: Literal["GET", "POST"]
    path: str
    result: type[T]
    body: bytes | None = None
    asked: tuple[str, ...] = ()
    answered: Callable[[T], list[str]] = lambda _: []

    def read(self, status: int, headers: Mapping[str, str], content: bytes) -> T:
        """The result, or the error that the answer stands for."""
        if status != 200:
            raise _error(self.path, status, headers, content)
        try:
            result = self.result.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ProtocolError(
                f"{self.path} answered something that is not keystep's wire ({where or 'body'}: {first['msg']}); check the URL and the service's version"
            ) from None
        if tuple(self.answered(result)) != self.asked:
            raise ProtocolError(f"{self.path} answered other ids than were asked; check what stands between client and service")
        return result


def score(
    groups: Sequence[Group | Mapping[str, Any]],
    *,
    recipe: RecipeSpec = "hardened",
    detail: Literal["rewards", "evidence"] = "rewards",
    deadline_ms: int | None = None,
) -> Call[ScoreResult]:
    """Rewards of every rollout of every group, in order.

    recipe: a name, or {"base": name, field: value, ...}.  detail: 'evidence' adds what each reward rests on.
    deadline_ms: what is not ready by then comes back None, reason 'deadline'.
    """
    return Call(
        "POST",
        "/v1/score",
        ScoreResult,
        _body(recipe=recipe, detail=detail, deadline_ms=deadline_ms, groups=groups),
        _ids(groups),
        lambda result: [g.id for g in result.groups],
    )


def verify(
    items: Sequence[Item | Mapping[str, Any]], *, recipe: RecipeSpec = "hardened", deadline_ms: int | None = None
) -> Call[VerifyResult]:
    """Outcome alone, of texts of any form, in order."""
    body = _body(recipe=recipe, deadline_ms=deadline_ms, items=items)
    return Call("POST", "/v1/verify", VerifyResult, body, _ids(items), lambda result: [i.id for i in result.items])


def key_steps(questions: Sequence[Question | Mapping[str, Any]]) -> Call[KeyStepsResult]:
    """Key steps of references, extracted and cached by the service, in order."""
    return Call(
        "POST",
        "/v1/key-steps",
        KeyStepsResult,
        _body(questions=questions),
        _ids(questions),
        lambda result: [q.id for q in result.questions],
    )


def recipes() -> Call[RecipesResult]:
    """The named recipes of the service, in full, each with its hash."""
    return Call("GET", "/v1/recipes", RecipesResult)


def _ids(sent: Sequence[Group | Item | Question | Mapping[str, Any]]) -> tuple[str, ...]:
    # A mapping without an id is the service's to refuse.
    return tuple(str(s.get("id")) if isinstance(s, Mapping) else s.id for s in sent)


def _body(**fields: Any) -> bytes:
    # Only what was set travels, so that a service one version older is not shown fields it does not know.
    return to_json(
        {k: [_plain(x) for x in v] if isinstance(v, Sequence) and not isinstance(v, str) else v for k, v in fields.items() if v is not None}
    )


def _plain(sent: BaseModel | Mapping[str, Any]) -> Any:
    return sent.model_dump(exclude_unset=True) if isinstance(sent, BaseModel) else sent


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
    if status in {429, 503}:
        return BusyError(f"{told}; send less at once, or again later", retry_after=_retry_after(headers))
    if status == 413:
        return TooLargeError(f"{told}; send fewer rollouts a request", status=status, errors=faults)
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
