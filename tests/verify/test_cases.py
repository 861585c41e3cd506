"""cases.jsonl: one answer a line over every type, trap and language, half of them wrong. Written for this project."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from keystep.nouns import Question, Reason
from keystep.recipe import HARDENED
from keystep.verify.verifier import VerifyItem

CASES = [json.loads(line) for line in Path(__file__).with_name("cases.jsonl").read_text(encoding="utf-8").splitlines()]


def item(case) -> VerifyItem:
    asked = Question(
        "q",
        case.get("question", ""),
        answer=case["gold"],
        choices=tuple(case["choices"]) if "choices" in case else None,
        precision=case.get("precision"),
        profile=case.get("profile"),
    )
    return VerifyItem(asked, case["text"])


@pytest.fixture(scope="module")
def outcomes(verifier):
    return verifier.verify([item(case) for case in CASES], HARDENED)


@pytest.mark.parametrize("n", range(len(CASES)), ids=lambda n: f"{CASES[n]['type']}-{CASES[n]['gold']}-{CASES[n]['text'][:40]}")
def test_case(outcomes, n):
    assert outcomes[n].value == CASES[n]["expected"], outcomes[n]
    if CASES[n]["expected"] is None:
        assert outcomes[n].reasons == (Reason.NEEDS_JUDGE,)


def test_the_cases_are_many_and_at_least_half_of_them_are_not_right():
    assert len(CASES) >= 400
    right = Counter(case["type"] for case in CASES if case["expected"] == 1)
    other = Counter(case["type"] for case in CASES if case["expected"] != 1)
    assert {kind: n for kind, n in right.items() if other[kind] < n} == {}
    assert sum(case["expected"] == 0 for case in CASES) >= right.total()
