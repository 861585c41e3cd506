"""What runs in a scoring process: orders in, reports out, one after the other, until the front is gone.

Nothing here waits for anybody: an answer that only symbolic work can tell is asked of the front's verifier, which owns the
processes for that, and its rollout is kept until the verdict comes. So a formula that takes seconds holds up its own rollout
and no other, and a chunk takes as long as it computes.
"""

from __future__ import annotations

import dataclasses
import itertools
import logging
import os
import select
import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

from keystep import scoring
from keystep.garbage import collect_seldom
from keystep.nouns import Evidence, KeyStep, Outcome, Question, Reason, Rollout, ScoredRollout, Structure
from keystep.processes.messages import ORDER, Ask, Order, Piece, Report, bodies, frame, packed, unpacked
from keystep.processes.times import Stopwatch
from keystep.recipe import DEFAULT, Recipe
from keystep.scoring import Wanted
from keystep.verify import units
from keystep.verify.pool import Reply
from keystep.verify.verifier import Job, Open, VerifyItem, judge

_READ = 1 << 16
_PARENT_CHECK_SECONDS = 1.0
# On a machine with no core to spare, the front is served first: it has little to do, and everybody waits for it.
_NICE = 5


@dataclass(frozen=True, slots=True)
class _Held:
    """One rollout between being read and being scored. parsed: None where only the outcome is wanted, or reading failed."""

    number: int
    rollout: Rollout
    piece: Piece
    recipe: Recipe
    parsed: Structure | None
    judged: Outcome | Open


@dataclass(slots=True)
class _Done:
    watch: Stopwatch = field(default_factory=Stopwatch)
    scored: list[tuple[int, ScoredRollout]] = field(default_factory=list)
    outcomes: list[tuple[int, Outcome]] = field(default_factory=list)

    def add(self, held: _Held, outcome: Outcome) -> None:
        if held.piece.want == "outcome":
            self.outcomes.append((held.number, outcome))
        else:
            self.scored.append((held.number, self.watch.time("match", partial(_scored, held, outcome))))

    def report(self) -> Report:
        return Report(finished=True, scored=tuple(self.scored), outcomes=tuple(self.outcomes), times=self.watch.told())


class Desk:
    """Works through orders. open: what waits for a verdict, by ask."""

    def __init__(self) -> None:
        self._open: dict[int, list[_Held]] = {}
        self._asks = itertools.count()

    def work(self, order: Order) -> Iterator[Report]:
        """The reports of one order: first what it asks, so that symbolic work runs beside what follows, then what is done."""
        done = _Done()
        for verdict in order.verdicts:
            for held in self._open.pop(verdict.ask):
                assert isinstance(held.judged, Open)
                done.add(held, held.judged.settled(Reply(verdict.status, verdict.right)))
        read = [held for piece in order.pieces for held in _read(piece, done.watch)]
        if asks := self._ask(read):
            yield Report(asks=asks)
        for held in read:
            if isinstance(held.judged, Outcome):
                done.add(held, held.judged)
        yield done.report()

    def _ask(self, read: list[_Held]) -> tuple[Ask, ...]:
        """Rollouts of one chunk that need the same verdict ask once."""
        waiting: dict[Job, list[_Held]] = {}
        for held in read:
            if isinstance(held.judged, Open):
                waiting.setdefault(held.judged.job, []).append(held)
        asks = tuple(Ask(next(self._asks), job, tuple(h.number for h in held)) for job, held in waiting.items())
        self._open.update(zip((a.ask for a in asks), waiting.values(), strict=True))
        return asks


def _read(piece: Piece, watch: Stopwatch) -> Iterator[_Held]:
    recipe = unpacked(piece.recipe)
    for number, rollout in zip(piece.numbers, piece.rollouts, strict=True):
        parsed = None if piece.want == "outcome" else watch.time("structure", partial(scoring.read, rollout, recipe))
        judged = watch.time("verify", partial(_judged, piece, rollout, parsed, recipe))
        yield _Held(number, rollout, piece, recipe, parsed, judged)


def _judged(piece: Piece, rollout: Rollout, parsed: Structure | None, recipe: Recipe) -> Outcome | Open:
    if parsed is None and piece.want != "outcome":
        return Outcome(None, reasons=(Reason.INTERNAL_ERROR,))
    return judge(VerifyItem(piece.question, rollout.text, truncated=rollout.truncated, structure=parsed), recipe)


def _scored(held: _Held, outcome: Outcome) -> ScoredRollout:
    if held.parsed is None:
        return scoring.nothing(held.rollout.id, Reason.INTERNAL_ERROR)
    piece = held.piece
    scored = scoring.score(held.rollout, held.parsed, Wanted(piece.key_steps, piece.notes), outcome, held.recipe, piece.question.text)
    return scored if piece.want == "evidence" else _thinned(scored)


def _thinned(scored: ScoredRollout) -> ScoredRollout:
    """Without where things stand in the text: what a reward's own line does not show is not sent."""
    if scored.evidence is None:
        return scored
    whole = scored.evidence
    return dataclasses.replace(scored, evidence=Evidence(Structure(whole.structure.grammar), whole.validity, (), whole.outcome))


def main() -> None:
    """Serve the socket that is standard input until the front closes it, however the front ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal's Ctrl-C is the front's to handle
    if os.environ.get("KEYSTEP_LOG_FORMAT") == "json":
        from keystep import logs  # brings more than text needs

        logs.configure("json", "warning")
    else:
        logging.basicConfig(format="keystep scoring process %(process)d: %(message)s")
    parent = os.getppid()
    front = _take_over_socket()
    _warm_up()
    os.nice(_NICE)
    collect_seldom()
    desk = Desk()
    _send(front, Report(ready=True))
    buffer = bytearray()
    while chunk := _receive(front, parent):
        buffer += chunk
        for body in bodies(buffer):
            for report in desk.work(ORDER.validate_json(body)):
                _send(front, report)


def _receive(front: socket.socket, parent: int) -> bytes:
    """What came; empty when the front is gone, though a forked copy of it may still hold the socket open."""
    while os.getppid() == parent:
        if select.select([front], [], [], _PARENT_CHECK_SECONDS)[0]:
            try:
                return front.recv(_READ)
            except ConnectionResetError:  # killed with reports that it had not read
                break
    return b""


def _send(front: socket.socket, report: Report) -> None:
    try:
        front.sendall(frame(report))
    except (BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the front is gone, and with it everybody who waits


def _take_over_socket() -> socket.socket:
    """The socket under a private number; 0 leads nowhere."""
    front = socket.socket(fileno=os.dup(0))
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    return front


def _warm_up() -> None:
    """Load what the first rollout would otherwise wait for."""
    units.measure("cm")
    rollout = Rollout("warm", "### Step 1:\n1 + 1 = 2.\n\n### The final answer is: 2")
    piece = Piece((0,), (rollout,), Question("warm", answer="2"), packed(DEFAULT), "evidence", ((KeyStep("1 + 1 = 2"),),))
    for _ in Desk().work(Order((piece,))):
        pass
