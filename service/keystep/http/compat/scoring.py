"""What the trainers' protocols share: from what a trainer sends to rollouts of the wire, and from rewards to what it reads.

Every protocol's file says two things: how its request becomes `Asked`s, and how `Scored`s become its answer. Here is the
rest: the scoring, the fallback for what is undecided, and errors under the trainer's own field names.
"""

from __future__ import annotations

import contextlib
import logging
import re
import threading
import typing
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Generic, TypeVar

import orjson
import pydantic_core
from pydantic import BaseModel, ValidationError

from keystep.errors import InputError, KeystepError, TooLargeError
from keystep.http import slices
from keystep.http.admission import Admission
from keystep.http.compat.labels import question_fields
from keystep.http.compat.options import Options
from keystep.http.compat.questions import Questions
from keystep.metrics import Metrics
from keystep.wire.parsing import InvalidRequestError, parse

_log = logging.getLogger(__name__)

# What every answer carries, always the same names: trainers take them from the first sample, or die where one is missing.
COMPONENTS = ("step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft")
# A trainer that tries again is turned away so often before it is given its fallback, and so many requests are remembered.
_REFUSALS = 2
# A rollout comes with its messages, or a label.
_OBJECTS = 16
_REMEMBERED = 65_536


class UndecidedError(KeystepError):
    """A reward is undecided and the protocol has no word for that. The trainer tries again."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One rollout. label: gold answer, or a question of the wire. text_field, label_field: their names in the trainer's request."""

    text: str
    question: str = ""
    label: Any = None
    text_field: str = ""
    label_field: str = ""


@dataclass(frozen=True, slots=True)
class Scored:
    """reward: None where undecided. components: as COMPONENTS, each a number or None."""

    reward: float | None
    components: Mapping[str, float | None]
    reasons: Sequence[str] = ()
    flags: Sequence[str] = ()

    def number(self, undecided: float | None) -> float:
        """The reward, or the number for it. Raises UndecidedError where there is neither."""
        return _number("the reward", self.reward, undecided)

    def numbers(self, undecided: float | None) -> dict[str, float]:
        """Every component, or the number for it, and whether the reward is a fallback. Raises UndecidedError as above."""
        told = {name: _number(name, value, undecided) for name, value in self.components.items()}
        return {**told, "undecided": float(self.reward is None)}


def _number(name: str, value: float | None, undecided: float | None) -> float:
    if value is not None:
        return value
    if undecided is None:
        raise UndecidedError(f"{name} is undecided; add undecided=NUMBER to the URL to have a number for it")
    return undecided


def to_json(content: Any) -> bytes:
    """Trainers' own fields come back as they came: integers of any size, and null for what is no number of JSON."""
    return pydantic_core.to_json(content, inf_nan_mode="null")


R = TypeVar("R", bound=BaseModel)
T = TypeVar("T")


class Beside(typing.Protocol):
    """Does work of a body's size where it holds up nobody."""

    async def __call__(self, work: Callable[[], T], body: bytes) -> T: ...


@dataclass(frozen=True, slots=True)
class Protocol(Generic[R]):
    """asked: the rollouts of a request, in order.  answer: what the trainer reads, of their rewards, in that order."""

    request: type[R]
    asked: Callable[[R], Iterable[Asked]]
    answer: Callable[[Compat, bytes, R, Sequence[Scored], Options], Any]


