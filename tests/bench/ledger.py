"""What the ledger costs: CPU of the whole service a rollout, with and without it, batches by turns. ``ledger.py [ROUNDS]``."""

from __future__ import annotations

import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from measure import Result, clock, requests
from running import running

# A batch as a trainer sends it: so many questions with 4 rollouts each, of 300 to 800 words.
_QUESTIONS = 128


def main(rounds: int) -> None:
    kinds = {"without": {}, "ledger": {"ledger_path": "ledger"}, "ledger, synced": {"ledger_path": "ledger", "ledger_sync": True}}
    with ExitStack() as held:
        services = {}
        for name, settings in kinds.items():
            folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
            told = {**settings, **({"ledger_path": folder / "ledger"} if settings else {})}
            services[name] = held.enter_context(running(folder, processes=1, verifier_workers=1, **told))
        spent: dict[str, list[float]] = {name: [] for name in kinds}
        wall: dict[str, list[float]] = {name: [] for name in kinds}
        for turn in range(rounds + 1):
            names = list(kinds)[turn % len(kinds) :] + list(kinds)[: turn % len(kinds)]
            for name in names:
                result: Result = {}
                bodies = requests(turn, _QUESTIONS, "hardened")
                with clock(result, services[name].process.pid):
                    for body in bodies:
                        services[name].post("/v1/score", content=body).raise_for_status()
                if turn:  # the first warms
                    spent[name].append(result["cpu"] / _QUESTIONS / 4)
                    wall[name].append(result["wall"] / _QUESTIONS / 4)
    for name in kinds:
        ratios = [100 * (a / b - 1) for a, b in zip(spent[name], spent["without"], strict=True)]
        cpu, seconds = (1e6 * statistics.median(values[name]) for values in (spent, wall))
        print(
            f"{name:<15} {cpu:7.0f} us CPU a rollout, {seconds:7.0f} us wall; CPU {statistics.median(ratios):+.1f} % (median of {rounds} turns)"
        )


main(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
