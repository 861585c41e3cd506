"""What a person should look at in a rollout's text, beyond its key steps and its answer.

Flags never change a reward. Stuffing is seen by matching.py, several answers and run-on text by verify/extract.py.
"""

from __future__ import annotations

import re
from typing import Final

from keystep.nouns import Flag, Rollout

_RETHINK: Final = re.compile(
    r"let (?:me|us) (?:re-?think|reconsider|re-?check)|i (?:think|believe) i (?:have )?made (?:a|an) (?:mistake|error)|重新(?:思考|考虑|检查)|다시 생각"
)
# One of these stands in every match: most texts are spared the search.
_RETHINK_ROOTS: Final = ("let me re", "let us re", "made a", "重新", "다시")
# A loop is repeated sentences, or repeated words at the end, where sampling gets stuck.
_SENTENCE_CHARS: Final = 20
_SENTENCE_SHARE: Final = 0.3
_TAIL_WORDS: Final = 200
_TAIL_CHARS: Final = 24
_WINDOW: Final = 8
_WINDOW_SHARE: Final = 0.5
_LOOP_MIN_WORDS: Final = 40


def audit(rollout: Rollout) -> tuple[Flag, ...]:
    """Flags of one rollout: truncated, rethink, repetition."""
    flags = []
    if rollout.truncated:
        flags.append(Flag.TRUNCATED)
    low = rollout.text.lower()
    if any(root in low for root in _RETHINK_ROOTS) and _RETHINK.search(low):
        flags.append(Flag.RETHINK)
    if _repeats_sentences(rollout.text) or _ends_in_a_loop(rollout.text):
        flags.append(Flag.REPETITION)
    return tuple(flags)


def _repeats_sentences(text: str) -> bool:
    sentences = [s for s in text.replace("\n", ".").split(".") if len(s) >= _SENTENCE_CHARS]
    once = set(sentences)
    if len(once) == len(sentences):
        return False
    return sum(map(len, sentences)) - sum(map(len, once)) >= _SENTENCE_SHARE * len(text)


def _ends_in_a_loop(text: str) -> bool:
    end = text[-_TAIL_CHARS:]
    if text.find(end) == len(text) - len(end):
        return False  # what the text ends with stood nowhere before
    words = text.rsplit(maxsplit=_TAIL_WORDS)[-_TAIL_WORDS:]
    if len(words) < _LOOP_MIN_WORDS:
        return False
    windows = len(words) - _WINDOW + 1
    distinct = len(set(zip(*(words[i:] for i in range(_WINDOW)), strict=False)))
    return 1.0 - distinct / windows >= _WINDOW_SHARE