@dataclass
class Compat:
    """score: the wire's POST /v1/score, from bytes to bytes: one scoring path, one set of limits, for every protocol.

    questions: those the deployment knows, for rollouts without a label.
    """

    score: Callable[[bytes], Awaitable[bytes]]
    beside: Beside
    admission: Admission
    metrics: Metrics
    questions: Questions
    _refused: OrderedDict[bytes, int] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    async def answer(self, protocol: Protocol[R], body: bytes, chosen: Options) -> bytes:
        """What the trainer reads, of what it sent. Raises InputError under its own field names, UndecidedError."""

        def read() -> tuple[R, list[Asked], bytes]:
            self.admission.check_objects(body, each=_OBJECTS)
            request = _parse(protocol.request, body)
            asked = self.admission.check_count(protocol.asked(request))
            return request, asked, self._wire(asked, chosen)

        request, asked, groups = await self.beside(read, body)
        try:
            scored = await self.score(groups) if asked else _NONE
        except InputError as error:
            raise _in_their_words(error, asked) from None

        def told() -> bytes:
            rewards = [_scored(g["rollouts"][0]) for g in orjson.loads(scored)["groups"]]
            return to_json(protocol.answer(self, body, request, rewards, chosen))

        return await self.beside(told, body)

    def _wire(self, asked: Sequence[Asked], chosen: Options) -> bytes:
        """The request of the wire; each group by itself, as one call for all would hold up every thread."""
        groups = b",".join([to_json(self._group(i, a)) for i, a in enumerate(asked)])
        return b'{"recipe":%b,"groups":[%b]}' % (to_json(chosen.recipe), groups)

    def _group(self, number: int, asked: Asked) -> dict[str, Any]:
        known = self.questions.find(asked.question) if asked.label is None else None
        fields = question_fields(asked.label) if known is None else known
        return {"question": asked.question, **fields, "id": str(number), "rollouts": [{"id": "0", "text": asked.text}]}

    def fallback(self, protocol: str, body: bytes, scored: Sequence[Scored], chosen: Options, *, tries: bool) -> float | None:
        """The number for what is undecided, counted and logged where a reward is. Raises UndecidedError.

        tries: the trainer tries again after a 503. It is turned away first, as what is missing may be back by then.
        """
        missing = [s for s in scored if s.reward is None]
        if not missing:
            return chosen.undecided
        reasons = ", ".join(sorted({reason for s in missing for reason in s.reasons}))
        if chosen.undecided is None:
            raise UndecidedError(
                f"{len(missing)} of {len(scored)} rewards are undecided ({reasons}); add undecided=NUMBER to the URL to have a number for them"
            )
        if tries and self._refusals(body) < _REFUSALS:
            raise UndecidedError(f"{len(missing)} of {len(scored)} rewards are undecided ({reasons}); try again")
        self.metrics.fallbacks.labels(protocol).inc(len(missing))
        _log.warning("%s: %d undecided rewards (%s) were answered as %g", protocol, len(missing), reasons, chosen.undecided)
        return chosen.undecided

    def _refusals(self, body: bytes) -> int:
        """How often this request has been refused before; refusing it now counts."""
        key = sha256(body).digest()
        with self._lock:
            before = self._refused.pop(key, 0)
            if before < _REFUSALS:
                self._refused[key] = before + 1
            while len(self._refused) > _REMEMBERED:
                self._refused.popitem(last=False)
        return before


# What no rollouts come to.
_NONE = b'{"groups":[]}'


def _parse(model: type[R], body: bytes) -> R:
    """A large body a slice at a time. Raises InvalidRequestError."""
    if (content := slices.load(body)) is not None:
        with contextlib.suppress(ValidationError):  # told as of any other body
            return model.model_validate(content)
    return parse(model, body)


def _scored(rollout: dict[str, Any]) -> Scored:
    return Scored(rollout["reward"], {name: rollout[name] for name in COMPONENTS}, rollout["reasons"], rollout["flags"])


_PLACE = re.compile(r"groups\.(\d+)(\.rollouts\.0\.text)?")


def _in_their_words(error: InputError, asked: Sequence[Asked]) -> InputError:
    """The same error under the trainer's own field names."""

    def renamed(told: str) -> str:
        return _PLACE.sub(lambda m: asked[int(m[1])].text_field if m[2] else asked[int(m[1])].label_field, told)

    match error:
        case InvalidRequestError():
            return InvalidRequestError([(renamed(where), renamed(message)) for where, message in error.errors], malformed=error.malformed)
        case _:
            kind = TooLargeError if isinstance(error, TooLargeError) else InputError
            return kind(renamed(error.message), field=renamed(error.field))
