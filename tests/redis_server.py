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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def running_redis(folder: Path, *options: str, port: int = 0) -> Iterator[Redis]:
    """Nothing is kept on disk. port: a free one when 0."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("redis-server is not installed")
    port = port or free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(folder), *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as probe:
                probe.sendall(b"PING\r\n")
                if not probe.recv(64).startswith(b"-LOADING"):  # one that wants a password is there too
                    break
            time.sleep(0.05)
        yield Redis(f"redis://127.0.0.1:{port}/0", process)
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def redis_cluster(folder: Path) -> Iterator[Redis]:
    """A Cluster of one node, which has all the slots."""
    options = ("--cluster-enabled", "yes", "--cluster-config-file", str(folder / "nodes.conf"), "--cluster-port", str(free_port()))
    with running_redis(folder, *options) as server:
        client = redis.Redis.from_url(server.url, decode_responses=True)
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        for _ in range(100):
            if "cluster_state:ok" in str(client.execute_command("CLUSTER INFO")) or client.cluster("info").get("cluster_state") == "ok":
                break
            time.sleep(0.05)
        client.close()
        yield Redis(server.url.replace("redis://", "redis+cluster://"), server.process)


@contextlib.contextmanager
def redis_sentinel(folder: Path, master: str, *, password: str) -> Iterator[int]:
    """One sentinel that watches the server at the URL master, as 'mymaster'. Yields its port."""
    port = free_port()
    config = folder / "sentinel.conf"
    target = master.rpartition(":")[2].partition("/")[0]
    config.write_text(
        f"port {port}\nbind 127.0.0.1\ndir {folder}\nsentinel monitor mymaster 127.0.0.1 {target} 1\nsentinel auth-pass mymaster {password}\n"
    )
    process = subprocess.Popen([shutil.which("redis-server") or "redis-server", str(config), "--sentinel"], stdout=subprocess.DEVNULL)
    client = redis.Redis(port=port, decode_responses=True)
    try:
        for _ in range(100):
            with contextlib.suppress(redis.ConnectionError):
                if client.sentinel_masters()["mymaster"]["flags"] == "master":
                    break
            time.sleep(0.1)
        yield port
    finally:
        client.close()
        process.kill()
        process.wait()
