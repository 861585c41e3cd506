"""Run the service until it is told to stop, then stop without dropping what is under way.

SIGTERM: /readyz fails and new work gets 503 for drain_seconds, so that load balancers look away; then the port closes,
requests in flight finish within grace_seconds, and the verifier's processes end.
"""

from __future__ import annotations

import socket
import sys
import threading
from types import FrameType

import uvicorn

from keystep import logs
from keystep.http.admission import Admission
from keystep.http.app import create_app
from keystep.settings import Settings

_DOORS = 64


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, admission: Admission, drain_seconds: float) -> None:
        super().__init__(config)
        self._admission = admission
        self._drain_seconds = drain_seconds

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._admission.draining:
            # Told twice: stop now.
            super().handle_exit(sig, frame)
            return
        self._admission.draining = True
        timer = threading.Timer(self._drain_seconds, super().handle_exit, (sig, frame))
        timer.daemon = True
        timer.start()


def serve(settings: Settings) -> None:
    """Blocks until stopped."""
    logs.configure(settings.log_format, settings.log_level)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,  # its lines go the way of all others
        log_level=settings.log_level,
        access_log=settings.log_level == "debug",
        timeout_graceful_shutdown=settings.grace_seconds,
        backlog=4096,
        ws="none",
        proxy_headers=False,  # nothing here depends on who asks
    )
    _Server(config, app.state.admission, settings.drain_seconds).run(doors(config.bind_socket()))


def doors(port: socket.socket) -> list[socket.socket]:
    """The same port several times over, on Linux, which deals out connections among them: the event loop (libuv) lets in one
    connection a turn through each. Through one alone, whoever comes behind five hundred others waits for five hundred turns.

    port: bound, and so nobody else's. Only from here on may it be shared, and by this user's processes alone."""
    if sys.platform != "linux":
        return [port]
    port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    more = [socket.socket(port.family, port.type) for _ in range(_DOORS - 1)]
    for door in more:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        door.bind(port.getsockname())
    return [port, *more]
