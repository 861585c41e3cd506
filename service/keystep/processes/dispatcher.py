"""Who owns the scoring processes: it feeds them by turns, hands on what they ask, and replaces those that die.

    callers --submit--> Queue --chunks--> processes
       ^                                     | reports
       `---- futures <---- Queue <-----------'     asks --> the front's verifier --> verdicts

It lives on an event loop: the server's own, so that a request is read, scored and answered without a change of threads, or one
of its own for callers that have none. It never waits there. A process that dies, or stands still, is replaced; what it had is
done again by another. A defect here ends it: all that wait are answered null at once, and so is all that comes later.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from threading import Event, Thread, get_ident
from typing import Any

from keystep.nouns import Reason
from keystep.processes.messages import Ask, Order, Report, Verdict
from keystep.processes.process import Process
from keystep.processes.queue import Queue, Ticket
from keystep.processes.times import Stopwatch, Times
from keystep.verify.pool import Reply
from keystep.verify.verifier import Job

_log = logging.getLogger(__name__)

# A process that has been at one chunk for so long (seconds) stands still, or reads something that our linear readers are not
# linear in: it is killed.
_STUCK_SECONDS = 60.0
# Starting includes imports; a machine under full load takes many times what an idle one takes.
_START_SECONDS = 120.0
# How often the clock is looked at where nothing happens.
_TICK_SECONDS = 1.0


@dataclass(slots=True)
class _Asked:
    """One ask under way. numbers: the rollouts that wait for it, in that process.  since: time.monotonic()."""

    process: Process
    future: Future[Reply]
    numbers: tuple[int, ...]
    since: float


class Dispatcher:
    """processes: how many.  ask: has symbolic work done; the reply may come on any thread."""

    def __init__(self, processes: int, ask: Callable[[Job], Future[Reply]]) -> None:
        self._count = processes
        self._ask = ask
        self._numbers = count()
        self._queue = Queue(processes)
        self._processes: list[Process] = []
        self._asked: dict[tuple[int, int], _Asked] = {}  # by process id and ask
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: Thread | None = None  # of a loop of our own
        self._home = 0  # the loop's thread
        self._feeding = False
        self._deadline = float("inf")  # when the timer for deadlines goes off
        self._settled = Event()
        self._failed_start = False
        self._gone = Event()
        self.restarts = 0
        self._watch = Stopwatch()

    # For callers, from any thread --------------------------------------------------------------------------------------

    def live_on(self, loop: asyncio.AbstractEventLoop) -> None:
        """Before start: share this running loop, rather than have one and a thread for it. Work may come from now on."""
        self._loop = loop

    def start(self) -> None:
        """Start the processes; returns when all are warm. RuntimeError where one does not come up at all.
        Not from the loop's own thread."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = Thread(target=self._loop.run_forever, name="keystep-dispatch", daemon=True)
            self._thread.start()
        self._loop.call_soon_threadsafe(self._guarded, self._begin)
        self._settled.wait()
        if self._failed_start:
            raise RuntimeError("a scoring process could not start; the lines above say why")

    def ready(self) -> bool:
        """True while at least one process is up and warm: the others' work is done by it."""
        return self._settled.is_set() and not self._gone.is_set() and any(p.ready for p in self._processes)

    def processes(self) -> list[int]:
        """Process ids of those that are up and warm."""
        return [p.pid for p in self._processes if p.ready]

    @property
    def times(self) -> tuple[Times, ...]:
        """How long the parts of scoring took so far, in all processes."""
        return self._watch.told()

    @property
    def size(self) -> int:
        """Rollouts that wait or are under way."""
        return self._queue.size

    def ticket(self, deadline: float | None) -> Ticket:
        """An empty one, to be filled and submitted. deadline: time.monotonic()."""
        return Ticket(self._numbers, deadline)

    def submit(self, ticket: Ticket) -> None:
        """Its parts' futures are resolved on every path."""
        self._tell(functools.partial(self._add, ticket))

    def drop(self, ticket: Ticket) -> None:
        """Nobody waits for it any more."""
        self._tell(functools.partial(self._drop, ticket, Reason.DEADLINE))

    def close(self) -> None:
        """Stop the processes at once; what still waits is null. Idempotent. Not from the loop's thread."""
        if self._loop is None:
            self._gone.set()
            return
        self._tell(self._end)
        self._gone.wait()
        if self._thread is not None:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._thread = None
            self._loop.close()

    def _tell(self, what: Callable[[], None]) -> None:
        """Have it done on the loop; here and now where this is the loop, or where there is none any more."""
        if self._gone.is_set() or get_ident() == self._home:
            self._guarded(what)
            return
        assert self._loop is not None, "live_on() or start() comes first"
        try:
            self._loop.call_soon_threadsafe(self._guarded, what)
        except RuntimeError:  # closed meanwhile
            self._guarded(what)

    # On the loop -------------------------------------------------------------------------------------------------------

    def _guarded(self, what: Callable[..., None], *arguments: Any) -> None:
        try:
            what(*arguments)
        except Exception:  # noqa: BLE001 - whatever ends it is told to all who wait
            _log.exception("the dispatcher of the scoring processes ended; all that wait are answered null")
            self._end()

    def _begin(self) -> None:
        self._home = get_ident()
        for _ in range(self._count):
            self._start_one()
        self._tick()

    def _end(self) -> None:
        self._gone.set()
        self._settled.set()
        while self._processes:
            process = self._processes.pop()
            self._leave(process)
            process.end()
        self._queue.drop_all(Reason.INTERNAL_ERROR)

    def _add(self, ticket: Ticket) -> None:
        self._queue.add(ticket)
        if self._gone.is_set():
            self._queue.drop(ticket, Reason.INTERNAL_ERROR)
            return
        self._watch_deadlines()
        self._feed_soon()

    def _drop(self, ticket: Ticket, reason: Reason) -> None:
        self._queue.drop(ticket, reason)
        self._forget_unwanted()

    def _watch_deadlines(self) -> None:
        """Have a timer go off at the next deadline."""
        deadline = self._queue.next_deadline()
        if deadline is not None and deadline < self._deadline:
            self._deadline = deadline
            self._on_loop().call_later(max(0.0, deadline - time.monotonic()), self._guarded, self._expire)

    def _expire(self) -> None:
        self._deadline = float("inf")
        if self._queue.expire(time.monotonic()):
            self._forget_unwanted()
        self._watch_deadlines()

    def _tick(self) -> None:
        if self._gone.is_set():
            return
        now = time.monotonic()
        for process in [p for p in self._processes if now - p.since > (_STUCK_SECONDS if p.ready else _START_SECONDS) and p.busy]:
            _log.error("scoring process %d stands still and is killed", process.pid)
            process.kill()
        for _ in range(self._count - len(self._processes)):
            self._start_one()  # what did not come up is tried again
        self._on_loop().call_later(_TICK_SECONDS, self._guarded, self._tick)

    def _feed_soon(self) -> None:
        """Once the loop has done what it is at: what arrives together goes together."""
        if not self._feeding:
            self._feeding = True
            self._on_loop().call_soon(self._guarded, self._feed)

    def _feed(self) -> None:
        """A chunk to whoever has least to do, until all have enough or nothing waits."""
        self._feeding = False
        now = time.monotonic()
        while (process := max(self._processes, key=lambda p: p.room, default=None)) is not None and process.room:
            if not (chunk := self._queue.take()):
                break
            self._order(process, Order(chunk), tuple(n for piece in chunk for n in piece.numbers), now)

    def _order(self, process: Process, order: Order, numbers: tuple[int, ...], now: float) -> None:
        process.order(order, numbers, now)
        if process.to_write:
            self._on_loop().add_writer(process.socket, self._guarded, self._write, process)

    def _write(self, process: Process) -> None:
        process.write()
        if not process.to_write:
            self._on_loop().remove_writer(process.socket)

    def _read(self, process: Process) -> None:
        for report in process.read(time.monotonic()):
            if report is None:
                self._bury(process)
            else:
                self._take_in(process, report)
        self._feed_soon()

    def _take_in(self, process: Process, report: Report) -> None:
        for number, scored in report.scored:
            self._queue.give(number, scored)
        for number, outcome in report.outcomes:
            self._queue.give(number, outcome)
        for ask in report.asks:
            self._hand_on(process, ask)
        self._watch.add(report.times)
        if report.ready and sum(p.ready for p in self._processes) == self._count:
            self._settled.set()

    def _hand_on(self, process: Process, ask: Ask) -> None:
        future = self._ask(ask.job)
        self._asked[process.pid, ask.ask] = _Asked(process, future, ask.numbers, time.monotonic())
        future.add_done_callback(lambda done: self._tell(functools.partial(self._answer, process, ask, done)))
        if not self._queue.wanted(ask.numbers):
            future.cancel()

    def _answer(self, process: Process, ask: Ask, done: Future[Reply]) -> None:
        if (asked := self._asked.pop((process.pid, ask.ask), None)) is None:
            return  # its process is gone
        now = time.monotonic()
        if not done.cancelled():
            self._watch.took("symbolic", now - asked.since)
        # Given up: nobody waits for it, and the process may forget it.
        reply = Reply("closed") if done.cancelled() else done.result()
        self._order(process, Order(verdicts=(Verdict(ask.ask, reply.status, reply.value),)), ask.numbers, now)

    def _forget_unwanted(self) -> None:
        """Symbolic work that nobody waits for is not begun."""
        for asked in list(self._asked.values()):
            if not self._queue.wanted(asked.numbers):
                asked.future.cancel()

    def _start_one(self) -> None:
        process = Process(time.monotonic())
        self._processes.append(process)
        self._on_loop().add_reader(process.socket, self._guarded, self._read, process)

    def _bury(self, process: Process) -> None:
        """Its work goes to others; a new one takes its place, at once where it had come up."""
        self._processes.remove(process)
        self._leave(process)
        process.end()
        self._queue.lost(*process.unfinished())
        self.restarts += 1
        if process.ready:
            _log.error("scoring process %d died; its work is done again by another", process.pid)
            self._start_one()
            return
        _log.error("scoring process %d did not come up", process.pid)
        if not self._settled.is_set():
            self._failed_start = True
            self._settled.set()

    def _leave(self, process: Process) -> None:
        """Neither read from it nor have anything done for it."""
        if not (loop := self._on_loop()).is_closed():
            loop.remove_reader(process.socket)
            loop.remove_writer(process.socket)
        for key in [key for key, asked in self._asked.items() if asked.process is process]:
            self._asked.pop(key).future.cancel()

    def _on_loop(self) -> asyncio.AbstractEventLoop:
        assert self._loop is not None
        return self._loop
