"""A real TCP proxy that resets, cuts, slows and refuses, as a seed has it."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Faults:
    """Shares of connections: reset at once; cut within an answer; slow, a few bytes at a time."""

    reset: float = 0.0
    cut: float = 0.0
    slow: float = 0.0


@dataclass
class Proxy:
    url: str
    faults: Faults
    # Faults that were really done, by name.
    done: dict[str, int] = field(default_factory=dict)


@contextlib.contextmanager
def proxied(upstream: str, faults: Faults, *, seed: int = 0, port: int = 0) -> Iterator[Proxy]:
    """Listens until the block ends. port: a free one when 0."""
    target = (urlsplit(upstream).hostname, urlsplit(upstream).port)
    chance = random.Random(seed)
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener:
        proxy = Proxy(f"http://127.0.0.1:{listener.getsockname()[1]}", faults)
        lock = threading.Lock()

        def serve(client: socket.socket) -> None:
            with lock:
                kind, after = _fate(chance, proxy.faults)
                proxy.done[kind] = proxy.done.get(kind, 0) + 1
            with client, contextlib.suppress(OSError):
                if kind == "reset":
                    _reset(client)
                    return
                with socket.create_connection(target) as server:
                    threading.Thread(target=_pump, args=(client, server), daemon=True).start()
                    _answer(server, client, kind, after)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            # A blocked accept() outlives close(): a last connection wakes it.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _fate(chance: random.Random, faults: Faults) -> tuple[str, int]:
    drawn, after = chance.random(), chance.randrange(1, 2000)
    for name in ("reset", "cut", "slow"):
        share = getattr(faults, name)
        if drawn < share:
            return name, after
        drawn -= share
    return "pass", after


def _answer(server: socket.socket, client: socket.socket, kind: str, after: int) -> None:
    """From the service to the client: whole, or its first bytes only, or slowly."""
    while chunk := server.recv(64 if kind == "slow" else 65536):
        if kind == "cut" and len(chunk) >= after:
            client.sendall(chunk[:after])
            # Not close(): the other direction's thread waits on it.
            client.shutdown(socket.SHUT_RDWR)
            return
        if kind == "cut":
            after -= len(chunk)
        if kind == "slow":
            time.sleep(0.005)
        client.sendall(chunk)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)


def _reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
