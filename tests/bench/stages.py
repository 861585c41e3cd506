"""Where the time of the recipe hardened goes: each stage on rollouts that it has not seen, in CPU microseconds a rollout and as a share.

    python tests/bench/stages.py

Stages are run one after the other over the same rollouts, so their sum is a little more than scoring costs: what a stage has worked
out is at hand for the next, as it is when one rollout is scored. Rounds have content of their own; figures are medians over them.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from keystep.core import audit, rewards, stuffing, verbatim
from keystep.core.prepared import PreparedKeySteps
from keystep.core.reading import Reading
from keystep.core.tiers import Tiers
from keystep.nouns import Group, Outcome
from keystep.recipe import HARDENED
from keystep.verify import hardened, units
from keystep.wire.parsing import parse
from keystep.wire.requests import ScoreRequest, group_from
from measure import WARM_QUESTIONS, requests

QUESTIONS = 96
RIGHT = Outcome(1.0, "6")


def fresh(seed: int, questions: int) -> list[Group]:
    return [group_from(g) for body in requests(seed, questions, "hardened") for g in parse(ScoreRequest, body).groups]


def stages(groups: list[Group]) -> dict[str, float]:
    """CPU seconds of each stage over all rollouts of the groups."""
    spent: dict[str, float] = {}

    def timed(stage: str, work: Callable[[], Any]) -> Any:
        began = time.process_time()
        done = work()
        spent[stage] = time.process_time() - began
        return done

    rollouts = [(g.question, r) for g in groups for r in g.rollouts]
    parsed = timed("sections (structure)", lambda: [rewards.parse_for(HARDENED, r.text) for _, r in rollouts])
    timed(
        "completeness, logic, flags",
        lambda: [(rewards.validate_for(HARDENED, p, r.text), audit.audit(r)) for (_, r), p in zip(rollouts, parsed, strict=True)],
    )
    timed(
        "answer: read and compared",
        lambda: [hardened.judge(q, r.text, p, HARDENED, truncated=False) for (q, r), p in zip(rollouts, parsed, strict=True)],
    )
    by_question = {g.question.id: PreparedKeySteps(g.question.key_steps or (), g.question.text) for g in groups}
    prepared = [by_question[q.id] for q, _ in rollouts]
    timed("key steps prepared", lambda: [(p.spelled, p.forms) for p in by_question.values()])
    regions = [sorted(rewards.outside_answers(p, r.text)) for (_, r), p in zip(rollouts, parsed, strict=True)]
    readings = timed("text folded", lambda: [Reading(r.text, where) for (_, r), where in zip(rollouts, regions, strict=True)])
    timed("stuffing looked for", lambda: [stuffing.audit(p, reading) for p, reading in zip(prepared, readings, strict=True)])
    settled = timed(
        "key steps found word for word",
        lambda: [verbatim.settle(p.spelled, reading.low, reading.regions) for p, reading in zip(prepared, readings, strict=True)],
    )
    # Only where words alone did not settle every key step is the text read.
    left = [(p, reading, s) for p, reading, s in zip(prepared, readings, settled, strict=True) if None in s]
    timed("sentences divided", lambda: [(reading.bounds, reading.stating) for _, reading, _ in left])
    timed("equations and facts read", lambda: [[reading.sentence(at).relations for at in reading.stating] for _, reading, _ in left])
    timed("the rest of the tiers", lambda: [Tiers(p, reading, HARDENED.match_threshold).run(s) for p, reading, s in left])
    return spent


def whole(groups: list[Group]) -> float:
    """CPU seconds of scoring the groups, an outcome given."""
    began = time.process_time()
    for g in groups:
        for r in g.rollouts:
            sections = rewards.parse_for(HARDENED, r.text)
            hardened.judge(g.question, r.text, sections, HARDENED, truncated=False)
            rewards.score(r, sections, (g.question.key_steps or (),), RIGHT, HARDENED, question=g.question.text)
    return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9, help="rounds; 9 take under a minute")
    rounds = parser.parse_args().rounds
    units.measure("cm")
    whole(fresh(1_000_000, WARM_QUESTIONS))
    measured = [(stages(fresh(2 * turn, QUESTIONS)), whole(fresh(2 * turn + 1, QUESTIONS))) for turn in range(1, rounds + 1)]
    per_rollout = 1e6 / (4 * QUESTIONS)
    rows = {stage: median(spent[stage] for spent, _ in measured) * per_rollout for stage in measured[0][0]}
    total = sum(rows.values())
    print(f"{'stage':34}{'CPU us a rollout':>18}{'share':>8}")
    for stage, cost in rows.items():
        print(f"{stage:34}{cost:18.0f}{cost / total:8.0%}")
    print(f"{'their sum':34}{total:18.0f}")
    print(f"{'scored whole, other rollouts':34}{median(w for _, w in measured) * per_rollout:18.0f}")


if __name__ == "__main__":
    main()
