"""Which batches are held for the inspector, and how many."""

from __future__ import annotations

from keystep.http.recent import Recent
from keystep.nouns import Group, KeyStep, Question, Reason, Rollout
from keystep.recipe import HARDENED, PAPER
from keystep.scoring import none_of
from keystep.wire import GroupIn, group_from, group_given


def add(recent, id_, size=10, recipe=HARDENED):
    group = Group(Question(id_), (Rollout("0", "x" * size),))
    recent.add(1.0, recipe, [group], [none_of(group, Reason.DEADLINE)])


def kept(recent):
    return [recent.find(b["id"])["groups"][0]["id"] for b in recent.listed()["batches"]]


def test_the_latest_are_kept_within_the_bound():
    recent = Recent(10_000)
    for n in range(40):
        add(recent, str(n), size=1000)
    ids = kept(recent)
    assert ids == [str(n) for n in range(39, 39 - len(ids), -1)]
    assert 7 <= len(ids) <= 9  # a rollout is a little more than its text


def test_what_is_larger_than_all_may_be_is_not_kept_and_drives_nothing_out():
    recent = Recent(10_000)
    add(recent, "small")
    add(recent, "huge", size=20_000)
    assert kept(recent) == ["small"]


def test_none_are_kept_where_none_may_be():
    recent = Recent(0)
    add(recent, "q")
    assert recent.listed() == {"kept": False, "batches": []}


def test_the_latest_with_a_rollout_is_found_and_what_is_gone_is_not():
    recent = Recent(10_000)
    add(recent, "q", recipe=PAPER)
    add(recent, "q")
    assert recent.with_rollout("q", "0")["recipe"]["name"] == "hardened"
    assert recent.with_rollout("q", "1") is None
    assert recent.find("99") is None
    assert recent.listed()["batches"][0]["mean"] is None


def test_a_group_written_down_is_the_group_that_came():
    question = Question(
        "q",
        "Half?",
        ("a reference", "another"),
        (KeyStep("a", ("b",)), KeyStep("c")),
        "6",
        ("5", "6"),
        "number",
        2,
        "mathvista",
        ("data:x",),
    )
    for group in (Group(question, (Rollout("0", "x", truncated=True), Rollout("1", "y"))), Group(Question("bare"), (Rollout("0", ""),))):
        assert group_from(GroupIn.model_validate(group_given(group))) == group
