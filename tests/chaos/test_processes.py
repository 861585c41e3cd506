"""kill -9 of scoring processes and of verifier workers under load: the rewards of the undisturbed run, and how soon all is well.

A verifier worker that is killed under a comparison makes that one outcome null (verifier_crashed): said, never a wrong number.
A scoring process that is killed costs time alone.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from responses import mulberry
from running import Service, running

SECONDS = 6.0
PROCESSES = 2


def rollouts(n: int) -> list[dict]:
    """One of them needs symbolic work of its own."""
    made = [mulberry(f"{i} * 2 = {2 * i}.", *ASIDES, f"So x is {i}.", answer="$x^2-1$" if i % 2 else str(i)) for i in range(n, n + 15)]
    made.append(mulberry(f"{n} + 1 = {n + 1}.", answer=f"$(x-{n})(x+{n})+{n * n}-{1 + n // 16 % 2}$"))
    return [{"id": str(i), "text": text} for i, text in enumerate(made)]


ASIDES = [f"The {thing} costs {i + 3} euros and {i} cents, which is not {i}." for i, thing in enumerate("lamp chair table clock".split())]


def group(n: int) -> dict:
    return {"id": f"g{n}", "answer": "$x^2-1$", "key_steps": [f"{16 * n} * 2 = {32 * n}", "it costs 3 euros"], "rollouts": rollouts(16 * n)}


GROUPS = [group(n) for n in range(1, 41)]


def ask(service: Service, n: int) -> list[dict]:
    answer = service.post("/v1/score", {"groups": [GROUPS[n % len(GROUPS)]], "detail": "evidence"})
    assert answer.status_code == 200, answer.text
    return answer.json()["groups"][0]["rollouts"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, list[dict]]:
    with running(tmp_path_factory.mktemp("undisturbed")) as service, ThreadPoolExecutor(4) as threads:
        told = list(threads.map(lambda n: ask(service, n), range(len(GROUPS))))
    assert all(r["status"] == "ok" for rollouts in told for r in rollouts)
    return {g["id"]: rollouts for g, rollouts in zip(GROUPS, told, strict=True)}


def children(service: Service, module: str) -> list[int]:
    """Those that any of the service's threads started."""
    tasks = Path(f"/proc/{service.process.pid}/task")
    pids = {pid for task in tasks.iterdir() for pid in (task / "children").read_text().split()}
    return [int(pid) for pid in pids if Path(f"/proc/{pid}").exists() and module in Path(f"/proc/{pid}/cmdline").read_text()]


def whole(service: Service) -> bool:
    """Every verifier worker and every scoring process is up and warm."""
    return service.get("/readyz").status_code == 200 and f"keystep_scoring_processes {PROCESSES}.0" in service.get("/metrics").text


@pytest.mark.parametrize("module", ["keystep.processes.worker", "keystep.verify.worker"])
def test_kill_9_under_load(undisturbed, tmp_path, module):
    """Prints what was killed, what became of it, and how soon the service was whole again."""
    with running(tmp_path, processes=PROCESSES) as service:
        over = threading.Event()
        told: list[tuple[int, list[dict]]] = []

        def load(first: int) -> None:
            n = first
            while not over.is_set():
                told.append((n % len(GROUPS), ask(service, n)))
                n += 4

        workers = [threading.Thread(target=load, args=(i,)) for i in range(4)]
        for worker in workers:
            worker.start()
        killed, recovery = 0, []
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or killed < 2:
            victim = min(children(service, module))
            os.kill(victim, signal.SIGKILL)
            killed += 1
            began = time.monotonic()
            while not whole(service) or victim in children(service, module):
                assert time.monotonic() < began + 60
                time.sleep(0.02)
            recovery.append(time.monotonic() - began)
            time.sleep(0.3)
        over.set()
        for worker in workers:
            worker.join()
        assert len(told) > 4
        nulls = 0
        for n, rollouts in told:
            for got, expected in zip(rollouts, undisturbed[GROUPS[n]["id"]], strict=True):
                if got["reward"] is None and module == "keystep.verify.worker":
                    assert got["reasons"] == ["verifier_crashed"]
                    nulls += 1
                else:
                    assert json.dumps(got) == json.dumps(expected)
        print(
            f"\n{module}: {killed} killed under load, whole again after {max(recovery):.2f} s at most;"
            f" {16 * len(told)} rollouts answered, {nulls} null (verifier_crashed), none wrong"
        )
        assert nulls <= killed
