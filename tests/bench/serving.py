"""The service under load, beside TRL and a bare echo on the same machine in the same run. Prints a table; asserts nothing.

    python tests/bench/serving.py [--quick] [--json]

The load shares the machine's cores with the service. Every rollout is fresh: 300 to 800 words, from a seed nobody has seen.
Rounds take turns over all subjects; figures are medians over rounds, ratios are taken within a round. CPU is that of the
service and all its processes, per rollout, in microseconds: it says what wall-clock figures would be on a machine with nothing
else to do. Front is that of its first process alone, which does all but score.

    trl             accuracy_reward, one process, as TRL runs it
    in process      batches of 512 on the same scoring processes, without HTTP
    batches         of 64 and of 512 rollouts, 4 requests in flight
    singles         one rollout a request, a new connection each, 500 in flight; and at a constant rate, where a latency counts
                    from when its request was due
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import httpx2
import psutil

from load import Load, Measured, percentile
from measure import tree_cpu
from rollouts import ROLLOUTS_PER_QUESTION, groups

HERE = Path(__file__).parent
BATCHES_AT_ONCE = 4
SINGLES_AT_ONCE = 500
# Of the rate that the singles came to as fast as they went.
CONSTANT_SHARE = 0.6

Row = dict[str, float]


@contextlib.contextmanager
def server(command: list[str], port: int, ready: str, **settings: object) -> Iterator[psutil.Process]:
    """A server in a process of its own, once it answers 200 at ready. settings become KEYSTEP_* variables."""
    told = {"port": port, "cache_path": "", "log_level": "warning", **settings}
    environment = os.environ | {"OMP_NUM_THREADS": "1"} | {f"KEYSTEP_{name.upper()}": str(value) for name, value in told.items()}
    process = subprocess.Popen(command, env=environment)
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}{ready}", process)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def _wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit(f"{process.args} ended with {process.returncode}")
        with contextlib.suppress(httpx2.TransportError):  # not listening yet
            if httpx2.get(url).status_code == 200:
                return
        time.sleep(0.1)
    raise SystemExit(f"{process.args} was not ready within 60 s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def memory(service: psutil.Process) -> float:
    """MiB resident, of the service and all its processes."""
    return sum(p.memory_info().rss for p in [service, *service.children(recursive=True)]) / (1 << 20)


class Peak:
    """The most memory seen while it watches."""

    def __init__(self, service: psutil.Process) -> None:
        self.mib = memory(service)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(service,))
        self._thread.start()

    def _watch(self, service: psutil.Process) -> None:
        while not self._over.wait(0.5):
            self.mib = max(self.mib, memory(service))

    def stop(self) -> float:
        self._over.set()
        self._thread.join()
        return self.mib


def batches(seed: int, rollouts: int, size: int) -> list[bytes]:
    made = groups(seed, rollouts // ROLLOUTS_PER_QUESTION)
    step = size // ROLLOUTS_PER_QUESTION
    return [json.dumps({"groups": made[i : i + step]}).encode() for i in range(0, len(made), step)]


def singles(seed: int, rollouts: int) -> list[bytes]:
    made = groups(seed, rollouts // ROLLOUTS_PER_QUESTION)
    return [json.dumps({"groups": [{**g, "rollouts": [r]}]}).encode() for g in made for r in g["rollouts"]]


def own_cpu(process: psutil.Process) -> float:
    """Seconds, without its children."""
    times = process.cpu_times()
    return float(times.user + times.system)


def row(measured: Measured, cpu: float, front: float, rollouts: int) -> Row:
    return {
        "per_second": rollouts / measured.wall,
        "cpu_us": 1e6 * cpu / rollouts,
        "front_us": 1e6 * front / rollouts,
        "p50_ms": 1000 * measured.p50,
        "p99_ms": 1000 * measured.p99,
        "livez_p99_ms": 1000 * percentile(measured.livez, 99),
        "errors": float(sum(n for status, n in measured.statuses.items() if status != 200)),
    }


def loaded(port: int, service: psutil.Process, bodies: list[bytes], rollouts: int, *, at_once: int, rate: float | None = None) -> Row:
    cpu, front = tree_cpu(service.pid), own_cpu(service)
    measured = Load(port, "/v1/score", at_once=at_once).run(iter(bodies), rate=rate)
    return row(measured, tree_cpu(service.pid) - cpu, own_cpu(service) - front, rollouts)


def alone(subject: str, seed: int, size: int) -> Row:
    """A subject of measure.py, in a process of its own."""
    command = [sys.executable, str(HERE / "measure.py"), subject, str(seed), str(size)]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()[-1])
    return {"per_second": told["items"] / told["wall"], "cpu_us": 1e6 * told["cpu"] / told["items"]}


def one_round(seed: int, size: int, service: psutil.Process, port: int, echo: psutil.Process, echo_port: int) -> dict[str, Row]:
    rows = {"trl accuracy_reward": alone("trl accuracy_reward", seed, size), "512 in process": alone("hardened on all cores", seed, size)}
    for n, batch in enumerate((64, 512)):
        bodies = batches(10 * seed + n, 4 * size, batch)
        rows[f"batches of {batch}"] = loaded(port, service, bodies, 4 * size, at_once=BATCHES_AT_ONCE)
    bodies = singles(10 * seed + 5, 2 * size)
    rows["echo, singles"] = loaded(echo_port, echo, bodies, len(bodies), at_once=SINGLES_AT_ONCE)
    rows["singles"] = loaded(port, service, bodies, len(bodies), at_once=SINGLES_AT_ONCE)
    rate = CONSTANT_SHARE * rows["singles"]["per_second"]
    bodies = singles(10 * seed + 6, 2 * size)
    rows[f"singles at {CONSTANT_SHARE:.0%} of it"] = loaded(port, service, bodies, len(bodies), at_once=SINGLES_AT_ONCE, rate=rate)
    return rows


def run(rounds: int, size: int) -> dict[str, Any]:
    port, echo_port = free_port(), free_port()
    keystep = [sys.executable, "-m", "keystep", "serve"]
    with (
        server([sys.executable, str(HERE / "echo.py"), str(echo_port)], echo_port, "/") as echo,
        server(keystep, port, "/readyz") as service,
    ):
        at_rest = memory(service)
        Load(port, "/v1/score", at_once=BATCHES_AT_ONCE).run(iter(batches(1_000_000, 256, 64)))
        peak = Peak(service)
        done = []
        for turn in range(1, rounds + 1):
            print(f"round {turn} of {rounds}", file=sys.stderr)
            done.append(one_round(turn, size, service, port, echo, echo_port))
        return {"rounds": done, "memory_at_rest_mib": at_rest, "memory_peak_mib": peak.stop()}


def show(result: dict[str, Any]) -> None:
    rounds: list[dict[str, Row]] = result["rounds"]
    columns = ("per_second", "cpu_us", "front_us", "p50_ms", "p99_ms", "livez_p99_ms", "errors")
    print(f"\nThe service on {psutil.cpu_count()} cores, which the load shares\n{'':24}" + "".join(f"{c:>14}" for c in columns))
    for name in rounds[0]:
        cells = [f"{median(r[name][c] for r in rounds):14,.0f}" if c in rounds[0][name] else f"{'':14}" for c in columns]
        print(f"{name:24}" + "".join(cells))

    def ratio(a: str, b: str, column: str = "per_second") -> str:
        found = [r[a][column] / r[b][column] for r in rounds]
        return f"{median(found):.2f} ({min(found):.2f} to {max(found):.2f})"

    print(f"\nbatches of 512, times trl's rate:                {ratio('batches of 512', 'trl accuracy_reward')}")
    print(f"singles, times the echo's rate:                  {ratio('singles', 'echo, singles')}")
    print(f"singles, the front's CPU times the echo's:       {ratio('singles', 'echo, singles', 'front_us')}")
    print(f"batches of 512, times the rate in process:       {ratio('batches of 512', '512 in process')}")
    print(f"batches of 512, times the CPU in process:        {ratio('batches of 512', '512 in process', 'cpu_us')}")
    print(f"memory, all processes: {result['memory_at_rest_mib']:,.0f} MiB at rest, {result['memory_peak_mib']:,.0f} MiB at most")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of 400 items: about a minute")
    parser.add_argument("--json", action="store_true", help="print every measurement as one JSON object")
    arguments = parser.parse_args()
    result = run(*((1, 400) if arguments.quick else (3, 1600)))
    if arguments.json:
        print(json.dumps(result, indent=1))
    else:
        show(result)


if __name__ == "__main__":
    main()
