"""Memory over time, under a constant load of fresh content: batches, singles, key steps to extract, formulas, and refusals.

    python tests/bench/soak.py [--minutes 30] [--rate 4]

First the caches are filled, which hold hundreds of questions a process. Then a line a minute: rollouts answered, resident memory
of the front and of all its processes. Memory is flat when the last third holds no more than the first third did, within a tenth;
the exit status says so.
"""

import argparse
import itertools
import json
import sys
import time
from collections.abc import Iterator
from statistics import mean

from keystep.core.matching import prepare
from keystep.settings import Settings
from load import Load, percentile
from rollouts import groups
from serving import free_port, memory, server

_SLACK = 1.1


def bodies() -> Iterator[bytes]:
    """Requests of the kinds a day brings, none of them ever the same."""
    for seed in itertools.count(1):
        made = groups(seed, 12)
        yield json.dumps({"groups": made[:8]}).encode()
        yield json.dumps({"groups": [{**made[8], "rollouts": made[8]["rollouts"][:1]}]}).encode()
        yield json.dumps({"groups": made[9:10], "detail": "evidence"}).encode()
        reference = "\n".join(f"{step[0]}." for step in made[10]["key_steps"])
        yield json.dumps({"groups": [{k: v for k, v in made[10].items() if k != "key_steps"} | {"reference": reference}]}).encode()
        hard = [{"id": str(i), "text": rf"The answer is \boxed{{(x-{seed})(x+{seed})+{seed * seed}-{i}}}"} for i in range(1, 3)]
        yield json.dumps({"groups": [{"id": "hard", "answer": "x^2-1", "key_steps": [], "rollouts": hard}], "deadline_ms": 5000}).encode()
        yield json.dumps({"groups": made[11:], "colour": seed}).encode()  # refused


def filling() -> Iterator[bytes]:
    """Twice as many questions as all processes together keep prepared."""
    questions = 2 * Settings().processes * prepare.cache_info().maxsize
    for seed in range(10_000_000, 10_000_000 + questions // 64):
        yield json.dumps({"groups": groups(seed, 64)}).encode()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30.0, help="how long (default 30)")
    parser.add_argument("--rate", type=float, default=4.0, help="requests a second, constant (default 4: about 30 rollouts)")
    arguments = parser.parse_args()
    port = free_port()
    made = bodies()
    seen: list[tuple[float, float]] = []
    livez: list[float] = []
    rollouts = 0
    with server([sys.executable, "-m", "keystep", "serve"], port, "/readyz") as service:
        print(f"at rest {memory(service):7.1f} MiB", flush=True)
        Load(port, "/v1/score", at_once=4).run(filling())
        print(f"with full caches {memory(service):7.1f} MiB", flush=True)
        began = time.monotonic()
        while (minutes := (time.monotonic() - began) / 60) < arguments.minutes:
            share = min(1.0, arguments.minutes - minutes)
            measured = Load(port, "/v1/score", at_once=64).run(made, rate=arguments.rate, seconds=60 * share)
            if set(measured.statuses) - {200, 422}:
                print(f"answers that were not expected: {dict(measured.statuses)}")
                return 1
            rollouts += round(len(measured.latencies) * 8.6)  # of the five kinds that are scored: 32, 1, 4, 4 and 2
            livez += measured.livez
            front = service.memory_info().rss / (1 << 20)
            seen.append((front, memory(service)))
            print(
                f"{(time.monotonic() - began) / 60:5.1f} min {rollouts:9,} rollouts   front {front:6.1f} MiB   all {seen[-1][1]:7.1f} MiB"
                f"   p99 {1000 * measured.p99:6.0f} ms   /livez p99 {1000 * percentile(measured.livez, 99):4.0f} ms",
                flush=True,
            )
    return verdict(seen)


def verdict(seen: list[tuple[float, float]]) -> int:
    third = max(1, len(seen) // 3)
    flat = True
    for name, column in (("front", 0), ("all processes", 1)):
        first, last = mean(s[column] for s in seen[:third]), mean(s[column] for s in seen[-third:])
        flat = flat and last <= first * _SLACK
        print(f"{name}: {first:.1f} MiB in the first third, {last:.1f} MiB in the last")
    print("memory is flat" if flat else "memory grows")
    return 0 if flat else 1


if __name__ == "__main__":
    sys.exit(main())
