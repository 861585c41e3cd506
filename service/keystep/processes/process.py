"""One scoring process and its socket, as the dispatcher sees it. Used by the dispatcher's thread only.

It is a program of its own, started anew and never forked, so that it holds nothing of the front: no lock, no socket, no model.
It leaves when its socket closes, however the front ends.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from keystep.processes.messages import REPORT, Order, Report, bodies, frame

_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from keystep.processes.worker import main; main()"
_READ = 1 << 16
# One chunk is worked on while the next lies ready.
_CHUNKS_AHEAD = 2


@dataclass(frozen=True, slots=True)
class _Sent:
    """An order that is not reported finished. numbers: its rollouts."""

    numbers: tuple[int, ...]
    chunk: bool


class Process:
    """since: when it began what it is at now, on the dispatcher's clock; it starts by starting."""

    def __init__(self, now: float) -> None:
        self.socket, theirs = socket.socketpair()
        with theirs:
            self._popen = subprocess.Popen(
                [sys.executable, "-c", _BOOT, json.dumps([str(Path(p).absolute()) for p in sys.path])],
                stdin=theirs.fileno(),
                process_group=0,  # the terminal's Ctrl-C is the front's to handle
            )
        self.socket.setblocking(False)
        self.pid = self._popen.pid
        self.ready = False
        self.since = now
        self.asked: set[int] = set()
        self._sent: deque[_Sent] = deque()
        self._held: set[int] = set()  # rollouts that wait for a verdict
        self._incoming = bytearray()
        self._outgoing = bytearray()

    @property
    def room(self) -> int:
        """Chunks it may be given now."""
        return _CHUNKS_AHEAD - sum(sent.chunk for sent in self._sent) if self.ready else 0

    @property
    def busy(self) -> bool:
        return bool(self._sent) or not self.ready

    @property
    def to_write(self) -> bool:
        return bool(self._outgoing)

    def order(self, order: Order, numbers: tuple[int, ...], now: float) -> None:
        """numbers: the rollouts that this order makes it work on."""
        if not self._sent:
            self.since = now
        self._sent.append(_Sent(numbers, bool(order.pieces)))
        self._held.difference_update(numbers)
        self._outgoing += frame(order)
        self.write()

    def write(self) -> None:
        """As much as the socket takes. A process that is gone is noticed where it is read from."""
        try:
            while self._outgoing:
                del self._outgoing[: self.socket.send(self._outgoing)]
        except BlockingIOError:
            return
        except OSError:
            self._outgoing.clear()

    def read(self, now: float) -> Iterator[Report | None]:
        """What it reports; None last when it is gone."""
        try:
            chunk = self.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            chunk = b""
        self._incoming += chunk
        for body in bodies(self._incoming):
            report = REPORT.validate_json(body)
            self._note(report, now)
            yield report
        if not chunk:
            yield None

    def unfinished(self) -> tuple[tuple[int, ...], list[int]]:
        """The rollouts it was at, and those it had not begun or only waited with."""
        worked_on, *later = [sent.numbers for sent in self._sent] or [()]
        return worked_on, [*(n for numbers in later for n in numbers), *self._held]

    def end(self) -> None:
        """Kill it, if it still runs, and let go of its socket."""
        self._popen.kill()
        self._popen.wait()
        self.socket.close()

    def kill(self) -> None:
        self._popen.kill()

    def _note(self, report: Report, now: float) -> None:
        self.ready = self.ready or report.ready
        for ask in report.asks:
            self.asked.add(ask.ask)
            self._held.update(ask.numbers)
        if report.finished:
            self._sent.popleft()
            self.since = now
