"""The thread that owns the scoring processes: it feeds them by turns, hands on what they ask, and replaces those that die.

    callers --submit--> inbox --> Queue --chunks--> processes
       ^                                               | reports
       `------------- futures <------ Queue <----------'     asks --> the front's verifier --> verdicts

A process that dies, or stands still, is replaced; what it had is done again by another. When the thread itself ends, all that
wait are answered null at once, and so is all that comes later.
"""

from __future__ import annotations

import logging
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from queue import Empty, SimpleQueue
from threading import Event, Thread

from keystep.nouns import Reason
from keystep.processes.messages import Ask, Order, Report, Verdict
from keystep.processes.process import Process
from keystep.processes.queue import Queue, Ticket
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
# Between two tries to start a process that did not come up.
_RETRY_SECONDS = 1.0


@dataclass(slots=True)
class _Asked:
    """One ask under way. numbers: the rollouts that wait for it, in that process."""

    process: Process
    future: Future[Reply]
    numbers: tuple[int, ...]


class Dispatcher:
    """processes: how many.  ask: has symbolic work done; the reply may come on any thread."""

    def __init__(self, processes: int, ask: Callable[[Job], Future[Reply]]) -> None:
        self._count = processes
        self._ask = ask
        self._numbers = count()
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake_out, selectors.EVENT_READ)
        self._queue = Queue(processes)
        self._processes: list[Process] = []
        self._asked: dict[tuple[int, int], _Asked] = {}  # by process id and ask
        self._missing: list[float] = []  # when to start what did not come up
        self._settled = Event()
        self._failed_start = False
        self._stopping = False
        self._gone = False
        self.restarts = 0
        self._thread = Thread(target=self._own, name="keystep-dispatch", daemon=True)

    # For callers, from any thread --------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the processes; returns when all are warm. RuntimeError where one does not come up at all."""
        self._thread.start()
        self._settled.wait()
        if self._failed_start:
            raise RuntimeError("a scoring process could not start; the lines above say why")

    def ready(self) -> bool:
        """True while at least one process is up and warm: the others' work is done by it."""
        return self._settled.is_set() and not self._gone and any(p.ready for p in self._processes)

    def processes(self) -> list[int]:
        """Process ids of those that are up and warm."""
        return [p.pid for p in self._processes if p.ready]

    @property
    def size(self) -> int:
        """Rollouts that wait or are under way."""
        return self._queue.size

    def ticket(self, deadline: float | None) -> Ticket:
        """An empty one, to be filled and submitted. deadline: time.monotonic()."""
        return Ticket(self._numbers, deadline)

    def submit(self, ticket: Ticket) -> None:
        """Its parts' futures are resolved on every path."""
        self._tell(lambda: self._queue.add(ticket))

    def drop(self, ticket: Ticket) -> None:
        """Nobody waits for it any more."""
        self._tell(lambda: self._drop(ticket))

    def close(self) -> None:
        """Stop the processes at once; what still waits is null. Idempotent."""
        self._stopping = True
        if self._thread.ident is None:
            return
        self._tell(lambda: None)
        self._thread.join()

    def _tell(self, what: Callable[[], None]) -> None:
        self._inbox.put(what)
        if self._gone:
            self._answer_the_rest()
        else:
            self._wake()

    def _wake(self) -> None:
        try:
            self._wake_in.send(b".")
        except BlockingIOError:
            return  # it has been told often enough
        except OSError:
            return  # closed meanwhile; _tell has looked, or the thread does before it ends

    # On the dispatcher's thread ----------------------------------------------------------------------------------------

    def _own(self) -> None:
        try:
            for _ in range(self._count):
                self._start_one()
            while not self._stopping:
                self._turn()
        except Exception:  # noqa: BLE001 - whatever ends it is told to all who wait
            _log.exception("the dispatcher of the scoring processes ended; all that wait are answered null")
        finally:
            for process in self._processes:
                process.end()
            self._gone = True
            self._settled.set()
            self._answer_the_rest()
            self._selector.close()
            self._wake_in.close()
            self._wake_out.close()

    def _turn(self) -> None:
        for key, events in self._selector.select(self._patience()):
            if isinstance(key.data, Process):
                self._serve(key.data, events)
            else:
                self._wake_out.recv(4096)
        self._read_inbox()
        now = time.monotonic()
        if self._queue.expire(now):
            self._forget_unwanted()
        for process in [p for p in self._processes if now - p.since > (_STUCK_SECONDS if p.ready else _START_SECONDS) and p.busy]:
            _log.error("scoring process %d stands still and is killed", process.pid)
            process.kill()
        while self._missing and self._missing[0] <= now:
            self._missing.pop(0)
            self._start_one()
        self._feed(now)

    def _patience(self) -> float:
        deadline = self._queue.next_deadline()
        return _TICK_SECONDS if deadline is None else min(_TICK_SECONDS, max(0.0, deadline - time.monotonic()))

    def _read_inbox(self) -> None:
        while True:
            try:
                what = self._inbox.get_nowait()
            except Empty:
                return
            what()

    def _answer_the_rest(self) -> None:
        self._read_inbox()
        self._queue.drop_all(Reason.INTERNAL_ERROR)

    def _feed(self, now: float) -> None:
        """A chunk to whoever has least to do, until all have enough or nothing waits."""
        while (process := max(self._processes, key=lambda p: p.room, default=None)) is not None and process.room:
            if not (chunk := self._queue.take()):
                break
            process.order(Order(chunk), tuple(n for piece in chunk for n in piece.numbers), now)
        for process in self._processes:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if process.to_write else 0)
            if self._selector.get_key(process.socket).events != wanted:
                self._selector.modify(process.socket, wanted, process)

    def _serve(self, process: Process, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            process.write()
        if events & selectors.EVENT_READ:
            for report in process.read(time.monotonic()):
                if report is None:
                    self._bury(process)
                else:
                    self._take_in(process, report)

    def _take_in(self, process: Process, report: Report) -> None:
        for number, scored in report.scored:
            self._queue.give(number, scored)
        for number, outcome in report.outcomes:
            self._queue.give(number, outcome)
        for ask in report.asks:
            self._hand_on(process, ask)
        if report.ready and all(p.ready for p in self._processes):
            self._settled.set()

    def _hand_on(self, process: Process, ask: Ask) -> None:
        future = self._ask(ask.job)
        self._asked[process.pid, ask.ask] = _Asked(process, future, ask.numbers)
        future.add_done_callback(lambda done: self._tell(lambda: self._answer(process, ask, done)))
        if not self._queue.wanted(ask.numbers):
            future.cancel()

    def _answer(self, process: Process, ask: Ask, done: Future[Reply]) -> None:
        if self._asked.pop((process.pid, ask.ask), None) is None:
            return  # its process is gone
        # Given up: nobody waits for it, and the process may forget it.
        reply = Reply("closed") if done.cancelled() else done.result()
        process.order(Order(verdicts=(Verdict(ask.ask, reply.status, reply.value),)), ask.numbers, time.monotonic())

    def _drop(self, ticket: Ticket) -> None:
        self._queue.drop(ticket, Reason.DEADLINE)
        self._forget_unwanted()

    def _forget_unwanted(self) -> None:
        """Symbolic work that nobody waits for is not begun."""
        for asked in list(self._asked.values()):
            if not self._queue.wanted(asked.numbers):
                asked.future.cancel()

    def _start_one(self) -> None:
        process = Process(time.monotonic())
        self._processes.append(process)
        self._selector.register(process.socket, selectors.EVENT_READ, process)

    def _bury(self, process: Process) -> None:
        """Its work goes to others; a new one takes its place."""
        self._selector.unregister(process.socket)
        self._processes.remove(process)
        process.end()
        for key in [key for key, asked in self._asked.items() if asked.process is process]:
            self._asked.pop(key).future.cancel()
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
        self._missing.append(time.monotonic() + _RETRY_SECONDS)
