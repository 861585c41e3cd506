"""A real TCP proxy that can be told to misbehave: it resets, cuts, slows, delays, garbles, as a seed has it."""

from __future__ import annotations

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

_NO_ANSWERS = [b"+OK\r\n", b":1\r\n", b":-7\r\n", b"$-1\r\n", b"*0\r\n", b"$5\r\nhello\r\n", b"-ERR no\r\n", b"*-1\r\n", b"_\r\n"]


@dataclass
class Proxy:
    """reset, cut, slow: shares of connections that are reset at once; cut within an answer; answered a few bytes at a time.

    delay: seconds each answer of the server is held up.  garbage: random bytes instead of answers, as Redis might give them.
    done: what was done to connections, by name.
    """

    port: int
    target: int
    reset: float = 0.0
    cut: float = 0.0
    slow: float = 0.0
    delay: float = 0.0
    garbage: bool = False
    seed: int = 0
    done: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._lock = threading.Lock()

    def url(self, url: str) -> str:
        """The server's URL, through here."""
        return url.replace(f":{self.target}", f":{self.port}")

    def serve(self, client: socket.socket) -> None:
        with self._lock:
            kind, after = self._fate()
            self.done[kind] = self.done.get(kind, 0) + 1
        with client, contextlib.suppress(OSError):
            if kind == "reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                threading.Thread(target=_asked, args=(client, server), daemon=True).start()
                self._answer(server, client, kind, after)

    def _fate(self) -> tuple[str, int]:
        drawn, after = self._random.random(), self._random.randrange(1, 2000)
        for name, share in (("reset", self.reset), ("cut", self.cut), ("slow", self.slow)):
            if drawn < share:
                return name, after
            drawn -= share
        return "pass", after

    def _answer(self, server: socket.socket, client: socket.socket, kind: str, after: int) -> None:
        """From the server to the client: whole, or its first bytes only, or slowly."""
        while data := server.recv(64 if kind == "slow" else 65536):
            if kind == "cut" and len(data) >= after:
                client.sendall(data[:after])
                break
            if kind == "cut":
                after -= len(data)
            time.sleep(0.005 if kind == "slow" else self.delay)
            client.sendall(self._garbled(data) if self.garbage else data)
        # Not close(): the other direction's thread waits on it.
        client.shutdown(socket.SHUT_RDWR)

    def _garbled(self, data: bytes) -> bytes:
        """Bytes of no protocol; answers with a few bytes changed; whole answers to something else."""
        kind = self._random.randrange(4)
        if kind == 0:
            return self._random.randbytes(len(data))
        if kind == 1:
            changed = bytearray(data)
            for _ in range(1 + len(data) // 20):
                changed[self._random.randrange(len(data))] = self._random.randrange(256)
            return bytes(changed)
        return self._random.choice(_NO_ANSWERS) * 3 if kind == 2 else data + data


def _asked(client: socket.socket, server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := client.recv(65536):
            server.sendall(data)
        server.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def proxy_to(url: str, *, port: int = 0, seed: int = 0, reset: float = 0.0, cut: float = 0.0, slow: float = 0.0) -> Iterator[Proxy]:
    """Listens until the block ends. url: with a port.  port: of the proxy, a free one when 0."""
    target = int(url.rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.1", port), backlog=1024) as listener:
        proxy = Proxy(listener.getsockname()[1], target, reset, cut, slow, seed=seed)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=proxy.serve, args=(listener.accept()[0],), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            # A blocked accept() outlives close(): shutdown wakes it.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)
