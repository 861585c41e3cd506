"""make ray: 50,000 rollouts on a Ray cluster of this machine, killed half-way and resumed, byte for byte those of the local engine.

PYTHONPATH=tests python tests/batch [--rollouts 50000] [--batch 64]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from batch.killed import ray_beside_local

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--rollouts", type=int, default=50_000)
arguments.add_argument("--batch", type=int, default=64, help="groups scored at once")
given = arguments.parse_args()
with tempfile.TemporaryDirectory() as folder:
    ran = ray_beside_local(Path(folder), given.rollouts, given.batch)
print(f"{ran.rollouts} rollouts; the local engine took {ran.local_seconds:.0f} s")
print(f"Ray, killed after {ran.killed_after} groups and resumed, took {ran.ray_seconds:.0f} s, two starts of a cluster with it")
print("the outputs are the same, byte for byte" if ran.same else "THE OUTPUTS DIFFER")
sys.exit(not ran.same)
