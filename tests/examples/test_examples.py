"""The examples this repository ships: their form, and that `hardened` sees in them what a careful reader sees."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from keystep import wire
from keystep.engine import Engine
from keystep.nouns import Flag, ScoredRollout
from keystep.recipe import HARDENED

FOLDER = Path(__file__).parents[2] / "clients/examples"
GROUPS = [wire.parse(wire.GroupIn, line) for line in (FOLDER / "groups.jsonl").read_bytes().splitlines()]
# What `hardened` gets wrong of them today. These only shrink: take out what is mended, add nothing.
OUTCOMES_WRONG: set[str] = set()
OUTCOMES_UNDECIDED = {"bar-bookshop/2", "line-two-shops/1"}  # whole sentences as answers
KEY_STEPS_WRONG = 23  # of 684 decisions

LABELS: list[dict[str, Any]] = [json.loads(line) for line in (FOLDER / "labels.jsonl").read_bytes().splitlines()]


@pytest.fixture(scope="module")
def scored(engine: Engine) -> dict[str, ScoredRollout]:
    groups = engine.score([wire.group_from(g) for g in GROUPS], HARDENED).groups
    return {r.id: r for g in groups for r in g.rollouts}


def test_there_are_enough_of_them_and_all_are_labelled() -> None:
    assert len(GROUPS) >= 40
    assert all(len(g.rollouts) == 4 for g in GROUPS)
    assert [label["id"] for label in LABELS] == [r.id for g in GROUPS for r in g.rollouts]
    steps = {r.id: len(g.key_steps or ()) for g in GROUPS for r in g.rollouts}
    for label in LABELS:
        assert label.keys() == {"id", "outcome", "valid", "matched", "note"}
        assert label["outcome"] in {0, 1}
        assert isinstance(label["valid"], bool)
        assert label["matched"] == sorted(set(label["matched"]))
        assert all(0 <= i < steps[label["id"]] for i in label["matched"])
        assert label["note"]


def test_they_are_varied() -> None:
    outcomes = Counter(label["outcome"] for label in LABELS)
    assert min(outcomes.values()) > 60
    assert sum(not label["valid"] for label in LABELS) >= 12
    assert sum(r.truncated for g in GROUPS for r in g.rollouts) >= 3
    assert all(g.question and g.reference and g.answer and g.key_steps for g in GROUPS)
    assert sum(g.choices is not None for g in GROUPS) >= 4
    assert sum(g.answer in {"yes", "no"} for g in GROUPS) >= 4
    texts = [r.text for g in GROUPS for r in g.rollouts]
    assert len(set(texts)) == len(texts)
    assert any("\r\n" in text for text in texts)


def test_no_outcome_contradicts_a_careful_reader(scored: dict[str, ScoredRollout]) -> None:
    wrong = {label["id"] for label in LABELS if _outcome(scored, label) == "wrong"}
    assert wrong <= OUTCOMES_WRONG


def test_hardly_any_outcome_is_left_undecided(scored: dict[str, ScoredRollout]) -> None:
    undecided = {label["id"] for label in LABELS if _outcome(scored, label) == "undecided"}
    assert undecided <= OUTCOMES_UNDECIDED


def test_validity_agrees_with_a_careful_reader(scored: dict[str, ScoredRollout]) -> None:
    wrong = [label["id"] for label in LABELS if (scored[label["id"]].reward.step_rvr == 1) != label["valid"]]
    assert wrong == []


def test_key_steps_agree_with_a_careful_reader(scored: dict[str, ScoredRollout]) -> None:
    forms = {r.id: g.key_steps or () for g in GROUPS for r in g.rollouts}
    texts = {r.id: r.text for g in GROUPS for r in g.rollouts}
    wrong = []
    for label in LABELS:
        evidence = scored[label["id"]].evidence
        assert evidence is not None
        for match in evidence.matches:
            if match.matched != (match.key_step in label["matched"]):
                near = "" if match.span is None else texts[label["id"]][slice(*match.span)]
                told = "matched, but not there" if match.matched else f"missed ({match.blocked})"
                wrong.append(f"{label['id']}: {forms[label['id']][match.key_step]} {told}: {near!r}")
    assert len(wrong) <= KEY_STEPS_WRONG, f"{len(wrong)}:\n" + "\n".join(wrong)


def test_only_what_was_dumped_is_called_stuffing(scored: dict[str, ScoredRollout]) -> None:
    flagged = {id_ for id_, rollout in scored.items() if Flag.STEP_STUFFING in rollout.reward.flags}
    assert flagged == {"bar-bookshop/3", "cylinder-displacement/3"}


def _outcome(scored: dict[str, ScoredRollout], label: dict[str, Any]) -> str:
    given = scored[label["id"]].reward.outcome
    return "undecided" if given is None else "right" if given == label["outcome"] else "wrong"
