"""What is counted when a recipe is exchanged, in groups small enough to count by hand."""

from __future__ import annotations

import pytest

from keystep.core.advantage import normalise
from keystep.figures.flips import COMPONENTS, Flips, told


def group(rewards, outcomes=None, id_="q"):
    advantages = normalise(rewards)
    decided = [(r, i) for i, r in enumerate(rewards) if r is not None]
    best, worst = max(decided, key=lambda d: (d[0], -d[1])), min(decided)
    rollouts = [
        {**dict.fromkeys(COMPONENTS, 0.0), "id": f"{id_}/{i}", "reward": reward, "outcome": (outcomes or rewards)[i], "answer": None}
        for i, reward in enumerate(rewards)
    ]
    pair = None if best[0] == worst[0] else {"chosen": f"{id_}/{best[1]}", "rejected": f"{id_}/{worst[1]}", "margin": best[0] - worst[0]}
    return {"id": id_, "rollouts": rollouts, "advantages": list(advantages.values), "pair": pair}


def flips(*pairs):
    found = Flips()
    for before, after in pairs:
        found.add(before, after, ["text"] * len(before["rollouts"]))
    return found


def test_nothing_changes_against_itself():
    same = group([0.0, 1.0, 2.1])
    found = flips((same, same))
    assert not found.changes
    assert not found.signs
    assert (found.inverted, found.tied, found.untied, found.best, found.pairs) == (0, 0, 0, 0, 0)
    assert found.most == []
    assert "no reward changed" in list(told(found))


def test_a_turned_pair():
    found = flips((group([0.0, 1.0, 2.0]), group([2.0, 1.0, 0.0])))
    assert (found.inverted, found.tied, found.reordered, found.best, found.pairs) == (3, 0, 1, 1, 1)
    assert dict(found.signs) == {("-", "+"): 1, ("+", "-"): 1}
    assert found.opposite_signs == 2
    assert (found.changes["reward", "up"], found.changes["reward", "down"]) == (1, 1)
    assert [(c.before["id"], c.by) for c in found.most] == [("q/0", 2.0), ("q/2", -2.0)]


def test_ties_that_come_and_go():
    found = flips((group([0.0, 1.0, 1.0]), group([1.0, 1.0, 2.0])))
    assert (found.inverted, found.tied, found.untied) == (0, 1, 1)
    assert found.reordered == 0


def test_undecided_is_no_number():
    found = flips((group([None, 1.0, 0.0]), group([1.0, None, 0.0])))
    assert found.changes["reward", "decided"] == 1
    assert found.changes["reward", "undecided"] == 1
    assert found.changed("reward") == 2
    assert found.most == []
    assert found.inverted == 0


def test_rounding_is_no_flip():
    found = flips((group([0.1 + 0.2, 1.0]), group([0.3, 1.0])))
    assert not found.changes
    assert found.untied == 0


def test_the_ten_most_changed_stand_in_the_order_of_the_input():
    pairs = [(group([0.0, 1.0], id_=f"q{i}"), group([0.5, 1.0], id_=f"q{i}")) for i in range(30)]
    found = flips(*pairs)
    assert [c.group for c in found.most] == [f"q{i}" for i in range(10)]
    found.add(group([0.0, 2.0], id_="last"), group([2.0, 2.0], id_="last"), ["a", "b"])
    assert found.most[0].group == "last"
    assert found.most[0].by == pytest.approx(2.0)
