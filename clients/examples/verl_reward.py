"""What verl is told, and what it is answered.

    python -m verl.trainer.main_ppo ... \\
        custom_reward_function.path=pkg://keystep_client.adapters.verl \\
        custom_reward_function.name=compute_score \\
        +custom_reward_function.reward_kwargs.url=http://127.0.0.1:8000 \\
        +custom_reward_function.reward_kwargs.undecided=0.0

Run by itself, this file asks as verl does: one sample a call, all at once.

    .venv/bin/python clients/examples/verl_reward.py --url http://127.0.0.1:8000
"""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

from keystep_client.adapters.verl import compute_score

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--url", default="http://127.0.0.1:8000", help="the service")
given = arguments.parse_args()


async def main() -> None:
    lines = (Path(__file__).parent / "groups.jsonl").read_bytes().splitlines()[:4]
    samples = [(group, rollout["text"]) for group in map(json.loads, lines) for rollout in group["rollouts"]]
    answers = await asyncio.gather(
        *(compute_score("examples", text, group["answer"], group, url=given.url, undecided=0.0) for group, text in samples)
    )
    for answer in answers:
        print(answer)


asyncio.run(main())
