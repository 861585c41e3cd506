"""docker/compose.yaml brought up for real, under a name and on ports of its own, and taken down again."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx2

from deploy.board import DOCKER
from redis_server import free_port


@dataclass(frozen=True)
class Fleet:
    """command: the compose command.  engine: docker or podman.  url: the gateway's.  prometheus: its URL."""

    project: str
    command: tuple[str, ...]
    engine: str
    environment: dict[str, str]
    url: str
    prometheus: str

    def compose(self, *arguments: str, capture: bool = False) -> str:
        whole = [*self.command, "-p", self.project, "-f", str(DOCKER / "compose.yaml"), *arguments]
        return _run(whole, self.environment, capture=capture)

    def container(self, *arguments: str) -> str:
        return _run([self.engine, *arguments], self.environment, capture=True)

    def containers(self, service: str) -> list[str]:
        """Names of a service's containers that are up."""
        names = self.container("ps", "--format", "{{.Names}}").split()
        return sorted(name for name in names if name.startswith((f"{self.project}_{service}_", f"{self.project}-{service}-")))

    def healthy(self) -> list[str]:
        """Addresses of the replicas that Prometheus reaches."""
        answer = httpx2.get(f"{self.prometheus}/api/v1/targets", timeout=10).json()
        return [t["labels"]["instance"] for t in answer["data"]["activeTargets"] if t["health"] == "up"]

    def alerts(self) -> dict[str, str]:
        """The health of each rule that Prometheus has, by name."""
        answer = httpx2.get(f"{self.prometheus}/api/v1/rules", timeout=10).json()
        return {rule["name"]: rule["health"] for group in answer["data"]["groups"] for rule in group["rules"]}

    def query(self, promql: str) -> list[dict[str, Any]]:
        answer = httpx2.get(f"{self.prometheus}/api/v1/query", params={"query": promql}, timeout=10)
        assert answer.status_code == 200, f"Prometheus refuses {promql}: {answer.text}"
        result: list[dict[str, Any]] = answer.json()["data"]["result"]
        return result


@contextlib.contextmanager
def fleet(command: tuple[str, ...]) -> Iterator[Fleet]:
    """Built and up when it yields; gone, volumes too, when the block ends."""
    port, prometheus = free_port(), free_port()
    told = {"KEYSTEP_PUBLISH": f"127.0.0.1:{port}", "PROMETHEUS_PORT": str(prometheus)}
    engine = "docker" if command[0].endswith("docker") else "podman"
    # A CPU's base: what runs here has to run where there is no GPU.
    environment = {"TRAIN_BASE": "docker.io/library/python:3.11-slim-bookworm"} | os.environ | told
    it = Fleet(f"keystep-test-{port}", command, engine, environment, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{prometheus}")
    it.compose("--profile", "train", "build")
    try:
        it.compose("up", "-d")
        yield it
    except BaseException:
        # What a container said when it failed is gone with it.
        with contextlib.suppress(subprocess.CalledProcessError):
            it.compose("logs")
        raise
    finally:
        it.compose("down", "-v")


def wait_for(what: str, there: Callable[[], bool], seconds: float = 120) -> None:
    """AssertionError that names what did not come. A connection that fails is not there yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx2.TransportError, json.JSONDecodeError):
            if there():
                return
        time.sleep(0.5)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


def _run(command: list[str], environment: dict[str, str], *, capture: bool) -> str:
    done = subprocess.run(command, env=environment, check=True, text=True, stdout=subprocess.PIPE if capture else None)
    return done.stdout or ""
