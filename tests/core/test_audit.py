from __future__ import annotations

import pytest

from keystep.core.audit import audit
from keystep.nouns import Flag, Rollout

PROSE = " ".join(f"In step {i} we look at item {i * 7} and add {i} to what we had before." for i in range(12))


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        (PROSE, ()),
        ("We add five and one to get six balls in all. " * 8, (Flag.REPETITION,)),
        (PROSE + " the the" * 60, (Flag.REPETITION,)),
        ("I think I have made a mistake. Let me rethink it. It is 6.", (Flag.RETHINK,)),
        ("让我重新思考一下。", (Flag.RETHINK,)),
    ],
)
def test_flags(text, flags):
    assert audit(Rollout("r", text)) == flags


def test_truncation_is_told():
    assert audit(Rollout("r", PROSE, truncated=True)) == (Flag.TRUNCATED,)
