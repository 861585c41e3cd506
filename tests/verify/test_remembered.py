"""A symbolic comparison is made once for a batch, and once for a service: verdicts are a function of (gold, answer)."""

from __future__ import annotations

import pytest

from keystep.nouns import Question
from keystep.recipe import HARDENED
from keystep.verify.verifier import Verifier, VerifyItem

GOLD, ANSWER, OTHER = r"\frac{x^2-1}{x-1}", "x+1", "x+2"


def item(at: int, answer: str) -> VerifyItem:
    return VerifyItem(Question(f"q{at}", "Simplify.", answer=GOLD), rf"So it is \boxed{{{answer}}}.")


def test_equal_pairs_are_compared_once_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    with_pool = Verifier(workers=1)
    with_pool.start()
    asked: list[tuple[object, ...]] = []
    submit = with_pool._pool.submit

    def counting(name: str, *arguments: str | int, cpu_seconds: float) -> object:
        asked.append((name, *arguments))
        return submit(name, *arguments, cpu_seconds=cpu_seconds)

    monkeypatch.setattr(with_pool._pool, "submit", counting)
    try:
        first = with_pool.verify([item(at, ANSWER) for at in range(8)] + [item(8, OTHER)], HARDENED)
        assert [o.value for o in first] == [1.0] * 8 + [0.0]
        assert len(asked) == len(set(asked)) == 2
        assert [o.value for o in with_pool.verify([item(9, OTHER), item(10, ANSWER)], HARDENED)] == [0.0, 1.0]
        assert len(asked) == 2
    finally:
        with_pool.close()
