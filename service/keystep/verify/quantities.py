"""Two numbers with their units: the same quantity or not, exactly or as decimals within what the case allows."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Final

from keystep.verify import number, units
from keystep.verify.case import Case, State, verdict
from keystep.verify.text import fold


def same_quantity(case: Case, gold: number.Number, found: number.Number) -> State:
    equal = equal_values(case, gold, found)
    if gold.unit == found.unit or (not gold.unit and not found.unit):
        return verdict(equal)
    if "%" in (gold.unit, found.unit):
        return _percent(case, gold, found, equal=equal)
    if not gold.unit or not found.unit:
        return _one_unit(case, gold, found, equal=equal)
    ours, theirs = units.measure(gold.unit), units.measure(found.unit)
    if ours is not None and theirs is not None:
        converted = units.convert(found.value, found.unit, gold.unit)
        if converted is None:
            return State.WRONG
        scaled = number.Number(converted, found.places)
        return verdict(equal_values(case, number.Number(gold.value, gold.places), scaled, converted=ours[1] != theirs[1]))
    if fold(gold.unit) == fold(found.unit) or units.generic(gold.unit) or units.generic(found.unit):
        return verdict(equal)
    return State.JUDGE if equal else State.WRONG


def _one_unit(case: Case, gold: number.Number, found: number.Number, *, equal: bool) -> State:
    """One side bears a unit and the other none. The question may name the unit in which it asks."""
    bearer = gold if gold.unit else found
    if bearer.loose and equal and not units.named_in(bearer.unit, case.question):
        return State.WRONG if bearer.unit not in units.LETTERS else State.JUDGE
    if not gold.unit and (asked := units.asked_in(case.question)) is not None:
        ours, theirs = units.measure(asked), units.measure(found.unit)
        if ours is not None and theirs is not None and ours[0] == theirs[0]:
            scaled = number.Number(found.value * theirs[1] / ours[1], found.places)
            return verdict(equal_values(case, gold, scaled))
    return verdict(equal)


_ASKS_PERCENT: Final = re.compile(r"percent|%|퍼센트|百分", re.IGNORECASE)


def _percent(case: Case, gold: number.Number, found: number.Number, *, equal: bool) -> State:
    """12% and 12 agree where percent is asked for (or the gold says so); 12% and 0.12 only where the question asks."""
    asked = _ASKS_PERCENT.search(case.question) is not None
    other = found if gold.unit == "%" else gold
    if other.unit:
        return State.WRONG
    if equal and (gold.unit == "%" or not case.question or (asked and abs(gold.value) > 1)):
        return State.RIGHT
    if asked:
        hundredth = Fraction(1, 100)
        a = gold.value * hundredth if gold.unit == "%" else gold.value
        b = found.value * hundredth if found.unit == "%" else found.value
        return verdict(a == b)
    return State.WRONG


def equal_values(case: Case, gold: number.Number, found: number.Number, *, converted: bool = False) -> bool:
    """Exactly; or as decimals: to the precision asked for, else to six digits, else to the gold's own places when it has many."""
    a, b = gold.value, found.value
    if a == b:
        return True
    if case.precision is not None:
        return _rounded(a, case.precision) == _rounded(b, case.precision)
    if (case.relative is not None or case.absolute is not None) and not _year(gold):
        return abs(a - b) <= max(case.absolute or 0, (case.relative or 0) * abs(a))
    if gold.places is None and found.places is None and not converted:
        return False
    if converted or max(gold.places or 0, found.places or 0) >= 6:
        tolerance = Fraction(1, 10**6) * max(abs(a), abs(b))
        if abs(a - b) <= tolerance:
            return True
    if (places := _rounded_at(gold)) is not None and (found.places is None or found.places > places):
        return _rounded(b, places) == a
    return False


def _rounded_at(gold: number.Number) -> int | None:
    """2.0944: four significant digits or more, and three places or more, say where the gold was rounded."""
    places = gold.places or 0
    return places if places >= 3 and abs(gold.value) * 10**places >= 1000 else None


def rounding(case: Case) -> int:
    """Decimal places at which a decimal gold and a formula are compared."""
    if case.precision is not None:
        return case.precision
    gold = number.parse(case.gold)
    if gold is None or gold.places is None:
        return 6
    return 3 if case.absolute is not None else _rounded_at(gold) or 6


def _year(gold: number.Number) -> bool:
    return gold.places is None and not gold.unit and gold.value.denominator == 1 and 1500 <= gold.value <= 2100


def _rounded(value: Fraction, places: int) -> Fraction:
    """Half away from zero, as people round."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(whole if value >= 0 else -whole, 10**places)
