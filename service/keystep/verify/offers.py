"""Does a place that gives an answer offer another one beside it?

'7 (or 8)', 'Option one: 7. Option two: 8.', 'B, possibly A', 'B (A is also possible)': whoever names every candidate has not answered.
What stands beside an answer is another one only where it is offered as such (_OFFER, _CONCEDED, _ASIDE), is not denied, and reads as
the gold's type by itself. Whether it differs is for the comparison to say: '1/2 (or 0.5)' is one answer, said twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from typing import Final

from keystep.verify import closed, compare, kinds, number, units
from keystep.verify.case import Case, State
from keystep.verify.extract import Found
from keystep.verify.reading import readings
from keystep.verify.text import fold, level

# '7/8' and shorter offers nothing.
_LEAST: Final = 4
# So much of a place is looked through, and so many offers.
_MOST: Final = 400
_MOST_OFFERS: Final = 16
_DOUBT: Final = (
    r"(?:maybe|perhaps|possibly|probably|conceivably|potentially|(?:could|might|may)(?:\s+also)?\s+be)\b"
    r"|아마도?|어쩌면|(?:也有?)?可能是?|也许是?|或许是?"
)
_ORDINAL: Final = r"(?:another|other|alternative|first|second|third|fourth|1st|2nd|3rd)"
_CANDIDATE: Final = r"(?:option|answer|choice|possibility|solution|candidate|guess|interpretation|reading|attempt|case)"
_COUNT: Final = r"(?:#?\d{1,2}|one|two|three|four|i{1,3})"
# What opens an alternative: a word of doubt, a word for one, a label that counts them.
_OFFER: Final = re.compile(
    rf"(?<![A-Za-z\\])(?:(?P<doubt>{_DOUBT})|(?P<slash>(?<=\s)/(?=\s))"
    r"|(?:(?:and/)?or|alt(?:ernative(?:ly)?)?|otherwise|unless|also|instead(?!\s+of)|if\s+(?:not|(?:that|this|it)\b[^,;()\[\]]{0,24})(?=,))\b"
    r"|또는|혹은|아니면|或者是?|或|还是|也可以是"
    rf"|(?:{_ORDINAL}\s+{_CANDIDATE}|{_CANDIDATE}\s*{_COUNT})\s*(?:is\b|:|=|\)))",
    re.IGNORECASE,
)
# In ASCII one of these stands where the patterns here match, but at the very beginning.
_SIGNS: Final = tuple(
    " or|(or|[or|,or|/or|*or| (| [| / |may|perhaps|possib|probabl|conceiv|potential|could|might|alt|otherwise|unless|also|instead|if |option|answer|choice|solution"
    "|candidate|guess|interpretation|reading|attempt|case| too|equally| well|plausible|acceptable".split("|")
)
# Said between that and its value: 'or more precisely', 'unless it is'.
_FILLER: Final = re.compile(
    r"(?:[\s,:*$}]|\\\(|(?:it|this|that|they|the|correct|right|final|answer|option|choice|value|could|might|may|can|also|even|equally|possibly|perhaps"
    r"|maybe|probably|more|precisely|exactly|accurately|rather|simply|just|equivalently|to|be|is|are|either)\b|'s\b|아마도?)*",
    re.IGNORECASE,
)
_DOUBTING: Final = re.compile(rf"\b(?:could|might|may)\b|{_DOUBT}", re.IGNORECASE)
_GROUP: Final = r"\([^()\n]*\)|\[[^\[\]\n]*\]|\{(?:[^{}\n]|\{[^{}\n]*\})*\}"
# A value, up to where its clause ends.
_VALUE: Final = re.compile(
    rf"((?:{_GROUP}|[^()\[\]{{}};?!\n])+?)"
    r"\s*(?=[;?!)\]\n]|[,.](?!\d)|$|\s-\s|\s[(\[]"
    r"|\s(?:if|because|since|when|while|as|but|depending|or|is|are|would|could|might|may|instead|too|respectively)\b)"
)
_BOUNDARY: Final = re.compile(r"[;?!()\[\]\n]|[,.](?!\d)")
# 'A is also possible', 'though A would be equally good'.
_CONCEDED: Final = re.compile(
    r"(?:^|[,;(\[.]|\b(?:though|although|but|and|while|however|yet)\b)[\s,]*+(?:(?:though|although|but|and|while|however|yet)\s+)?(?=\S)((?:\([A-Za-z]\)|[^,;()\[\].]){1,60}?)\s+(?:is|are|was|would|could|can|may|might|seems?)\s+"
    r"(?=[^,;()\[\].]*\b(?:also|too(?=\s*(?:[,;()\[\].]|$))|equally|as\s+well|possible|plausible|acceptable)\b)",
    re.IGNORECASE,
)
_ASIDE: Final = re.compile(r"(?<=[\w%°$*)}])\s+[(\[]\s*([^()\[\]]{1,40}?)\s*[)\]]")
_DENIED: Final = re.compile(
    r"\b(?:not|no longer|never|neither|nor|cannot|rather than|instead of|except|exclud\w+|reject\w*|wrong|incorrect|impossible|invalid|extraneous"
    r"|eliminat\w+|rul\w+ out)\b|n't\b|不|아니",
    re.IGNORECASE,
)
# Behind these stands why, and nothing more of the answer.
_REASON: Final = re.compile(r"\b(?:because|since|which|given that|due to|so that)\b", re.IGNORECASE)
# Places of an answer (Found.how) that are all of their lines.
_WHOLE: Final = frozenset({"section", "body", "line", "whole", "mark", "tag"})
# Types whose gold is one value, so that what is offered and cannot be compared here may be another.
_OF_ONE_VALUE: Final = frozenset({kinds.NUMBER, kinds.EXPRESSION, kinds.TIME, kinds.DATE, kinds.RATIO})
_IN_WORDS: Final = frozenset({kinds.TEXT, kinds.ANLS})


@dataclass(frozen=True, slots=True)
class _Offer:
    """value: what is offered.  head: the clause before it.  slash: parted by it.  whole: the two are all there is.

    aside: in brackets, without a word.
    """

    value: str
    head: str = ""
    doubted: bool = False
    slash: bool = False
    whole: bool = False
    aside: bool = False


def beside(case: Case, state: State, response: str, place: Found) -> State | None:
    """What an answer that reads as state is, given all that stands at its place in the response. state: RIGHT, WRONG or UNREADABLE.

    SEVERAL: two are offered, one of them right.  DOUBTED: the answer is right, and another stands beside it with words of doubt.
    JUDGE: they may be two.  RIGHT: the gold is said twice, where the two together are unreadable.  None: state stands.
    Source: REWARDS.md, house rule 3 ("several different answers in it earn nothing").
    """
    text = _around(response, place)
    if not text or any(_OFFER.search(own) is not None for own in compare.wanted(case)):
        return None  # nothing is offered, or in the question's own words
    found: State | None = None
    for offer in islice(_offers(text), _MOST_OFFERS):
        told = _told(case, offer, text)
        if told is None:
            continue
        head = _read(case, offer.head)
        if offer.doubted and State.RIGHT is not (head if state is State.UNREADABLE else state):
            continue  # doubt about a wrong answer leaves it wrong
        if offer.slash and State.RIGHT not in (told, head):
            continue  # a division
        said = (state, told, head)
        if State.RIGHT in said and State.WRONG in said:
            return State.JUDGE if offer.aside else State.DOUBTED if offer.doubted else State.SEVERAL
        if State.RIGHT in said and State.SYMBOLIC in said:
            found = State.JUDGE
        elif state is State.UNREADABLE and offer.whole and told is head is State.RIGHT:
            found = State.RIGHT
    return found


def _around(response: str, place: Found) -> str:
    """A place with the rest of its line, and what comes before it there where the place goes on from that; without reasons.

    Empty where nothing in it can offer anything.
    """
    if place.how in _WHOLE:
        text = place.text[:_MOST]
        return _without_reasons(level(text), 0) if _may_offer(text) else ""
    start, end = place.span
    line = response.find("\n", end)
    to = min(line if line >= 0 else len(response), end + _MOST)
    begin = max(response.rfind("\n", 0, start) + 1, start - _MOST)
    near = max(begin, start - 40)
    if not _may_offer(response[near:to]):
        return ""
    for opener in _OFFER.finditer(response, near, min(start + 20, end)):
        filler = _FILLER.match(response, min(opener.end(), start), start)
        if opener.start() <= start + 1 and filler is not None and filler.end() >= start - len("\\boxed{"):
            return _without_reasons(response[begin:to], end - begin)
    return _without_reasons(response[start:to], end - start)


def _may_offer(text: str) -> bool:
    """Cheap: whether text bears any of the words and signs that _offers looks for."""
    if len(text) < _LEAST:
        return False
    low = text.lower()
    return any(sign in low for sign in _SIGNS) or not text.isascii()


def _without_reasons(text: str, answered: int) -> str:
    """text up to where it says why, once it has said something, and the answer."""
    for why in _REASON.finditer(text, answered):
        if text[: why.start()].strip():
            return text[: why.start()]
    return text


def _offers(text: str) -> Iterator[_Offer]:
    for opener in _OFFER.finditer(text):
        filler = _FILLER.match(text, opener.end())
        at = filler.end() if filler is not None else opener.end()
        value = _VALUE.match(text, at)
        head = _head(text, opener.start())
        if value is None or _denied(text, opener.start(), value.end()):
            continue
        whole = text.strip(" .").startswith(head) and not text[value.end() :].strip(" .)]")
        doubted = opener["doubt"] is not None or _DOUBTING.search(text, opener.end(), at) is not None
        yield _Offer(value[1], head, doubted, opener["slash"] is not None, whole)
    for conceded in _CONCEDED.finditer(text):
        if not _denied(text, conceded.start(1), conceded.end()):
            yield _Offer(conceded[1])
    for aside in _ASIDE.finditer(text):
        yield _Offer(aside[1], aside=True)


def _head(text: str, end: int) -> str:
    """The clause that ends there, what closed it left out."""
    before = text[:end].rstrip(" ,;.?!([-")
    stops = [m.end() for m in _BOUNDARY.finditer(before)]
    return before[stops[-1] :].strip() if stops else before.strip()


def _denied(text: str, start: int, end: int) -> bool:
    """Whether the clause around an offer says that it is not so."""
    stops = [m.end() for m in _BOUNDARY.finditer(text, 0, start)]
    closing = _BOUNDARY.search(text, end)
    stop = closing.start() if closing is not None else len(text)
    return _DENIED.search(text, stops[-1] if stops else 0, start) is not None or _DENIED.search(text, end, stop) is not None


def _told(case: Case, offer: _Offer, text: str) -> State | None:
    """What is offered, against the gold: RIGHT, WRONG, SYMBOLIC where it may be either; None where it is no answer."""
    if offer.aside:
        return _gloss(case, offer.value) if case.kind == kinds.NUMBER else None
    if case.kind == kinds.NUMBER and not _of_this_kind(offer.value, text):
        return None
    if case.kind == kinds.NUMBER and _percent_of(case, offer.value):
        return State.RIGHT
    named = kinds.assignment(offer.value)
    for way in (offer.value,) if named is None else (offer.value, named[1]):
        state = compare.decide(case, way)
        if state in (State.RIGHT, State.WRONG):
            return state
        if state is State.SYMBOLIC and (same := _proved(case, way)) is not None:
            return same
        if state is State.SYMBOLIC and case.kind in _OF_ONE_VALUE:
            return State.SYMBOLIC
    return State.SYMBOLIC if case.kind in _IN_WORDS else None


def _read(case: Case, clause: str) -> State | None:
    """What a clause of prose gives as its answer: RIGHT, WRONG, None."""
    if not clause:
        return None
    for way in (clause,) if case.kind == kinds.YES_NO else readings(clause):
        state = compare.decide(case, way)
        if state in (State.RIGHT, State.WRONG):
            return state
        if state is State.SYMBOLIC and (same := _proved(case, way)) is not None:
            return same
    return None


def _proved(case: Case, formula: str) -> State | None:
    """Of two closed formulas, whether their values are the same."""
    gold, formula = compare.sides(case, formula)
    if closed.value(gold) is None or closed.value(formula) is None:
        return None
    return State.WRONG if closed.differ(gold, formula) else State.RIGHT


def _of_this_kind(value: str, text: str) -> bool:
    """Not so a number of other things: '8 (3 red or 5 blue)' offers no 5."""
    found = number.parse(value)
    if found is None or not found.unit or units.measure(found.unit) is not None or found.unit == "%":
        return True
    return f" {fold(text)} ".count(f" {fold(found.unit)} ") > 1


def _percent_of(case: Case, value: str) -> bool:
    """'50% or 1/2': said twice, whatever the question asks for."""
    gold, found = number.parse(case.gold), number.parse(value)
    if gold is None or found is None or {gold.unit, found.unit} != {"", "%"}:
        return False
    return gold.value == found.value * 100 if gold.unit else gold.value * 100 == found.value


def _gloss(case: Case, aside: str) -> State | None:
    """A bare number in brackets: the same, converted or rounded, or another; None where it counts or measures something else."""
    gold, found = number.parse(case.gold), number.parse(aside)
    if (
        gold is None
        or found is None
        or (found.unit and found.unit != gold.unit and units.convert(found.value, found.unit, gold.unit) is None)
    ):
        return None
    value = found.value if found.unit in ("", gold.unit) else units.convert(found.value, found.unit, gold.unit) or found.value
    scales = (1, 100) if gold.unit == "%" else (1,)
    return State.RIGHT if any(abs(value * scale - gold.value) <= abs(gold.value) * _NEAR for scale in scales) else State.WRONG


# So far may a conversion or a rounding in brackets be off.
_NEAR: Final = Fraction(1, 50)
