"""Times of day and dates, exactly. 12:30 is half past twelve, never twelve divided by thirty."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from keystep.verify import number
from keystep.verify.text import plain

_TIME: Final = re.compile(
    r"(?P<h>\d{1,2})(?:[:.](?P<m>\d{1,2})(?::(?P<s>\d{2}))?)?\s*(?P<half>[ap]\s*\.?\s*m)?\s*\.?(?:\s*o'?\s?clock)?", re.IGNORECASE
)
_SPOKEN: Final = re.compile(r"(?P<part>half|a quarter|quarter) (?P<side>past|to) (?P<h>\w+)", re.IGNORECASE)
_MONTHS: Final = "january february march april may june july august september october november december".split()
_NUMERIC: Final = re.compile(r"(\d{1,4})[/.-](\d{1,2})[/.-](\d{1,4})")
_NAMED: Final = re.compile(
    r"(?:(?P<m1>[a-z]{3,9})\.? (?P<d1>\d{1,2})(?:st|nd|rd|th)?|(?P<d2>\d{1,2})(?:st|nd|rd|th)? (?:of )?(?P<m2>[a-z]{3,9})\.?),? (?P<y>\d{4})",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Time:
    """hour 0..23 where half says morning or afternoon, else as written."""

    hour: int
    minute: int
    second: int
    half: str


@dataclass(frozen=True, slots=True)
class Date:
    """All orders in which the figures can be meant, as (year, month, day)."""

    meant: frozenset[tuple[int, int, int]]


def read(text: str) -> Time | Date | None:
    """A whole answer as a time or a date ('half past three' among them); None when it is neither."""
    text = plain(text)
    if (match := _TIME.fullmatch(text)) is not None and (match["m"] or match["half"] or "clock" in text.lower()):
        hour, minute, second = int(match["h"]), int(match["m"] or 0), int(match["s"] or 0)
        return Time(hour, minute, second, (match["half"] or "")[:1].lower()) if hour <= 24 and minute < 60 and second < 60 else None
    if (match := _SPOKEN.fullmatch(text)) is not None:
        return _spoken(match)
    if (match := _NUMERIC.fullmatch(text)) is not None:
        return _numeric(*[int(g) for g in match.groups()])
    if (match := _NAMED.fullmatch(text)) is not None:
        name = (match["m1"] or match["m2"]).lower()
        months = [i for i, month in enumerate(_MONTHS, 1) if month.startswith(name[:3]) and (month.startswith(name) or name == "sept")]
        return Date(frozenset({(int(match["y"]), months[0], int(match["d1"] or match["d2"]))})) if months else None
    return None


def _spoken(match: re.Match[str]) -> Time | None:
    """'half past three', 'a quarter to 4'."""
    hour = number.parse(match["h"])
    if hour is None or hour.unit or hour.value not in range(1, 13):
        return None
    minutes = 30 if match["part"].lower() == "half" else 15
    if match["side"].lower() == "past":
        return Time(int(hour.value), minutes, 0, "")
    return Time(int(hour.value) - 1 or 12, 60 - minutes, 0, "")


def _numeric(a: int, b: int, c: int) -> Date | None:
    orders = ((a, b, c), (c, a, b), (c, b, a))  # yyyy-mm-dd, mm/dd/yyyy, dd/mm/yyyy
    meant = frozenset((y, m, d) for y, m, d in orders if y > 31 and 1 <= m <= 12 and 1 <= d <= 31)
    return Date(meant) if meant else None


def same(gold: Time | Date, found: Time | Date) -> bool | None:
    """Equal; None where one side leaves open what the other says (morning or afternoon, day or month first)."""
    if isinstance(gold, Date) or isinstance(found, Date):
        if not (isinstance(gold, Date) and isinstance(found, Date)):
            return False
        if gold.meant == found.meant:
            return True
        return None if gold.meant & found.meant else False
    if (gold.minute, gold.second) != (found.minute, found.second):
        return False
    if gold.half and found.half:
        return gold.half == found.half and gold.hour % 12 == found.hour % 12
    if gold.half or found.half:
        plain_one, other = (found, gold) if gold.half else (gold, found)
        if plain_one.hour > 12 or plain_one.hour == 0:
            return plain_one.hour % 24 == other.hour % 12 + (12 if other.half == "p" else 0)
        return plain_one.hour % 12 == other.hour % 12
    return gold.hour == found.hour
