"""What the front and a scoring process say to each other: frames of a 4-byte length and JSON of the nouns themselves.

JSON rather than pickle: no bytes that a model's text has a part in can become code, whatever goes wrong; and written by orjson
and read by pydantic, it is also the faster of the two (the nouns have slots, which pickle copies in Python).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Literal

import orjson
from pydantic import TypeAdapter

from keystep.nouns import KeyStep, Outcome, Question, Reason, Rollout, ScoredRollout
from keystep.processes.times import Times
from keystep.recipe import Recipe
from keystep.verify.pool import Status
from keystep.verify.verifier import Job

# rewards: evidence is thinned to what a reward's own line shows.  outcome: the verdict alone.
Want = Literal["rewards", "evidence", "outcome"]

_LENGTH = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """Some rollouts of one question. numbers: what each is called in reports.  recipe: as ``packed``.
    key_steps, notes: as core.rewards.score takes them."""

    numbers: tuple[int, ...]
    rollouts: tuple[Rollout, ...]
    question: Question
    recipe: str
    want: Want
    key_steps: tuple[tuple[KeyStep, ...], ...] | None = None
    notes: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to an Ask."""

    ask: int
    status: Status
    right: bool | None


@dataclass(frozen=True, slots=True)
class Order:
    """To a scoring process. pieces: one chunk.  verdicts: of what it asked."""

    pieces: tuple[Piece, ...] = ()
    verdicts: tuple[Verdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """Symbolic work that a scoring process leaves to the front's verifier. numbers: the rollouts that wait for it."""

    ask: int
    job: Job
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """From a scoring process. finished: the oldest order is through, but for what waits for its asks.  times: of its parts."""

    ready: bool = False
    finished: bool = False
    scored: tuple[tuple[int, ScoredRollout], ...] = ()
    outcomes: tuple[tuple[int, Outcome], ...] = ()
    asks: tuple[Ask, ...] = ()
    times: tuple[Times, ...] = ()


ORDER: TypeAdapter[Order] = TypeAdapter(Order)
REPORT: TypeAdapter[Report] = TypeAdapter(Report)


def frame(message: Order | Report) -> bytes:
    body = orjson.dumps(message)
    return len(body).to_bytes(_LENGTH, "big") + body


def bodies(buffer: bytearray) -> Iterator[bytes]:
    """Takes whole frames out of the buffer; what is not whole yet stays in it."""
    taken = 0
    while len(buffer) >= taken + _LENGTH:
        end = taken + _LENGTH + int.from_bytes(buffer[taken : taken + _LENGTH], "big")
        if len(buffer) < end:
            break
        yield bytes(memoryview(buffer)[taken + _LENGTH : end])
        taken = end
    if taken:
        del buffer[:taken]


@lru_cache(maxsize=256)
def packed(recipe: Recipe) -> str:
    """A recipe as one string: it is the same in piece after piece."""
    return json.dumps(asdict(recipe))


@lru_cache(maxsize=256)
def unpacked(recipe: str) -> Recipe:
    return Recipe(**json.loads(recipe))
