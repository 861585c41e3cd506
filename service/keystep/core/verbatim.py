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
from typing import Final, NamedTuple

from keystep.core import guards
from keystep.core.canonical import Number, fold, lower, number
from keystep.nouns import KeyStep, Span, StepMatch

# Shorter phrases are too easily part of something else.
_MIN_WORDS: Final = 3
_END: Final = 4  # so many characters of a calculation's end, the sign included, tell it from most others
_AFTER: Final = 220  # characters after a statement in which it may be taken back

_NUMBER: Final = r"\d+(?:\.\d+)?"
# A calculation and its result, e.g. '100 * 68 / 400 = 17', '8^2 = 64', '\\frac{6}{3} = 2': figures, signs and LaTeX's operators.
_CALCULATION: Final = re.compile(rf"(?:[\d.,\s+*/^(){{}}-]|\\(?:times|cdot|div|[dt]?frac|left|right|sqrt|,|!))*\d[)}}]* ?= ?-?{_NUMBER}")
_PLAIN: Final = re.compile(rf"{_NUMBER}(?: ?[-+*/] ?{_NUMBER})+")
_SIGN: Final = re.compile(r" ?([-+*/]) ?")
_RESULT: Final = re.compile(r"[\s$\\({]{0,4}(-?\d[\d,]*(?:\.\d+)?)(?<!,)")
_WORDY: Final = re.compile(r"[^\W\d_]{2,}")
# In the statement's own line: words that could deny or suppose it, and beginnings of such words.
_DOUBTS: Final = frozenset(
    b"not never no nobody none nothing nor neither cannot without false falsely wrong wrongly incorrect incorrectly mistaken mistake mistakes untrue invalid deny denies denied doubt doubts"
    b" pretend if unless whether were would could might may error errors instead rather fail fails impossible hardly barely lack lacks absent".split()
)
_DOUBTING: Final = ("suppos", "assum", "imagin", "hypothe", "claim", "contradict", "refut", "disprov", "reject", "n't", "?")
_DOUBTING_ABROAD: Final = ("？", "≠", "不", "没", "非", "아", "않")
# After it: words that could take it back.
_RETRACTS: Final = frozenset(
    b"wrong incorrect mistake mistaken false untrue invalid oops wait scratch strike ignore disregard correction actually hmm hmmm hold error sorry".split()
)
_RETRACTING: Final = ("not right", "not correct", "not true", "not quite", "not so", "n't right", "n't true", "n't correct")
_RETRACTING_ABROAD: Final = ("错", "틀", "不对")
# Everything but a small letter becomes a space, so that words come apart at the speed of a split.
_LETTERS: Final = bytes(c if chr(c) in "abcdefghijklmnopqrstuvwxyz" else 0x20 for c in range(256))
# What a longer calculation runs on with, on either side of a statement. Before it: in so many characters.
_BEFORE: Final = 16
_OPENERS: Final = " \t\n\r\f\v$({\\"
_RUNNING_WORDS: Final = ("times", "cdot", "div", "pm", "sqrt", "frac", "of", "plus", "minus", "by", "over", "equals")
_RUNS_IN: Final = re.compile(r"(?:[-+*/^=%_]|\\(?:times|cdot|div|pm|sqrt|d?frac)|\b(?:of|plus|minus|times|by|over|equals))[\s$({\\*]*$")
_RUNS_ON: Final = re.compile(r"[\s$)}*\\]*(?:[-+*/^%!_]|(?:times|cdot|div|pm|plus|minus|over|percent|divided)\b)|\s\d")


class Spelling(NamedTuple):
    """One form of a key step as it may stand in folded lower-cased text. result: of a calculation, whose text ends with its '='."""

    form: str
    text: str
    result: Number | None = None


class Spelled:
    """How the key steps of a question may stand word for word; one without spellings must be read to be recognised.

    steps: per key step its spellings.  by_end: the calculations among them by their last ``end`` characters, so that one look
    tells which of them an equation sign of a text may end.
    """

    def __init__(self, key_steps: Sequence[KeyStep]) -> None:
        self.steps = tuple([_spellings(step) for step in key_steps])
        calculations = dict.fromkeys([s.text for step in self.steps for s in step if s.result is not None])
        self.end = min([_END, *map(len, calculations)])
        self.by_end: dict[str, list[str]] = {}
        for text in calculations:
            self.by_end.setdefault(text[-self.end :], []).append(text)


def _spellings(step: KeyStep) -> tuple[Spelling, ...]:
    out: dict[str, Spelling] = {}
    for form in dict.fromkeys(step.forms):
        low = " ".join(lower(fold(form)).split()).rstrip(".")
        if _CALCULATION.fullmatch(low):
            left, _, right = low.partition("=")
            result = _signed(right.strip())
            left = left.strip()
            parts = _SIGN.split(left) if _PLAIN.fullmatch(left) else ()
            for text in (left, " ".join(parts), "".join(parts)) if parts else (left,):
                for end in (" =", "="):
                    if text + end not in out:
                        out[text + end] = Spelling(form, text + end, result)
        elif len(_WORDY.findall(low)) >= _MIN_WORDS:
            out.setdefault(low, Spelling(form, low))
    return tuple(out.values())


