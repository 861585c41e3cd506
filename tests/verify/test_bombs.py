"""Sixty bombs and sixty innocents in one batch: the innocents are right, each bomb is 0 or null with its reason."""

from __future__ import annotations

import pytest

from keystep.nouns import Question, Reason
from keystep.recipe import HARDENED
from keystep.verify.verifier import Verifier, VerifyItem
from verify.bombs import BOMBS


@pytest.fixture(scope="module")
def strict():
    it = Verifier(workers=2, cpu_seconds=1.0)
    it.start()
    yield it
    it.close()


@pytest.mark.parametrize("gold", ["12", "x^2 + 1", "(1, 2)", "B", "Paris"])
@pytest.mark.parametrize("form", ["so it is \\boxed{%s}", "### Step 1:\na\n\n### The final answer is:\n%s", "%s"])
def test_no_bomb_is_right(strict, gold, form):
    items = [VerifyItem(Question("q", answer=gold), form.replace("%s", bomb)) for bomb in BOMBS]
    for bomb, outcome in zip(BOMBS, strict.verify(items, HARDENED), strict=True):
        assert outcome.value in (0.0, None), bomb[:60]
        if outcome.value is None:
            assert outcome.reasons[0] in (Reason.VERIFIER_TIMEOUT, Reason.VERIFIER_CRASHED, Reason.NEEDS_JUDGE), bomb[:60]


def test_the_innocents_beside_them_are_right(strict):
    assert len(BOMBS) >= 60
    items = []
    for n, bomb in enumerate(BOMBS):
        items.append(VerifyItem(Question("bomb", answer="\\frac{7}{3}"), f"The answer is \\boxed{{{bomb}}}"))
        items.append(
            VerifyItem(Question("innocent", answer=f"\\sqrt{{{4 * n + 2}}}"), f"so \\boxed{{\\sqrt{{2}} \\cdot \\sqrt{{{2 * n + 1}}}}}")
        )
    outcomes = strict.verify(items, HARDENED)
    assert [o.value for o in outcomes[1::2]] == [1.0] * len(BOMBS)
    assert 1.0 not in [o.value for o in outcomes[::2]]
