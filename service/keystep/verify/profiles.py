"""What a benchmark asks of extraction and comparison, by name. `official`: its own scoring, bug for bug (benchmarks.py)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Profile:
    """kind: the gold's type where the benchmark fixes it, else None.

    marks: where the benchmark's responses give the answer; group 1 of the last match of the first that matches. marks_only: no
    other place counts.
    """

    name: str
    kind: str | None = None
    marks: tuple[re.Pattern[str], ...] = ()
    marks_only: bool = False


_GSM8K = (re.compile(r"^####[ \t]*(\S.*)$", re.MULTILINE), re.compile(r"^A:[ \t]*(\S.*)$", re.MULTILINE))
_LETTER = (re.compile(r"\b[Aa]nswer[ \t*]*:[ \t*]*(\S.*)$", re.MULTILINE),)

PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        p.name: p
        for p in (
            Profile("gsm8k", kind="number", marks=_GSM8K, marks_only=True),
            Profile("math"),
            Profile("mmmu_pro", kind="choice", marks=_LETTER),
        )
    }
)
