"""Scores the examples, made rollouts and broken texts; prints how the core ran and what came out, as one line each.

Run by test_compiled.py with the one package before the other on the path.
"""

import hashlib
import json
import random
from pathlib import Path

import orjson

from keystep.core import matching
from keystep.engine import build
from keystep.nouns import Group, KeyStep, Question, Rollout
from keystep.recipe import RECIPES
from keystep.settings import Settings
from keystep.wire import GroupIn, group_from, group_to_json
from rollouts import groups

EXAMPLES = Path(__file__).parents[2] / "clients/examples/groups.jsonl"
PIECES = [
    "### Step 1:", "### The final answer is:", "\\boxed{", "}", "12 + 5 = 17", "\\frac{6}{3} \\times 2 = 4", "not", "wait, that is wrong", "\ud800",
    "\x00", "x = 3", "25% of 80 is 20", "the left cube is red", "= = =", "\\(", "\\)", "\n", "\r\n", "$", "½", "三十", "不是", "17", "1,200.50", "**", "(", ")",
    "twenty-one", "<think>", "</think>", "A", "yes", "?", "9" * 50, "^", "_", "\u3000", "e.g. ",
]  # fmt: skip


def broken() -> list[Group]:
    random_ = random.Random(7)
    texts = [" ".join(random_.choices(PIECES, k=random_.randrange(60))) for _ in range(1_500)]
    steps = (KeyStep("12 + 5 = 17", ("12+5=17",)), KeyStep("the left cube is red"), KeyStep("x = 3"), KeyStep("25% of 80 is 20"))
    asked = [Question("q", "How many?", answer=answer, key_steps=steps) for answer in ("17", "yes", "\\frac{1}{2}", "A", "red cube")]
    return [
        Group(asked[i % len(asked)], tuple(Rollout(str(n), text) for n, text in enumerate(texts[i : i + 5])))
        for i in range(0, len(texts), 5)
    ]


def main() -> None:
    given = [group_from(GroupIn.model_validate(orjson.loads(line))) for line in EXAMPLES.read_bytes().splitlines()]
    given += [group_from(GroupIn.model_validate(group)) for group in groups(5, 40)]
    given += broken()
    engine = build(Settings(cache_path=None, verifier_workers=1))
    engine.start()
    digest, failed = hashlib.sha256(), 0
    try:
        for name in ("paper", "official", "hardened"):
            for scored in engine.score(given, RECIPES[name]).groups:
                failed += sum("internal_error" in rollout.reward.reasons for rollout in scored.rollouts)
                digest.update(json.dumps(group_to_json(scored, "evidence")).encode())
    finally:
        engine.close()
    print(matching.__file__)
    print(failed, digest.hexdigest())


if __name__ == "__main__":
    main()
