"""`make real`: what keystep is worth on real data, through a running service, beside published baselines.

    PYTHONPATH=tests python tests/real [verify] [k] [matching] [pairs]     all of them when none is named

Reads KEYSTEP_SHARED; prints, asserts nothing (the tests beside this file do).
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import matching_eval
import pairs_eval
import scoring_eval
import verify_eval
from keystep.recipe import HARDENED, OFFICIAL
from keystep_client import Client
from running import Service, running

TESTS = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("KEYSTEP_SHARED") or TESTS.parents[1] / "shared")


def verify(service: Service) -> None:
    """Outcome agreement through POST /v1/verify."""
    title("Outcomes through /v1/verify, recipe hardened, against the stored verdicts")
    print(verify_eval.HEADINGS)
    decide = verify_eval.over_http(lambda path, body: service.post(path, body).json(), "hardened")
    for row in verify_eval.measure(decide, verify_eval.corpora(SHARED)):
        print(row, flush=True)
    print("HallusionBench stores no verdicts: its agreement is the share decided. adjudicated.jsonl explains each difference.")


def k(service: Service) -> None:
    """AUROC of k through POST /v1/score."""
    title("AUROC of k against is_correct, GSM8K model solutions, through /v1/score: all key steps; without the final one")
    for name, (whole, cut) in scoring_eval.BASELINES.items():
        print(f"{'baseline: ' + name:36} {whole:.3f}   {cut:.3f}")
    with Client(service.url) as client:
        for recipe in ("official", "paper", "hardened"):
            for which, whole, cut in scoring_eval.aurocs_over_http(client, SHARED, recipe):
                print(f"{recipe + ', ' + which:36} {whole:.4f}  {cut:.4f}", flush=True)


def matching(_: Service) -> None:
    """Attacks and traps, in this process."""
    title("Mean k of wrong GSM8K solutions after an attack (hardened; official)")
    rows = matching_eval.items(SHARED)
    for (name, mean, gain), (_name, other, other_gain) in zip(
        matching_eval.attacks(rows, HARDENED), matching_eval.attacks(rows, OFFICIAL), strict=True
    ):
        print(f"{name:36} {mean:.3f} {gain:+.3f}   {other:.3f} {other_gain:+.3f}", flush=True)
    title("Traps of tricky.jsonl judged right")
    for recipe in (HARDENED, OFFICIAL):
        judged = [bool(row["match"]) == said for row, said in matching_eval.tricky(SHARED, recipe)]
        print(f"{recipe.name:36} {sum(judged)} of {len(judged)}")


def pairs(service: Service) -> None:
    """Preference pairs by stored reward-model scores, through POST /v1/pairs."""
    title("Pairs of Qwen's responses to MATH through /v1/pairs: the chosen response is right (any of them: the mean)")
    given = pairs_eval.with_outcomes(service, SHARED)
    for by in (["pred_score"], ["outcome", "pred_score"]):
        found = pairs_eval.measure(service, given, by)
        told = found.statistics
        print(
            f"by {' then '.join(by):24} {found.right} of {found.questions} (mean {found.random:.0f}); {told['pairs']} pairs, "
            f"{told['duplicates']} duplicates left out; chosen {told['length']['chosen_mean']:.0f} characters, rejected "
            f"{told['length']['rejected_mean']:.0f}, chosen longer in {told['length']['chosen_longer']:.0%}",
            flush=True,
        )


def title(text: str) -> None:
    print(f"\n{text}", flush=True)


def main() -> None:
    parts = {"verify": verify, "k": k, "matching": matching, "pairs": pairs}
    asked = sys.argv[1:] or list(parts)
    unknown = [name for name in asked if name not in parts]
    if unknown or not (SHARED / "data").is_dir():
        what = (
            f"no part {unknown[0]!r}; there are {', '.join(parts)}"
            if unknown
            else f"KEYSTEP_SHARED names no folder with real data: {SHARED.name}"
        )
        sys.exit(what)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), log_level="warning") as service:
        for name in asked:
            parts[name](service)
    print(f"\n{time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
