"""How cost grows: the time of a batch against its size, of a rollout against its length, and of the same work against replicas.

    python tests/bench/growth.py [--quick]

Each figure comes from a real service over real HTTP and fresh content. CPU is that of the service and all its processes, which
is what growth shows in, whatever else the machine does; wall-clock time is drawn beside it. Writes docs/growth.svg and prints
the figures and the exponents of the straight lines through them (log against log; 1 is linear).
"""

import argparse
import contextlib
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import matplotlib as mpl
import psutil
from matplotlib import pyplot as plt
from matplotlib.ticker import NullLocator

sys.path.insert(0, str(Path(__file__).parents[1]))

from measure import tree_cpu
from redis_server import running_redis
from rollouts import ROLLOUTS_PER_QUESTION, groups
from serving import free_port, server

SVG = Path(__file__).parents[2] / "docs" / "growth.svg"
SIZES = (1, 4, 16, 64, 256, 1024, 4096, 8192)
WORDS = (100, 250, 500, 1000, 2000, 4000, 8000)
# Small batches are repeated until so many rollouts have been scored: a process's CPU time is counted in hundredths of a second.
ENOUGH = 256

Point = tuple[float, float, float]  # x, CPU seconds, wall-clock seconds


@contextlib.contextmanager
def service(**settings: object) -> Iterator[tuple[str, psutil.Process]]:
    port = free_port()
    with server([sys.executable, "-m", "keystep", "serve"], port, "/readyz", **settings) as process:
        url = f"http://127.0.0.1:{port}"
        score(url, body(groups(1_000_000, 28)))
        yield url, process


def score(url: str, content: bytes) -> None:
    httpx2.post(url + "/v1/score", content=content, headers={"content-type": "application/json"}, timeout=600).raise_for_status()


def body(made: list[dict]) -> bytes:
    return json.dumps({"groups": made}).encode()


def measured(url: str, process: psutil.Process, bodies: Sequence[bytes]) -> tuple[float, float]:
    """CPU and wall-clock seconds of one of them, on average."""
    cpu, began = tree_cpu(process.pid), time.perf_counter()
    for content in bodies:
        score(url, content)
    return (tree_cpu(process.pid) - cpu) / len(bodies), (time.perf_counter() - began) / len(bodies)


