"""A real HTTP server that misbehaves as told, for what a healthy service never does."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """status 0 resets the connection. cut: bytes of the body that are really sent."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: int | None = None


@dataclass
class Scripted:
    url: str
    # When each request arrived, and its body.
    seen: list[tuple[float, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0


SCORED = {
    "recipe": {"name": "hardened", "hash": "sha256:1"},
    "service": "9",
    "degraded": [],
    "groups": [
        {
            "id": "q",
            "rollouts": [
                {
                    "id": "q/0",
                    "reward": None,
                    "step_rar": None,
                    "step_rvr": 1.0,
                    "outcome": None,
                    "key_steps_matched": 0.5,
                    "key_steps_soft": 0.25,
                    "answer": "maybe",
                    "status": "partial",
                    "reasons": ["needs_judge"],
                    "flags": [],
                    "extras": {},
                }
            ],
            "advantages": [None],
            "mean": None,
            "std": 0.0,
            "zero_variance": True,
            "pair": None,
        }
    ],
}
GROUP = {"id": "q", "rollouts": [{"id": "q/0", "text": "maybe"}]}


@contextlib.contextmanager
def scripted(*answers: Answer) -> Iterator[Scripted]:
    """Gives the answers in turn, the last one for ever."""
    turn = iter(range(10**9))
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            with lock:
                answer = answers[min(next(turn), len(answers) - 1)]
                server.seen.append((time.monotonic(), body))
                server.headers.append({name.lower(): value for name, value in self.headers.items()})
                server.at_once += 1
                server.most_at_once = max(server.most_at_once, server.at_once)
            time.sleep(answer.delay)
            with lock:
                server.at_once -= 1
            if answer.status == 0:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("content-length", str(len(content)))
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content[: answer.cut])
            if answer.cut is not None:
                self.close_connection = True

        do_GET = do_POST = handle_any

        def log_message(self, *_: object) -> None:
            """Quiet."""

        def finish(self) -> None:
            with contextlib.suppress(OSError, ValueError):
                super().finish()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that gave up is part of the play."""

    http = Server(("127.0.0.1", 0), Handler)
    server = Scripted(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
