"""The hack alarm, on runs whose every text is scored: what it sees, what it misses, and that honest runs do not alarm.

`PYTHONPATH=tests python tests/figures/test_alarm.py 10` counts over ten other sets of the same kinds of runs.
"""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import fields

import pytest

import alarm_traces as traces
import alarm_traces_blind as blind
import alarm_traces_third as third
from keystep.engine import build
from keystep.figures.alarm import LEAST_POINTS, alarms
from keystep.figures.points import COMPONENTS, MOST, Point, Seen, SeenGroup, merged, seen, seen_on_the_wire
from keystep.recipe import HARDENED
from keystep.settings import Settings
from keystep.wire import GroupIn, group_from, group_to_json

# The rules were written with the first two sets at hand: what they see of those says little of what they see elsewhere.
EXPECTED = {
    "stuffing grows": ["hollow"],
    "stuffing grows, and the answers too": ["hollow"],
    "numbers are dumped": ["stuffing", "numbers"],
    "answers are enumerated": ["enumeration"],
    "answers are enumerated late": ["enumeration", "hollow"],
    "length drifts": ["numbers", "length"],
    "length drifts while answers get worse": ["numbers", "length"],
    "texts repeat themselves": ["repetition", "length"],
    "rollouts become identical": ["identical"],
    "form is kept, answers are not": ["divergence"],
    "variance collapses on a wrong answer": ["empty", "collapse"],
    "answers shrink to nothing": ["empty"],
}


def points(engine, steps):
    made = []
    for step in steps:
        groups = [group_from(GroupIn.model_validate(g)) for g in step]
        point = Point()
        for given, scored in zip(groups, engine.score(groups, HARDENED).groups, strict=True):
            point.add(seen(given, scored))
        made.append(point)
    return made


@pytest.mark.parametrize("name", EXPECTED)
def test_a_planted_hack(engine, name):
    made = points(engine, traces.hacks()[name])
    found = alarms(made)
    assert [a.rule for a in found] == EXPECTED[name]
    for alarm in found:
        assert alarm.evidence
        # What is shown as evidence is of the run's end.
        assert all(int(group.split("/")[0]) >= traces.STEPS // 2 for group, _ in alarm.evidence)


@pytest.mark.parametrize("name", traces.honest())
def test_an_honest_run_does_not_alarm(engine, name):
    assert alarms(points(engine, traces.honest()[name])) == []


@pytest.mark.parametrize("name", blind.hacks())
def test_a_hack_by_somebody_else(engine, name):
    assert alarms(points(engine, blind.hacks()[name]))


@pytest.mark.parametrize("name", blind.honest())
def test_an_honest_run_by_somebody_else_does_not_alarm(engine, name):
    assert alarms(points(engine, blind.honest()[name])) == []


# The third set was written before these rules, by somebody who had read none of them nor the other runs; whoever wrote the rules has
# not seen it (but had been told what kinds of honest runs there are). Counted once, and the rules not touched afterwards.
@pytest.mark.parametrize("name", third.hacks())
def test_a_hack_written_before_the_rules(engine, name):
    assert alarms(points(engine, third.hacks()[name]))


@pytest.mark.parametrize("name", third.honest())
def test_an_honest_run_written_before_the_rules_does_not_alarm(engine, name):
    assert alarms(points(engine, third.honest()[name])) == []


def test_too_short_a_run_says_nothing(engine):
    made = points(engine, traces.hacks()["texts repeat themselves"])
    assert alarms(made[:: len(made) // (LEAST_POINTS - 1)][: LEAST_POINTS - 1]) == []
    assert alarms([]) == []


def test_points_add_up_and_are_the_same_from_the_wire(engine):
    steps = traces.hacks()["texts repeat themselves"][-2:]
    whole = merged(points(engine, steps))
    point = Point()
    for step in steps:
        groups = [group_from(GroupIn.model_validate(g)) for g in step]
        for given, scored in zip(groups, engine.score(groups, HARDENED).groups, strict=True):
            point.add(seen_on_the_wire(given, group_to_json(scored, "rewards")))
    for f in fields(Point):
        if f.name not in {"sums", "spread", "wrong_matched", "agreed", "evidence", "_most"}:
            assert getattr(whole, f.name) == getattr(point, f.name), f.name
    for name in ("spread", "wrong_matched", "agreed"):
        assert getattr(whole, name) == pytest.approx(getattr(point, name))
    assert whole.sums == pytest.approx(point.sums)
    assert whole.rollouts == 32
    assert sum(whole.bars["reward"]) == whole.counts["reward"]


def test_what_is_undecided_is_in_no_mean():
    point = Point()
    values = dict(zip(COMPONENTS, (None, None, 1.0, None, 0.5), strict=True))
    rollouts = [Seen("a", "x", tuple(values.values()), None, ["needs_judge"], []), Seen("b", "x", tuple(MOST.values()), "7", [], [])]
    point.add(SeenGroup("q", "", "", "7", rollouts, std=0.0, zero_variance=True))
    assert point.mean("reward") == MOST["reward"]
    assert point.mean("key_steps_matched") == 0.75
    assert point.undecided == {"needs_judge": 1}
    assert point.signs == {"identical": 1, "enumeration": 1}
    assert point.bars["reward"][-1] == 1
    assert Point().mean("reward") is None


def count(sets: int) -> None:
    engine = build(Settings(cache_path=None, verifier_workers=1))
    engine.start()
    seeds = [1000 * n for n in range(1, sets + 1)]
    false = Counter(a.rule for seed in seeds for run in traces.honest(seed).values() for a in alarms(points(engine, run)))
    told = {name: sum(bool(alarms(points(engine, traces.hacks(seed)[name]))) for seed in seeds) for name in EXPECTED}
    engine.close()
    print(f"{20 * sets} honest runs, false alarms: {dict(false) or 'none'}")
    for name, n in told.items():
        print(f"{n:>3} of {sets}  {name}")


if __name__ == "__main__":
    count(int(sys.argv[1]))
