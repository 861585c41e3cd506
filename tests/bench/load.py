"""Load on a service, from one thread of plain sockets: cheap, so that the two cores it shares go to what is measured.

Requests arrive at a constant rate, or as fast as so many in flight allow. At a rate, a latency counts from when its request was
due, not from when it could be sent, so that a stall is not hidden. Every request has a connection of its own.
Neither autocannon (its forced reconnection drops the responses from its figures) nor locust (a core for a thousand requests
a second) does that on two cores.
"""

from __future__ import annotations

import math
import selectors
import socket
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

# How often /livez is asked beside the load.
_PROBE_SECONDS = 0.05
_GIVE_UP_SECONDS = 120.0


@dataclass
class Measured:
    """latencies: seconds, of requests answered 200.  livez: the same of GET /livez meanwhile.  wall: seconds from first to last."""

    latencies: list[float] = field(default_factory=list)
    livez: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    wall: float = 0.0

    def per_second(self) -> float:
        return len(self.latencies) / self.wall

    @property
    def p50(self) -> float:
        return percentile(self.latencies, 50)

    @property
    def p99(self) -> float:
        return percentile(self.latencies, 99)


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)] if values else math.nan


@dataclass
class _Exchange:
    due: float
    probe: bool
    socket: socket.socket
    to_send: memoryview
    received: bytearray = field(default_factory=bytearray)
    length: int | None = None  # of the whole response, once its header is there

    def complete(self) -> bool:
        if self.length is None and (end := self.received.find(b"\r\n\r\n")) >= 0:
            header = bytes(self.received[:end]).lower()
            self.length = end + 4 + int(header.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        return self.length is not None and len(self.received) >= self.length

    def status(self) -> int:
        return int(self.received[9:12])


class Load:
    """at_once: most in flight.  seen: called with the body of each answer to a POST."""

    def __init__(self, port: int, path: str, *, at_once: int, seen: Callable[[bytes], None] | None = None) -> None:
        self._port = port
        self._path = path
        self._at_once = at_once
        self._seen = seen
        self._selector = selectors.DefaultSelector()
        self._flying = 0
        self._probing = False
        self.measured = Measured()

    def run(self, bodies: Iterator[bytes], *, rate: float | None = None, seconds: float | None = None) -> Measured:
        """Until the bodies or the seconds are used up and all is answered. rate: arrivals a second; None: as fast as they go."""
        began = time.perf_counter()
        stop = math.inf if seconds is None else began + seconds
        due = self._due(began, rate)
        waiting: deque[float] = deque()
        next_due, next_probe, more = next(due), began, True
        while more or self._flying or self._probing:
            now = time.perf_counter()
            while more and next_due <= now and len(waiting) < self._at_once + (0 if rate is None else math.inf):
                waiting.append(next_due)
                next_due = next(due)
                more = now < stop
            while waiting and self._flying < self._at_once and (body := next(bodies, None)) is not None:
                self._begin(waiting.popleft(), self._post(body), probe=False)
            if waiting and self._flying < self._at_once:
                more = False  # no body is left
            if more and now >= next_probe and not self._probing:
                self._begin(now, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n", probe=True)
                next_probe = now + _PROBE_SECONDS
            if now - began > (seconds or math.inf) + _GIVE_UP_SECONDS:
                raise TimeoutError(f"{self._flying} requests are not answered {_GIVE_UP_SECONDS} s after the last was sent")
            self._turn(0.001 if rate is not None else 0.01)
        self.measured.wall = time.perf_counter() - began
        self._selector.close()
        return self.measured

    def _due(self, began: float, rate: float | None) -> Iterator[float]:
        n = 0
        while True:
            yield time.perf_counter() if rate is None else began + n / rate
            n += 1

    def _post(self, body: bytes) -> bytes:
        head = f"POST {self._path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        return head.encode() + body

    def _begin(self, due: float, request: bytes, *, probe: bool) -> None:
        made = socket.socket()
        made.setblocking(False)
        made.connect_ex(("127.0.0.1", self._port))
        exchange = _Exchange(due, probe, made, memoryview(request))
        self._selector.register(made, selectors.EVENT_WRITE, exchange)
        if probe:
            self._probing = True
        else:
            self._flying += 1

    def _turn(self, patience: float) -> None:
        for key, events in self._selector.select(patience):
            exchange = key.data
            if events & selectors.EVENT_WRITE:
                self._send(exchange)
            else:
                self._receive(exchange)

    def _send(self, exchange: _Exchange) -> None:
        exchange.to_send = exchange.to_send[exchange.socket.send(exchange.to_send) :]
        if not exchange.to_send:
            self._selector.modify(exchange.socket, selectors.EVENT_READ, exchange)

    def _receive(self, exchange: _Exchange) -> None:
        chunk = exchange.socket.recv(1 << 18)
        exchange.received += chunk
        if not chunk and not exchange.complete():
            raise ConnectionError("the service closed a connection without an answer")
        if exchange.complete():
            self._end(exchange)

    def _end(self, exchange: _Exchange) -> None:
        self._selector.unregister(exchange.socket)
        exchange.socket.close()
        took = time.perf_counter() - exchange.due
        if exchange.probe:
            self._probing = False
            self.measured.livez.append(took)
            return
        self._flying -= 1
        self.measured.statuses[exchange.status()] += 1
        if exchange.status() == 200:
            self.measured.latencies.append(took)
            if self._seen is not None:
                self._seen(bytes(exchange.received[exchange.received.find(b"\r\n\r\n") + 4 :]))
