"""Polarity: whether a statement found in a text is asserted there, or denied, supposed or taken back.

Scopes are clauses, not sentences: in "the rows are not full, we use 8 x 7 = 56" nothing denies the product. Everything is
judged on lower-cased folded text; patterns start at a literal word and are bounded, so a call is linear in the sentence.
"""

from __future__ import annotations

import re
from typing import Final

from keystep.core.memo import Memo

_FALSE: Final = r"(?:false|wrong|incorrect|mistaken|untrue|invalid|not (?:true|correct|right|the case|valid|so)|(?:isn't|wasn't) (?:true|correct|right|the case|valid|so))"

# Without one of these words a sentence asserts what it says.
_TRIGGERS: Final = frozenset(
    """not never no nor neither cannot without false falsely wrong wrongly incorrect incorrectly mistaken mistake mistakes untrue invalid deny denies denied
    doubt doubts suppose supposing supposed assume assumes assumed assuming imagine hypothetically pretend if unless whether were would could might may let's what
    claim claims claimed error contradict contradicts contradiction contradictory instead rather fail fails oops wait scratch impossible hardly barely lack lacks absent refutes refuted
    disproves disproved reject rejects rejected longer \u4e0d""".split()
)

_DENIED_BEFORE: Final = re.compile(
    rf"(?:\b{_FALSE} (?:to (?:say|claim|think|conclude|assume|state|write) )?that\b|\b(?:den(?:y|ies|ied)|doubts?|refut\w+|disprov\w+|reject\w*) (?:the claim |the idea )?(?:that)?"
    r"|\bimpossible (?:that|for)\b|\b(?:not|never|n't|cannot|hardly) (?:\w+ ){0,3}(?:that|mean|imply|hold|follow|conclude|say|claim)\b)[^;]{0,160}$"
)
# A bare "not" reaches a few words, never over punctuation.
_NOT_NEAR: Final = re.compile(
    r"(?:\b(?:not|never|nor|neither|cannot|hardly|instead of|rather than|without|no)|n't)(?: [a-z']+){0,3}[\s$\\(\[*]*$"
)
_DENIED_AFTER: Final = re.compile(
    rf"^[^.;!?]{{0,160}}?(?:\b{_FALSE}\b|\bmistakes?\b|\ban error\b|\bin error\b|\bdoes(?: not|n't) hold\b|\bcontradict\w*|\bcannot be\b|\bimpossible\b|\bno longer\b|\bis (?:refuted|rejected|disproved))"
)
_SUPPOSED_BEFORE: Final = re.compile(
    r"\b(?:suppos(?:e|ing)|assum(?:e|ing|ed)|imagine|hypothetically|pretend|let's say|what if|if it were|were it|unless|whether)\b(?![^;]{0,160}\bthen\b)[^,;]{0,160}$"
)
_IF_NEAR: Final = re.compile(r"\bif (?:\w+ ){0,2}[\s$\\(\[*]*$")
_IF_CLAUSE: Final = re.compile(r"\bif\b(?![^;]{0,160}\bthen\b)[^,;]{0,160}$")
_RETRACTION: Final = re.compile(
    rf"^\W*(?:(?:but|oh|no|hmm+|actually|sorry|wait|hold on|oops|ah|well|however|unfortunately)\b\W*){{0,3}}"
    rf"(?:(?:that|this|it|which|the (?:above|previous|last)(?: \w+)?)(?:'s| is| was| can't be| cannot be| seems| looks| must be)(?: \w+)? {_FALSE}"
    rf"|(?:that|this|it)(?: \w+)? {_FALSE}|(?:that|this)(?: is|'s)(?: a| an) (?:mistake|error)|i (?:think i )?(?:have )?(?:made|make) an? (?:\w+ )?(?:mistake|error)"
    r"|scratch that|correction\b|strike that|ignore that|disregard that|not (?:quite|right|correct))(?! (?:that|to))"
)
_WAIT: Final = re.compile(r"^\W*(?:wait|hmm+|hold on|no|oops|actually)\W*$")


# Without one of these nothing is taken back.
_RETRACTING: Final = ("wrong", "incorrect", "mistake", "not right", "not correct", "not quite", "not true", "n't right", "n't correct", "n't true", "untrue",
               "false", "error", "scratch", "correction", "strike", "ignore", "disregard", "invalid", "not valid", "not so")  # fmt: skip


# Each of these words has one of these parts: most texts have none.
_RETRACTING_ROOTS: Final = ("wrong", "correct", "mistake", "right", "quite", "true", "false", "error", "scratch", "strike", "ignore", "disregard",
                     "valid", "not so")  # fmt: skip


def mentions_retraction(low: str) -> bool:
    """Whether any sentence of a text can take another back; a look at C speed."""
    return any(root in low for root in _RETRACTING_ROOTS) and any(word in low for word in _RETRACTING)


def _triggers(token: str) -> bool:
    low = token.lower()
    return low in _TRIGGERS or low.endswith("n't")


# token -> whether it could deny or suppose
_TRIGGERING: Final = Memo(_triggers)


def is_plain(tokens: list[str]) -> bool:
    """Whether a sentence's tokens have none that could deny or suppose."""
    return not any(map(_TRIGGERING.__getitem__, tokens))


def denied(low: str, start: int, end: int, *, equation: bool) -> str | None:
    """'negated', 'hypothetical' or None for the statement at ``low[start:end]`` of one sentence.

    For an equation the negator must stand near; a text statement is also judged by its inside (see ``phrases``).
    """
    before, after = low[:start], low[end:]
    if _DENIED_BEFORE.search(before) or _NOT_NEAR.search(before) or _DENIED_AFTER.search(after):
        return "negated"
    if _SUPPOSED_BEFORE.search(before) or (_IF_NEAR if equation else _IF_CLAUSE).search(before):
        return "hypothetical"
    return None


def retracted(following: str, next_following: str = "") -> bool:
    """Whether the sentence after a statement takes it back ("Wait, that is wrong.")."""
    return _RETRACTION.search(following) is not None or (
        _WAIT.search(following) is not None and _RETRACTION.search(next_following) is not None
    )
