"""What a person should look at in a rollout's text, beyond its key steps and its answer.

Flags never change a reward. Stuffing is seen by matching.py, several answers and run-on text by verify/extract.py.
"""

from __future__ import annotations

import re

from keystep.nouns import Flag, Rollout

_RETHINK = re.compile(
    r"let (?:me|us) (?:re-?think|reconsider|re-?check)|i (?:think|believe) i (?:have )?made (?:a|an) (?:mistake|error)"
    r"|重新(?:思考|考虑|检查)|다시 생각",
    re.IGNORECASE,
)
# A loop: windows of this many words that are seen again make up at least this share of the text.
_WINDOW = 8
_SHARE = 0.3
_LOOP_MIN_WORDS = 40


def audit(rollout: Rollout) -> tuple[Flag, ...]:
    """Flags of one rollout: truncated, rethink, repetition."""
    flags = []
    if rollout.truncated:
        flags.append(Flag.TRUNCATED)
    if _RETHINK.search(rollout.text):
        flags.append(Flag.RETHINK)
    if _repeats(rollout.text):
        flags.append(Flag.REPETITION)
    return tuple(flags)


def _repeats(text: str) -> bool:
    words = text.split()
    windows = len(words) - _WINDOW + 1
    if len(words) < _LOOP_MIN_WORDS:
        return False
    distinct = len(set(zip(*(words[i:] for i in range(_WINDOW)), strict=False)))
    return 1.0 - distinct / windows >= _SHARE
