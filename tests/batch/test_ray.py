"""`keystep score --engine ray` on a real cluster. `make ray` has it start clusters of its own, and scores 50,000 rollouts."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch.killed import EXAMPLES, ray_beside_local
from batch.test_run import score
from keystep.errors import InputError

_HOLD = "import ray, sys; print(ray.init(include_dashboard=False).address_info['gcs_address'], flush=True); sys.stdin.read()"


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    """Where a cluster is that a process of its own holds, and what it lets one in for."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", _HOLD], env=os.environ | token, **pipes) as holder:
        yield {"RAY_ADDRESS": holder.stdout.readline().strip(), **token}
        holder.communicate(timeout=60)


@pytest.fixture
def joined(cluster: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands go to the cluster."""
    for name, value in cluster.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("joined")
def test_killed_and_resumed_it_writes_what_the_local_engine_writes(tmp_path: Path) -> None:
    ran = ray_beside_local(tmp_path, rollouts=2_000, batch=1)
    assert ran.rollouts == 2_000
    assert ran.same


@pytest.mark.usefixtures("joined")
def test_our_own_errors_arrive_as_they_are(tmp_path: Path) -> None:
    done = command(tmp_path, "from keystep.cli import main; main()", "--recipe", "semantic")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("keystep: this service has no embedder")


def test_where_there_is_no_ray_it_says_the_mend(tmp_path: Path) -> None:
    done = command(tmp_path, "import sys; sys.modules['ray'] = None; from keystep.cli import main; main()")
    assert done.returncode == 2
    assert "pip install 'keystep[server,ray]'" in done.stderr


def test_a_cluster_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    done = command(tmp_path, "from keystep.cli import main; main()")
    assert done.returncode == 2
    assert "no Ray cluster answers at RAY_ADDRESS=127.0.0.1:1" in done.stderr


def command(folder: Path, program: str, *more: str) -> subprocess.CompletedProcess[str]:
    asked = ["score", str(EXAMPLES), "-o", str(folder / "out.jsonl"), "--engine", "ray", *more]
    return subprocess.run([sys.executable, "-c", program, *asked], check=False, capture_output=True, text=True)


def test_a_service_and_an_engine_are_not_asked_for_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave one of them out"):
        score(EXAMPLES, tmp_path / "out.jsonl", engine="ray", url="http://127.0.0.1:1")