def by_size(sizes: Sequence[int]) -> list[Point]:
    points = []
    with service() as (url, process):
        for n, size in enumerate(sizes):
            times = max(1, ENOUGH // size)
            made = groups(n, math.ceil(times * size / ROLLOUTS_PER_QUESTION))
            if size == 1:
                batches = [[{**g, "rollouts": [r]}] for g in made for r in g["rollouts"]]
            else:
                batches = [made[i : i + size // ROLLOUTS_PER_QUESTION] for i in range(0, len(made), size // ROLLOUTS_PER_QUESTION)]
            points.append((float(size), *measured(url, process, [body(b) for b in batches])))
            print(f"{size:6} rollouts    {points[-1][1]:9.4f} CPU s {points[-1][2]:9.4f} s", flush=True)
    return points


def by_length(lengths: Sequence[int]) -> list[Point]:
    points = []
    with service() as (url, process):
        for n, words in enumerate(lengths):
            made = groups(100 + n, 28, words)
            mean = sum(len(r["text"].split()) for g in made for r in g["rollouts"]) / (28 * ROLLOUTS_PER_QUESTION)
            cpu, wall = measured(url, process, [body(made)])
            points.append((mean, cpu / (28 * ROLLOUTS_PER_QUESTION), wall / (28 * ROLLOUTS_PER_QUESTION)))
            print(f"{mean:6.0f} words       {points[-1][1]:9.4f} CPU s {points[-1][2]:9.4f} s", flush=True)
    return points


def by_replicas(rollouts: int) -> list[Point]:
    """The same work, its key steps extracted through one Redis, divided over replicas of one scoring process each."""
    points = []
    for n in (1, 2):
        made = [
            {**{k: v for k, v in g.items() if k != "key_steps"}, "reference": "\n".join(f"{s[0]}." for s in g["key_steps"])}
            for g in groups(200 + n, rollouts // ROLLOUTS_PER_QUESTION)
        ]
        batches = [body(made[i : i + 16]) for i in range(0, len(made), 16)]
        with contextlib.ExitStack() as stack:
            redis = stack.enter_context(running_redis(Path(stack.enter_context(tempfile.TemporaryDirectory()))))
            running = [stack.enter_context(service(redis_url=redis.url, processes=1)) for _ in range(n)]
            threads = stack.enter_context(ThreadPoolExecutor(4))
            urls = [running[i % n][0] for i in range(len(batches))]
            cpu, began = sum(tree_cpu(p.pid) for _, p in running), time.perf_counter()
            list(threads.map(score, urls, batches))
            points.append((float(n), sum(tree_cpu(p.pid) for _, p in running) - cpu, time.perf_counter() - began))
        print(f"{n:6} replicas    {points[-1][1]:9.4f} CPU s {points[-1][2]:9.4f} s", flush=True)
    return points


def by_processes(rollouts: int) -> None:
    """One batch on one scoring process and on two: what it would take if a service were a server process a core."""
    for n in (1, 2):
        with service(processes=n) as (url, process):
            cpu, wall = measured(url, process, [body(groups(300 + n, rollouts // ROLLOUTS_PER_QUESTION))])
        print(f"one batch of {rollouts:,} on {n} scoring processes {cpu:9.4f} CPU s {wall:9.4f} s", flush=True)


def exponent(points: Sequence[Point], column: int = 1) -> float:
    """Slope of the straight line through the points, log against log."""
    xs, ys = [math.log(p[0]) for p in points], [math.log(p[column]) for p in points]
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True)) / sum((x - mean_x) ** 2 for x in xs)


def draw(size: list[Point], length: list[Point], replicas: list[Point]) -> None:
    mpl.rcParams.update({"svg.hashsalt": "keystep", "svg.fonttype": "none", "font.size": 9})
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    for axes, points, label, title in (
        (left, size, "rollouts in the batch", f"a batch: exponent {exponent(size[2:]):.2f} from {size[2][0]:.0f} on"),
        (middle, length, "words in the rollout", f"a rollout: exponent {exponent(length[3:]):.2f} from {length[3][0]:.0f} on"),
    ):
        axes.loglog([p[0] for p in points], [p[1] for p in points], "o-", label="CPU")
        axes.loglog([p[0] for p in points], [p[2] for p in points], "s--", label="wall clock")
        first, last = points[0], points[-1]
        axes.loglog([first[0], last[0]], [last[1] * first[0] / last[0], last[1]], ":", color="grey", label="linear")
        axes.set(xlabel=label, ylabel="seconds", title=title)
        axes.set_xticks([p[0] for p in points[::2]], [f"{p[0]:,.0f}" for p in points[::2]])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.legend()
    right.bar([f"{p[0]:.0f}" for p in replicas], [p[1] for p in replicas], label="CPU", width=-0.4, align="edge")
    right.bar([f"{p[0]:.0f}" for p in replicas], [p[2] for p in replicas], label="wall clock", width=0.4, align="edge")
    right.set(xlabel="replicas of one scoring process, sharing Redis", ylabel="seconds", title="the same work")
    right.legend()
    figure.savefig(SVG, metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer and smaller points; draws nothing")
    quick = parser.parse_args().quick
    size = by_size(SIZES[:5] if quick else SIZES)
    length = by_length(WORDS[:4] if quick else WORDS)
    replicas = by_replicas(256 if quick else 1024)
    by_processes(256 if quick else 1024)
    print(f"exponent by size (CPU): {exponent(size):.2f}, from {size[2][0]:.0f} on {exponent(size[2:]):.2f}")
    if not quick:
        print(f"exponent by length (CPU): {exponent(length):.2f}, from {length[3][0]:.0f} words on {exponent(length[3:]):.2f}")
        draw(size, length, replicas)
        print(f"drawn: docs/{SVG.name}")


if __name__ == "__main__":
    main()
