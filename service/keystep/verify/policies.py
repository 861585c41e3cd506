"""An answer that is not one plain answer: how refusal and doubt are told, and what the recipe's policies make of them.

A policy says `zero`, or `judge`: null with the reason needs_judge, unless the recipe has what a judge would tell be zero.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from keystep.nouns import Flag, Outcome, Reason
from keystep.recipe import Recipe
from keystep.verify.extract import Found

_REFUSAL: Final = re.compile(
    r"\b(?:cannot|can't|can not|could not|couldn't|unable to|not possible to|impossible to)\s+(?:be\s+)?(?:determine|answer|solve|calculate|provide|identif|tell|say|conclude|know)"
    r"|\b(?:do(?:es)? not|don't|doesn't) have (?:the |any |real-time|up-to-date|precise|exact|specific|enough|sufficient|access)"
    r"|\b(?:do not|don't) have (?:[\w-]+ ){0,3}(?:data|information|figures|projections|statistics)\b|\b(?:can't|cannot) (?:\w+ )?(?:provide|answer|confirm|help|definitively)|\bwithout (?:the |seeing |more )(?:specific |the )?(?:data|chart|information|image)"
    r"|\b(?:not enough|insufficient)\s+(?:information|data)|\bI(?:'m| am) (?:sorry|unable)|\bsorry\b|\bI (?:do not|don't) know\b|알 수 없|无法确定|不能确定|无法判断",
    re.IGNORECASE,
)
_WORDS_OF_DOUBT: Final = ("could", "might", "may", "possibly", "perhaps", "probably")  # 'maybe' begins with one of them
# '5, but it might be 6': the answer stands before the doubt.
_SECOND_THOUGHT: Final = re.compile(
    r"[,;]?\s*\b(?:but|or|though|although|however)\b[^.\n]{0,40}\b(?:could|might|may|maybe|possibly|perhaps)\b", re.IGNORECASE
)
# 'maybe 5', 'it might be 5', 'the answer is probably 5': the answer stands behind it.
_DOUBT: Final = re.compile(
    r"[\s*_]*(?:(?:so|thus|hence|therefore)[\s,]+)?(?:(?:the\s+)?(?:final\s+|correct\s+)?(?:it|this|that|answer|option|choice)(?:\s+is|'s)?\s+)?"
    r"(?:(?:might|may|could)\s+be|(?:is\s+)?(?:maybe|perhaps|probably|possibly))\b[\s:,]*(?=[^\s.])",
    re.IGNORECASE,
)


def refuses(text: str) -> bool:
    """Whether text says that it will not, or cannot, answer."""
    return _REFUSAL.search(text) is not None


def doubtful(text: str) -> bool:
    """Whether text bears a word of doubt. Cheap: the patterns for where it stands are for the few texts that do."""
    lowered = text.lower()
    return any(word in lowered for word in _WORDS_OF_DOUBT)


def without_doubt(place: Found) -> Found | None:
    """The answer of a place that hedges, its words of doubt left out; None when it does not hedge."""
    if not doubtful(place.text):
        return None
    text, (start, _) = place.text, place.span
    if (doubt := _DOUBT.match(text)) is not None:
        text, start = text[doubt.end() :], start + doubt.end()
    if (second := _SECOND_THOUGHT.search(text)) is not None and text[: second.start()].strip():
        text = text[: second.start()]
    return None if text == place.text else place._replace(text=text, span=(start, start + len(text)))


def settle(outcome: Outcome, policy: str, recipe: Recipe, *reasons: Reason, flags: tuple[Flag, ...] = ()) -> Outcome:
    """outcome as policy ('zero' or 'judge') has it, with its reasons and its flags."""
    flags = (*outcome.flags, *flags)
    if policy == "zero":
        return replace(outcome, value=0.0, reasons=reasons, flags=flags)
    value = 0.0 if recipe.needs_judge == "zero" else None
    return replace(outcome, value=value, reasons=(*reasons, Reason.NEEDS_JUDGE), flags=flags)
