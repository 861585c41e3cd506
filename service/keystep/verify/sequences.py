"""Pairs, tuples, sets, lists, intervals and ratios whose members are plain numbers, compared exactly."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from keystep.verify import number
from keystep.verify.number import Number
from keystep.verify.text import plain

MAX_MEMBERS: Final = 64
_BRACKETS: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}
_ANGLES: Final = {"<": "(", ">": ")"}  # a vector's brackets
_SPLIT: Final = re.compile(r"\s*(?:,|;)\s*(?:and\s+|or\s+)?|\s+(?:and|or)\s+|(?<=[\d)\]])\s*(?:and|or)\s*(?=[\d(\[-])")
_OFFERED: Final = re.compile(r"\s*(?:,|;|\bor\b|\band\b|/(?=\s)|또는|或)\s*")
_VARIABLE: Final = re.compile(r"[A-Za-z]{1,3}(?:_(?:\{\w+\}|\w))?'?")
_EITHER: Final = re.compile(r"^(?:either|both|probably|maybe)\s+", re.IGNORECASE)
_NAME: Final = re.compile(
    r"[A-Z]'?\s*(?=\()|[A-Za-z][\w']*\s*(?:_\s*\{?\w+\}?)?\s*(?:=|\\in|∈)\s*|\([A-Za-z],\s*[A-Za-z](?:,\s*[A-Za-z])?\)\s*=\s*"
)


@dataclass(frozen=True, slots=True)
class Sequence:
    """opening, closing: its brackets, '' without."""

    opening: str
    closing: str
    members: tuple[Number, ...]


def read(text: str) -> Sequence | None:
    """A whole answer as numbers in a row; None when any member is something else, or there are fewer than two."""
    text = plain(text).replace("\\{", "{").replace("\\}", "}")
    text = text[m.end() :] if (m := _NAME.match(text)) is not None else text
    opening = closing = ""
    if len(text) > 2 and text[0] in "([{<" and text[-1] in ")]}>":
        opening, closing, inner = _ANGLES.get(text[0], text[0]), _ANGLES.get(text[-1], text[-1]), text[1:-1]
    else:
        inner = text
    if any(c in inner for c in "()[]{}<>=|") or not re.search(r"[,;]|and|or", inner):
        return None
    parts = _SPLIT.split(inner.strip())
    if not 2 <= len(parts) <= MAX_MEMBERS:
        return None
    members = [_member(part) for part in parts]
    return None if any(m is None for m in members) else Sequence(opening, closing, tuple([m for m in members if m is not None]))


def _member(text: str) -> Number | None:
    text = text.strip()
    found = number.parse(text)
    if found is not None and found.unit and found.loose:
        return None
    return found


def same(gold: Sequence, found: Sequence, equal: Callable[[Number, Number], bool]) -> bool | None:
    """In the gold's sense of order: a bare row or braces are a set, brackets of any kind a tuple or an interval; None: unclear."""
    if len(gold.members) != len(found.members):
        return False
    ordered = gold.opening in ("(", "[")
    if not ordered:
        if found.opening in ("(", "["):
            in_order = all(equal(a, b) for a, b in zip(gold.members, found.members, strict=True))
            return True if in_order else None if _same_set(gold, found, equal) else False
        return _same_set(gold, found, equal)
    in_order = all(equal(a, b) for a, b in zip(gold.members, found.members, strict=True))
    if found.opening and len(gold.members) == 2 and (gold.opening, gold.closing) != (found.opening, found.closing) and found.opening != "{":
        return False if in_order or not _same_set(gold, found, equal) else None
    return in_order


def _same_set(gold: Sequence, found: Sequence, equal: Callable[[Number, Number], bool]) -> bool:
    left = list(found.members)
    for member in gold.members:
        at = next((i for i, other in enumerate(left) if equal(member, other)), None)
        if at is None:
            return False
        del left[at]
    return True


def named(text: str) -> dict[str, Number] | None:
    """'x = 1, y = 2' as {x: 1, y: 2}, in the order written; None for anything else, one name given twice among it ('x = 2 or x = 3')."""
    found: dict[str, Number] = {}
    for part in _SPLIT.split(plain(text)):
        name, equals, value = part.partition("=")
        name, parsed = name.replace(" ", ""), _member(value)
        if not equals or parsed is None or name in found or _VARIABLE.fullmatch(name) is None:
            return None
        found[name] = parsed
    return found if len(found) > 1 else None


_JOINT: Final = re.compile(r"\s*[,;]\s*(?:and\b|or\b)?\s*|(?<=[\d\s)}])(?:and|or)(?=[\sA-Za-z(])")


def values_of_one(text: str) -> tuple[str, frozenset[Fraction]] | None:
    """'x = 2 or x = 3' as (x, {2, 3}), a function's argument aside; None for anything else."""
    names, values = set(), []
    for part in _JOINT.split(plain(text).replace("$", " ")):
        name, equals, value = part.partition("=")
        parsed = _member(value)
        if not equals or parsed is None or parsed.unit:
            return None
        names.add(re.sub(r"\(\w+\)$", "", name.replace(" ", "")))
        values.append(parsed.value)
    return (names.pop(), frozenset(values)) if len(names) == 1 and len(values) > 1 else None


def alternatives(text: str) -> tuple[Number, ...] | None:
    """The numbers of an answer that offers several ('5 or 6', '5, 6'); None when it is anything else."""
    parts = [p for p in _OFFERED.split(_EITHER.sub("", plain(text))) if p]
    if len(parts) < 2:
        return None
    members = [_member(part) for part in parts]
    told = [m for m in members if m is not None]
    # '3 red balls and 4 blue balls' describes; '5 cm or 6 cm' offers.
    return tuple(told) if len(told) == len(parts) and len({m.unit for m in told if m.unit}) <= 1 else None


def ratio(text: str) -> tuple[Fraction, ...] | None:
    """a:b(:c) or 'a to b' in lowest form (first member 1, or zeros kept), so that 2:4 equals 1:2."""
    parts = re.split(r"\s*:\s*|\s+to\s+", plain(text))
    if not 2 <= len(parts) <= 5:
        return None
    members = [number.parse(part) for part in parts]
    values = [m.value for m in members if m is not None and not m.unit]
    if len(values) != len(parts):
        return None
    scale = next((v for v in values if v), None)
    return tuple(values) if scale is None else tuple([v / abs(scale) for v in values])
