"""Key steps stated word for word, settled before anything is parsed.

A rollout that got a step right mostly writes it as the reference does. Such a statement is found at the speed of a string
search; nothing else of the text need be read for it, provided that

    it stands by itself      no digit, letter or operator runs on into it on either side
    nothing nearby denies it no word that could deny, suppose, question or retract stands in its line or right after it
    nothing contradicts it   an equation's left side never stands with another result

settle() answers for the key steps that are settled this way (found, or contradicted and never found); for the others the tiers read
the text. What it finds, the tiers would find too: tests/core/test_verbatim.py holds the two to each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from keystep.core import guards
from keystep.core.canonical import Number, fold, lower, number
from keystep.nouns import KeyStep, Span, StepMatch

# Shorter phrases are too easily part of something else.
_MIN_WORDS = 3
_AFTER = 220  # characters after a statement in which it may be taken back

_NUMBER = r"\d+(?:\.\d+)?"
# A calculation and its result, e.g. '100 * 68 / 400 = 17', '8^2 = 64', '\\frac{6}{3} = 2': figures, signs and LaTeX's operators.
_CALCULATION = re.compile(rf"(?:[\d.,\s+*/^(){{}}-]|\\(?:times|cdot|div|[dt]?frac|left|right|sqrt|,|!))*\d[)}}]* ?= ?-?{_NUMBER}")
_PLAIN = re.compile(rf"{_NUMBER}(?: ?[-+*/] ?{_NUMBER})+")
_SIGN = re.compile(r" ?([-+*/]) ?")
_RESULT = re.compile(r"[\s$\\({]{0,4}(-?\d[\d,]*(?:\.\d+)?)(?<!,)")
_WORDY = re.compile(r"[^\W\d_]{2,}")
# In the statement's own line: words that could deny or suppose it, and beginnings of such words.
_DOUBTS = frozenset(
    "not never no nobody none nothing nor neither cannot without false falsely wrong wrongly incorrect incorrectly mistaken mistake mistakes untrue invalid deny denies denied doubt doubts"
    " pretend if unless whether were would could might may error errors instead rather fail fails impossible hardly barely lack lacks absent".split()
)
_DOUBTING = (
    "suppos",
    "assum",
    "imagin",
    "hypothe",
    "claim",
    "contradict",
    "refut",
    "disprov",
    "reject",
    "n't",
    "?",
    "？",
    "≠",
    "不",
    "没",
    "非",
    "아",
    "않",
)
# After it: words that could take it back.
_RETRACTS = frozenset(
    "wrong incorrect mistake mistaken false untrue invalid oops wait scratch strike ignore disregard correction actually hmm hmmm hold error sorry".split()
)
_RETRACTING = ("not right", "not correct", "not true", "not quite", "not so", "n't right", "n't true", "n't correct", "错", "틀", "不对")
_WORD = re.compile(r"[a-z]+")
# What a longer calculation runs on with, on either side of a statement.
_RUNS_IN = re.compile(r"(?:[-+*/^=%_]|\\(?:times|cdot|div|pm|sqrt|d?frac)|\b(?:of|plus|minus|times|by|over|equals))[\s$({\\*]*$")
_RUNS_ON = re.compile(r"[\s$)}*\\]*(?:[-+*/^%!_]|(?:times|cdot|div|pm|plus|minus|over|percent|divided)\b)|\s\d")


@dataclass(frozen=True, slots=True)
class Spelling:
    """One form of a key step as it may stand in folded lower-cased text. result: of a calculation, whose text ends with its '='."""

    form: str
    text: str
    result: Number | None = None


def spellings(step: KeyStep) -> tuple[Spelling, ...]:
    """How a key step may stand word for word; empty when it must be read to be recognised."""
    out: dict[str, Spelling] = {}
    for form in step.forms:
        low = " ".join(lower(fold(form)).split()).rstrip(".")
        if _CALCULATION.fullmatch(low):
            left, _, right = low.partition("=")
            result = _signed(right.strip())
            for text in (left, _SIGN.sub(r" \1 ", left), _SIGN.sub(r"\1", left)) if _PLAIN.fullmatch(left.strip()) else (left,):
                for end in (" =", "="):
                    out.setdefault(text.strip() + end, Spelling(form, text.strip() + end, result))
        elif len(_WORDY.findall(low)) >= _MIN_WORDS:
            out.setdefault(low, Spelling(form, low))
    return tuple(out.values())


def settle(steps: Sequence[tuple[Spelling, ...]], low: str, regions: Sequence[Span]) -> tuple[StepMatch | None, ...]:
    """Per key step a match, or None where words alone do not settle it. low: folded, lower-cased text."""
    return tuple(_settle(index, spelt, low, regions) for index, spelt in enumerate(steps))


def _settle(index: int, spelt: tuple[Spelling, ...], low: str, regions: Sequence[Span]) -> StepMatch | None:
    found: StepMatch | None = None
    contradicted: StepMatch | None = None
    for spelling in spelt:
        calculation = spelling.result is not None
        if found and not calculation:
            break
        for at in _places(spelling.text, low, regions):
            end = at + len(spelling.text)
            stated: Number | None = None
            if calculation and (result := _RESULT.match(low, end)):
                stated, end = _signed(result[1]), result.end()
            if found and stated == spelling.result:
                continue
            if not (_begins_apart(low, at) and _ends_apart(low, end) and _quiet(low, at, end, equation=calculation)):
                if calculation:
                    return None
            elif stated == spelling.result:
                found = StepMatch(index, 1.0, matched=True, tier="exact", form=spelling.form, span=(at, end))
            elif stated is None:
                return None
            else:
                contradicted = StepMatch(
                    index, 0.0, matched=False, tier="numeric", form=spelling.form, span=(at, end), blocked="other_result"
                )
    return None if found and contradicted else found or contradicted


def _signed(text: str) -> Number | None:
    value = number(text.lstrip("-"))
    return value if value is None or text[0] != "-" else -value


def _places(needle: str, low: str, regions: Sequence[Span]) -> list[int]:
    out = []
    at = low.find(needle)
    while at >= 0:
        end = at + len(needle)
        if any(start <= at and end <= stop for start, stop in regions):
            out.append(at)
        at = low.find(needle, at + 1)
    return out


def _begins_apart(low: str, at: int) -> bool:
    if at == 0:
        return True
    if low[at - 1].isalnum() or low[at - 1] in ".,":
        return False
    return _RUNS_IN.search(low, max(0, at - 16), at) is None


def _ends_apart(low: str, end: int) -> bool:
    following = low[end : end + 2]
    if following[:1].isalnum() or (following[:1] in (".", ",") and following[1:].isdigit()):
        return False
    return _RUNS_ON.match(low, end) is None


def _quiet(low: str, at: int, end: int, *, equation: bool) -> bool:
    """Whether nothing in the statement's line denies or supposes it, and nothing shortly after takes it back."""
    start, stop = low.rfind("\n", 0, at) + 1, low.find("\n", end)
    line = low[start : len(low) if stop < 0 else stop]
    if _speaks(line, _DOUBTS, _DOUBTING) and (not equation or "?" in line or guards.denied(line, at - start, end - start, equation=True)):
        return False
    return not _speaks(low[end : end + _AFTER], _RETRACTS, _RETRACTING)


def _speaks(text: str, words: frozenset[str], pieces: tuple[str, ...]) -> bool:
    return not words.isdisjoint(_WORD.findall(text)) or any(piece in text for piece in pieces)
