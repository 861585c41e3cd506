"""What a benchmark asks of extraction and comparison, by name: the `hardened` form. benchmarks.py has the `official` ones.

None of them guesses the nearest option, draws a letter, or takes part of a gold for the gold.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Profile:
    """kind: the gold's type where the benchmark fixes it, else None.

    marks: where the benchmark's responses give the answer: group 1 of the last match of the first that matches. marks_only: no
    other place counts.  relative, absolute: how far a number may be off; years are exact all the same.
    """

    name: str
    kind: str | None = None
    marks: tuple[re.Pattern[str], ...] = ()
    marks_only: bool = False
    relative: Fraction | None = None
    absolute: Fraction | None = None


_GSM8K: Final = (re.compile(r"^####[ \t]*(\S.*)$", re.MULTILINE), re.compile(r"^A:[ \t]*(\S.*)$", re.MULTILINE))
_LETTER: Final = (re.compile(r"\b[Aa]nswer[ \t*]*:[ \t*]*(\S.*)$", re.MULTILINE),)

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        p.name: p
        for p in (
            Profile("gsm8k", kind="number", marks=_GSM8K, marks_only=True),
            Profile("math"),
            Profile("mmmu_pro", kind="choice", marks=_LETTER),
            Profile("mathvista"),
            Profile("mmstar", kind="choice"),
            Profile("math_vision"),
            Profile("chartqa", relative=Fraction(5, 100)),
            Profile("dynamath", absolute=Fraction(1, 1000)),
            Profile("hallusionbench", kind="yes_no"),
            Profile("mathverse"),
            Profile("mme", kind="yes_no"),
            Profile("mmreason"),
        )
    }
)
