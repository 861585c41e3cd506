"""`keystep score --engine ray`, killed half-way and started again, beside the local engine on the same file."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import orjson

EXAMPLES = Path(__file__).parents[2] / "clients/examples/groups.jsonl"


@dataclass(frozen=True)
class Ran:
    """What was done. seconds: of the local engine, and of Ray with its start, killed and resumed."""

    rollouts: int
    killed_after: int
    local_seconds: float
    ray_seconds: float
    same: bool


def ray_beside_local(folder: Path, rollouts: int, batch: int) -> Ran:
    """At least that many rollouts: the examples again and again, each time under other ids."""
    source, local, by_ray = folder / "in.jsonl", folder / "local.jsonl", folder / "ray.jsonl"
    groups = _write(source, rollouts)
    began = time.monotonic()
    assert _start(source, local, "local", batch).wait() == 0
    local_seconds = time.monotonic() - began

    began = time.monotonic()
    process = _start(source, by_ray, "ray", batch)
    while not by_ray.exists() or by_ray.read_bytes().count(b"\n") < groups / 2:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed_after = by_ray.read_bytes().count(b"\n")
    assert killed_after < groups, "it was done before it was killed"
    assert _start(source, by_ray, "ray", batch).wait() == 0
    ray_seconds = time.monotonic() - began
    written = local.read_bytes()
    return Ran(_rollouts(written), killed_after, local_seconds, ray_seconds, by_ray.read_bytes() == written)


def _write(source: Path, rollouts: int) -> int:
    examples = [orjson.loads(line) for line in EXAMPLES.read_bytes().splitlines()]
    written = groups = 0
    with source.open("wb") as file:
        for n in count():
            for group in examples:
                file.write(orjson.dumps(group | {"id": f"{group['id']}-{n}"}) + b"\n")
                written += len(group["rollouts"])
                groups += 1
            if written >= rollouts:
                return groups
    raise AssertionError


def _rollouts(output: bytes) -> int:
    return sum(len(orjson.loads(line)["rollouts"]) for line in output.splitlines())


def _start(source: Path, out: Path, engine: str, batch: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "keystep", "score", str(source), "-o", str(out), "--engine", engine, "--batch", str(batch)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)
