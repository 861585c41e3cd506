"""A real Redis in a real process, for tests."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis


@dataclass
class Redis:
    url: str
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def running_redis(folder: Path, *options: str, port: int = 0) -> Iterator[Redis]:
    """Nothing is kept on disk. port: a free one when 0."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    if port == 0:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        client = redis.Redis(port=port)
        for _ in range(100):
            with contextlib.suppress(redis.ConnectionError):
                client.ping()
                break
            time.sleep(0.05)
        client.close()
        yield Redis(f"redis://127.0.0.1:{port}/0", process)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def redis_cluster(folder: Path) -> Iterator[Redis]:
    """A Cluster of one node, which has all the slots."""
    with running_redis(folder, "--cluster-enabled", "yes", "--cluster-config-file", str(folder / "nodes.conf")) as server:
        client = redis.Redis.from_url(server.url, decode_responses=True)
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        for _ in range(100):
            if "cluster_state:ok" in str(client.execute_command("CLUSTER INFO")) or client.cluster("info").get("cluster_state") == "ok":
                break
            time.sleep(0.05)
        client.close()
        yield Redis(server.url.replace("redis://", "redis+cluster://"), server.process)
