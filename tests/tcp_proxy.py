"""A real TCP proxy that can be told to misbehave: slow, garbling, refusing."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """delay: seconds each answer of the server is held up.  garbage: random bytes instead of answers."""

    port: int
    target: int
    delay: float = 0.0
    garbage: bool = False
    _random: random.Random = field(default_factory=lambda: random.Random(0))

    def url(self, url: str) -> str:
        """The server's URL, through here."""
        return url.replace(f":{self.target}", f":{self.port}")

    def serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.target)) as server:
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            self._pump(server, client, True)

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers:
                    time.sleep(self.delay)
                    if self.garbage:
                        data = self._garbled(data)
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)

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
        if kind == 2:
            return (
                self._random.choice(
                    [b"+OK\r\n", b":1\r\n", b":-7\r\n", b"$-1\r\n", b"*0\r\n", b"$5\r\nhello\r\n", b"-ERR no\r\n", b"*-1\r\n", b"_\r\n"]
                )
                * 3
            )
        return data + data


@contextlib.contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """url: with a port."""
    target = int(url.rpartition(":")[2].partition("/")[0])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        proxy = Proxy(listener.getsockname()[1], target)

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=proxy.serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield proxy
        listener.shutdown(socket.SHUT_RDWR)
