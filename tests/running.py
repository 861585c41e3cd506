"""A real service in a real process, for tests."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx2


@dataclass
class Service:
    url: str
    process: subprocess.Popen[bytes]

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(self.url + path, timeout=60)

    def post(self, path: str, body: object = None, *, content: bytes | None = None) -> httpx2.Response:
        headers = {"content-type": "application/json"}
        if content is not None:
            return httpx2.post(self.url + path, content=content, headers=headers, timeout=120)
        return httpx2.post(self.url + path, json=body, timeout=120)


@contextlib.contextmanager
def running(tmp_path: Path, *, port: int = 0, program: Sequence[str] = ("-m", "keystep", "serve"), **settings: object) -> Iterator[Service]:
    """`keystep serve` (or another program of Python's) with a fresh cache; settings become KEYSTEP_* variables; port: a free one when
    0. Ready when it yields."""
    if port == 0:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    told = {
        "port": port,
        "cache_path": tmp_path / "cache.sqlite3",
        "jobs_path": tmp_path / "jobs.sqlite3",
        "verifier_workers": 2,
        "drain_seconds": 0,
        **settings,
    }
    environment = os.environ | {f"KEYSTEP_{name.upper()}": str(value) for name, value in told.items()}
    process = subprocess.Popen([sys.executable, *program], env=environment)
    service = Service(f"http://127.0.0.1:{port}", process)
    try:
        _wait_ready(service)
        yield service
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _wait_ready(service: Service) -> None:
    for _ in range(600):
        assert service.process.poll() is None, f"the service ended with {service.process.returncode}"
        with contextlib.suppress(httpx2.TransportError):
            if service.get("/readyz").status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the service did not become ready within a minute")