def settle(spelled: Spelled, low: str, regions: Sequence[Span]) -> tuple[StepMatch | None, ...]:
    """Per key step a match, or None where words alone do not settle it. low: folded, lower-cased text."""
    text = _Text(low, regions, spelled)
    return tuple([_settle(index, spellings, text) for index, spellings in enumerate(spelled.steps)])


class _Text:
    """A text to settle key steps in. calculations: where each stands, up to its sign.  words: it with spaces for all but a-z."""

    def __init__(self, low: str, regions: Sequence[Span], spelled: Spelled) -> None:
        self.low, self.regions = low, regions
        self.calculations = _calculations(low, spelled) if spelled.by_end else {}
        self.words = low.encode("ascii", "replace").translate(_LETTERS)

    def within(self, at: int, end: int) -> bool:
        for start, stop in self.regions:  # noqa: SIM110 - a generator costs more than the search
            if start <= at and end <= stop:
                return True
        return False


def _calculations(low: str, spelled: Spelled) -> dict[str, list[int]]:
    """Where each calculation stands that ends with one of the text's equation signs."""
    out: dict[str, list[int]] = {}
    by_end, shown = spelled.by_end, spelled.end
    end = low.find("=") + 1
    while end:
        for text in by_end.get(low[max(0, end - shown) : end], ()):
            if low.endswith(text, 0, end):
                out.setdefault(text, []).append(end - len(text))
        end = low.find("=", end) + 1
    return out


def _settle(index: int, spellings: Sequence[Spelling], text: _Text) -> StepMatch | None:
    found: StepMatch | None = None
    contradicted: StepMatch | None = None
    low = text.low
    for spelling in spellings:
        calculation = spelling.result is not None
        if found and not calculation:
            break
        for at in text.calculations.get(spelling.text, ()) if calculation else _places(spelling.text, low):
            end = at + len(spelling.text)
            if not text.within(at, end):
                continue
            stated: Number | None = None
            if calculation and (result := _RESULT.match(low, end)):
                stated, end = _signed(result[1]), result.end()
            if found and stated == spelling.result:
                continue
            if not (_begins_apart(low, at) and _ends_apart(low, end) and _quiet(text, at, end, equation=calculation)):
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


def _places(needle: str, low: str) -> list[int]:
    out = []
    at = low.find(needle)
    while at >= 0:
        out.append(at)
        at = low.find(needle, at + 1)
    return out


def _begins_apart(low: str, at: int) -> bool:
    if at == 0:
        return True
    if low[at - 1].isalnum() or low[at - 1] in ".,":
        return False
    before = low[max(0, at - _BEFORE) : at]
    said = before.rstrip(_OPENERS)
    if said and said[-1].isalpha() and before.isascii() and "*" not in before and not said.endswith(_RUNNING_WORDS):
        return True
    return _RUNS_IN.search(low, max(0, at - _BEFORE), at) is None


def _ends_apart(low: str, end: int) -> bool:
    following = low[end : end + 2]
    if following[:1].isalnum() or (following[:1] in (".", ",") and following[1:].isdigit()):
        return False
    return _RUNS_ON.match(low, end) is None


def _quiet(text: _Text, at: int, end: int, *, equation: bool) -> bool:
    """Whether nothing in the statement's line denies or supposes it, and nothing shortly after takes it back."""
    low = text.low
    start, stop = low.rfind("\n", 0, at) + 1, low.find("\n", end)
    if stop < 0:
        stop = len(low)
    line = low[start:stop]
    if _doubtful(line, text.words[start:stop]) and (
        not equation or "?" in line or guards.denied(line, at - start, end - start, equation=True)
    ):
        return False
    return not _taken_back(low[end : end + _AFTER], text.words[end : end + _AFTER])


def _doubtful(line: str, words: bytes) -> bool:
    if not _DOUBTS.isdisjoint(words.split()) or _any_in(line, _DOUBTING):
        return True
    return not line.isascii() and _any_in(line, _DOUBTING_ABROAD)


def _taken_back(after: str, words: bytes) -> bool:
    if not _RETRACTS.isdisjoint(words.split()) or (("not " in after or "n't" in after) and _any_in(after, _RETRACTING)):
        return True
    return not after.isascii() and _any_in(after, _RETRACTING_ABROAD)


def _any_in(text: str, pieces: tuple[str, ...]) -> bool:
    for piece in pieces:  # noqa: SIM110 - a generator costs more than the search
        if piece in text:
            return True
    return False
