"""What scoring costs, beside what others do on the same rollouts in the same run. Prints tables; asserts nothing.

    python tests/bench [--quick] [--json]

Each measurement has a process of its own and content that it has not seen. Rounds take turns over all subjects, so that what
else the machine does falls on all of them; figures are medians over rounds, ratios are taken within a round. CPU seconds are
those of the measured process and its children (the verifier's workers; over HTTP the whole server, not the caller).
Needs the extras [server] and [bench]; over real responses, KEYSTEP_SHARED.
"""

import argparse
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
SHARED = Path(os.environ.get("KEYSTEP_SHARED", "../shared"))

# (heading, unit, the peer, its competitors)
TABLES = [
    (
        "Rollouts of 300 to 800 words, key steps given",
        "rollouts",
        "trl accuracy_reward",
        ["hardened in process", "hardened over HTTP", "semantic in process", "official in process", "official over HTTP"],
    ),
    ("Outcome alone, real Qwen responses to MATH", "responses", "math-verify, Qwen MATH", ["keystep, Qwen MATH"]),
    ("Outcome alone, real GPT-4o responses to MMMU-Pro", "responses", "math-verify, MMMU-Pro", ["keystep, MMMU-Pro"]),
    ("Matching alone, real Qwen responses (LaTeX, 970 characters on average)", "responses", None, ["matching"]),
]


def measure(subject: str, seed: int, size: int) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, str(HERE / "measure.py"), subject, str(seed), str(size)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        check=True,
    )
    return json.loads(run.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round of 400 items: about a minute")
    parser.add_argument("--json", action="store_true", help="print every measurement as one JSON object")
    arguments = parser.parse_args()
    rounds, size = (1, 400) if arguments.quick else (3, 1600)

    core = find_spec("keystep.core.matching")
    compiled = core is not None and not str(core.origin).endswith(".py")
    print(f"core and verify: {'compiled' if compiled else 'interpreted (`make compiled` compiles them)'}", file=sys.stderr)
    tables = [t for t in TABLES if "real" not in t[0] or (SHARED / "data").is_dir()]
    if len(tables) < len(TABLES):
        print(f"no real responses: {SHARED / 'data'} is not there (KEYSTEP_SHARED)", file=sys.stderr)
    subjects = [s for _, _, peer, others in tables for s in (peer, *others) if s is not None]
    results: dict[str, list[dict[str, float]]] = {s: [] for s in subjects}
    for turn in range(rounds):
        for subject in subjects:
            print(f"round {turn + 1} of {rounds}: {subject}", file=sys.stderr)
            results[subject].append(measure(subject, turn + 1, size))
    if arguments.json:
        print(json.dumps(results, indent=1))
        return
    for heading, unit, peer, others in tables:
        print(f"\n{heading}\n{'':28}{unit + '/CPU s':>18}{unit + '/s':>14}{'right':>8}{'null':>8}{'times the peer':>24}")
        for subject in ([] if peer is None else [peer]) + others:
            print(line(subject, results[subject], results[peer] if peer else None))
    print("\nThe embedder of the recipe semantic, beside the products it is made of", flush=True)
    subprocess.run([sys.executable, str(HERE / "embedding.py")], check=True)


def line(subject: str, runs: list[dict[str, float]], peer: list[dict[str, float]] | None) -> str:
    per_cpu = [r["items"] / r["cpu"] for r in runs]
    text = f"{subject:28}{median(per_cpu):18,.0f}{median(r['items'] / r['wall'] for r in runs):14,.0f}"
    text += "".join(f"{r:8.3f}" if (r := runs[0].get(key)) is not None else f"{'':8}" for key in ("right", "null"))
    if peer is None:
        return text
    ratios = [mine / (p["items"] / p["cpu"]) for mine, p in zip(per_cpu, peer, strict=True)]
    return text + f"{median(ratios):10.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


if __name__ == "__main__":
    main()
