"""Traps written for this project: one key step, one text, should it match. Half must not."""

import json
from pathlib import Path

import pytest

from keystep.core.matching import match, prepare
from keystep.nouns import KeyStep
from keystep.recipe import HARDENED

TRAPS = [json.loads(line) for line in (Path(__file__).parent / "traps.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("trap", TRAPS, ids=lambda t: f"{t['class']}: {t['key'][0]} | {t['text']}")
def test_trap(trap: dict[str, object]) -> None:
    key, text = trap["key"], trap["text"]
    assert isinstance(key, list)
    assert isinstance(text, str)
    (m,) = match(prepare((KeyStep(key[0], tuple(key[1:])),)), text, [(0, len(text))], HARDENED).matches
    assert m.matched is trap["match"], m


def test_traps_are_balanced() -> None:
    negatives = sum(not t["match"] for t in TRAPS)
    assert len(TRAPS) >= 300
    assert 0.45 <= negatives / len(TRAPS) <= 0.55
