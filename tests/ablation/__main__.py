"""`make ablation`: what each part of the matcher buys, by taking it out. Prints tables; asserts nothing.

    PYTHONPATH=tests:tests/real python tests/ablation [--every N]

Reads KEYSTEP_SHARED. Every row is measured in this process on the same material, one part changed:

    AUROC       of k against is_correct on GSM8K model solutions, hard and soft; then without the final key step (every N-th question)
    attacks     gain in mean k of 200 wrong solutions: numbers dumped, the question copied, key steps negated, results + 1, every
                operation of the question's numbers, key steps listed
    labels      judged right of the traps file, tricky.jsonl, the blind traps; of the paraphrases: found / other texts taken for one
    us          microseconds of CPU a rollout: GSM8K solutions, key steps prepared once a question, the best of some passes
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from unittest.mock import patch

import matching_eval
from ablation import labels
from ablation.variants import OPEN_GATES, WITHOUT, patched
from keystep.keysteps.rules import extract
from keystep.models.embedder import Embedder
from keystep.recipe import HARDENED, SEMANTIC, Recipe
from models.minilm import folder

TESTS = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("KEYSTEP_SHARED") or TESTS.parents[1] / "shared")
# Column -> the attack of matching_eval.
ATTACKS = {
    "dump": "numbers 0 to 200",
    "copy": "question copied",
    "negated": "negated: not true that",
    "+ 1": "result + 1",
    "operators": "operator stuffing",
    "listed": "key steps dumped as a list",
}
PARAPHRASES = ("first", "second", "last")
TIMED, PASSES = 400, 4  # solutions whose matching is timed, and how often

HEAD = (
    f"{'':50}{'AUROC hard':>11}{'soft':>7}{'no final':>10}{'soft':>7}"
    + "".join(f"{name:>10}" for name in ATTACKS)
    + f"{'traps':>9}{'tricky':>8}{'blind':>8}{'paraphrases':>30}{'us':>7}"
)


def row(name: str, recipe: Recipe, judge: labels.Match, items: list[matching_eval.Item]) -> str:
    with patch.object(matching_eval, "match", judge):
        micros = cost(items[:TIMED], recipe)
        aurocs = matching_eval.aurocs(items, recipe)
        gains = {attack: gain for attack, _, gain in matching_eval.attacks(items, recipe)}
    cells = [f"{aurocs[k]:.3f}" for k in ("hard", "soft", "hard without final", "soft without final")]
    text = f"{name:50}{cells[0]:>11}{cells[1]:>7}{cells[2]:>10}{cells[3]:>7}"
    text += "".join(f"{gains[attack]:+10.3f}" for attack in ATTACKS.values())
    for asked, width in ((labels.traps(), 9), (labels.tricky(SHARED), 8), (labels.blind(), 8)):
        found, false = labels.right(asked, recipe, judge)
        text += f"{found + sum(not stated for *_, stated in asked) - false:{width}}"
    for which in PARAPHRASES:
        found, false = labels.right(labels.paraphrases(which), recipe, judge)
        text += f"{f'{found} / {false}':>10}"
    return text + f"{micros:7.0f}"


def cost(items: list[matching_eval.Item], recipe: Recipe) -> float:
    """Microseconds of CPU a rollout, the best of some passes: what else the machine does only adds. The first pass prepares."""
    passes = []
    for _ in range(1 + PASSES):
        began = time.process_time()
        for item in items:
            matching_eval.k_of(item, recipe)
        passes.append(time.process_time() - began)
    return min(passes[1:]) / len(items) * 1e6


def rows(items: list[matching_eval.Item], embedder: Embedder) -> Iterator[str]:
    asking = labels.asking(embedder)
    unasked: AbstractContextManager[None] = nullcontext()
    for name, recipe, change in (
        ("hardened", HARDENED, unasked),
        ("semantic", SEMANTIC, unasked),
        ("semantic, gates alone", SEMANTIC.but(semantic_threshold=0.0), unasked),
        ("semantic, cosine alone", SEMANTIC, patched(*OPEN_GATES)),
    ):
        with change:
            yield row(name, recipe, asking, items)
    for name, changes in WITHOUT.items():
        with patched(*changes):
            yield row(f"hardened without {name}", HARDENED, labels.match, items)


def asked(embedder: Embedder) -> str:
    """How often the embedder is asked on real text: eight responses to each MATH question, and to the question after it."""
    with (SHARED / "data/qwen-math/math_cot_100.jsonl").open(encoding="utf-8") as lines:
        questions = [json.loads(line) for line in lines]
    pairs = {"its own": 0, "another": 0}
    confirmed = dict(pairs)
    for question, following in zip(questions, questions[1:] + questions[:1], strict=True):
        prepared = labels.prepare(extract(question["question"], question["gt_cot"]), question["question"])
        for whose, texts in (("its own", question["code"]), ("another", following["code"])):
            for text in texts:
                regions = [(0, len(text))]
                pairs[whose] += len(labels.match(prepared, text, regions, SEMANTIC).undecided)
                confirmed[whose] += sum(m.tier == "semantic" for m in labels.asking(embedder)(prepared, text, regions, SEMANTIC).matches)
    told = "; ".join(
        f"responses to {whose} question: {n} pairs asked, {confirmed[whose]} key steps confirmed" for whose, n in pairs.items()
    )
    return f"semantic on {8 * len(questions)} responses to MATH, key steps by rule from the references: {told}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="of the questions with four solutions each, every N-th (default: all)")
    arguments = parser.parse_args()
    if not (SHARED / "data").is_dir():
        sys.exit(f"KEYSTEP_SHARED names no folder with real data: {SHARED.name}")
    items = matching_eval.items(SHARED, every=arguments.every)
    embedder = Embedder(str(folder()))
    embedder.start()
    print(f"{len(items)} solutions\n{HEAD}")
    for line in rows(items, embedder):
        print(line, flush=True)
    print(asked(embedder))
    embedder.close()


if __name__ == "__main__":
    main()
