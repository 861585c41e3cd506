"""docker/ray/serve.yaml on a cluster of this machine: two replicas of one core answer what the service itself answers.

PYTHONPATH=tests python tests/deploy/ray_serve.py
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx2
import orjson
import yaml

from deploy.board import DOCKER
from deploy.compose import wait_for
from redis_server import free_port, running_redis
from running import running

EXAMPLES = DOCKER.parent / "clients/examples/groups.jsonl"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, running_redis(Path(folder)) as redis:
        port = free_port()
        config = yaml.safe_load((DOCKER / "ray/serve.yaml").read_text())
        config["http_options"] = {"host": "127.0.0.1", "port": port}
        config["applications"][0]["args"] |= {"cores": 1, "min_replicas": 2, "max_replicas": 2}
        (Path(folder) / "serve.yaml").write_text(yaml.safe_dump(config))
        more = {"PYTHONPATH": str(DOCKER / "ray"), "KEYSTEP_REDIS_URL": redis.url, "RAY_USAGE_STATS_ENABLED": "0"}
        command = [str(Path(sys.executable).parent / "serve"), "run", str(Path(folder) / "serve.yaml")]
        process = subprocess.Popen(command, env=os.environ | more)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for("Ray Serve answers /readyz", lambda: httpx2.get(f"{url}/readyz", timeout=30).status_code == 200, 300)
            body = {"groups": [orjson.loads(line) for line in EXAMPLES.read_bytes().splitlines()]}
            there = httpx2.post(f"{url}/v1/score", json=body, timeout=300).raise_for_status()
            job = httpx2.post(f"{url}/v1/jobs", json=body, timeout=60).raise_for_status().json()
            wait_for("a job is done, whichever replica is asked", lambda: _status(url, job["id"]) == "done")
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(120)
        with running(Path(folder)) as service:
            here = service.post("/v1/score", body)
    assert there.content == here.content
    print(f"Ray Serve, two replicas: {len(body['groups'])} groups, byte for byte the answer of the service; a job is done")


def _status(url: str, job: str) -> str:
    status: str = httpx2.get(f"{url}/v1/jobs/{job}", timeout=30).raise_for_status().json()["status"]
    return status


if __name__ == "__main__":
    main()
