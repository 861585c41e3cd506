"""Score while the next rollouts are sampled: submit() gives a future, and the training loop asks for it when it must.

.venv/bin/python clients/examples/overlap.py --url http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from keystep_client import Client

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--url", default="http://127.0.0.1:8000", help="the service")
given = arguments.parse_args()

groups = [json.loads(line) for line in (Path(__file__).parent / "groups.jsonl").read_bytes().splitlines()]
with Client(given.url) as client:
    futures = []
    for start in range(0, len(groups), 10):
        time.sleep(0.05)  # here a policy would sample
        futures.append(client.submit(groups[start : start + 10], deadline_ms=60_000))
    for future in futures:
        rewards = future.result().rewards(undecided=None)
        decided = [r for r in rewards if r is not None]
        print(f"{len(rewards)} rewards, mean {sum(decided) / len(decided):.3f}, {len(rewards) - len(decided)} undecided")
