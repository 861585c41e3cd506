"""Is an answer small enough to be compared? Decided by its text alone, before sympy sees any of it.

What is over a bound is the model's failure (unreadable, 0), and the same on every machine; time and memory limits come after
and are the machine's (null).
"""

from __future__ import annotations

import re
from typing import Final

MAX_CHARS: Final = 1_000
MAX_DEPTH: Final = 40
MAX_OPERATORS: Final = 200
MAX_DIGITS: Final = 120  # of one number
MAX_EXPONENT: Final = 2_500  # written as a number
MAX_BASE_TO_LARGE: Final = 10_000  # a base beyond this takes no exponent beyond 50
MAX_FACTORIAL: Final = 500
MAX_ITERATED: Final = 3  # sums, products, integrals, limits
MAX_ITERATED_NUMBER: Final = 1_000  # in an answer that has any of these

_DIGITS: Final = re.compile(r"\d+")
_POWER: Final = re.compile(r"(?:\^|\*\*)\s*[{(]*\s*[+-]?\s*(\d+)")
_TOWER: Final = re.compile(
    r"(?:\^|\*\*)[^,;=<>&]{0,40}?(?:\^|\*\*)[^,;=<>&]{0,40}?(?:\^|\*\*)|(?:\^|\*\*)\s*[{(]*\s*\w+\s*(?:\^|\*\*)\s*[{(]*\s*\d+"
)
_FACTORIAL: Final = re.compile(r"(\d+)\s*!")
_BRACKET_FACTORIAL: Final = re.compile(r"[)}\]!]\s*!")
_BINOMIAL: Final = re.compile(r"\\[dt]?binom|\\choose|\\Gamma|\\operatorname\{lcm\}|\\operatorname\{gcd\}")
_ITERATED: Final = re.compile(r"\\(?:sum|prod|int|iint|iiint|oint|lim)(?![a-z])")
_OPERATOR: Final = re.compile(r"[-+*/^=<>,;&]|\\[A-Za-z]+")
_CODE: Final = re.compile(r"__\w+__|\b(?:eval|exec|open|system|getattr|compile)\s*\(|\bimport\s+(?:os|sys|subprocess)\b|\blambda\s+\w+\s*:")


def too_complex(answer: str) -> bool:
    """Whether symbolic work on answer could be unbounded, or answer is code instead of a formula."""
    if len(answer) > MAX_CHARS or is_code(answer) or oversized(answer):
        return True
    return _depth(answer) > MAX_DEPTH or len(_OPERATOR.findall(answer)) > MAX_OPERATORS or _explosive(answer)


def is_code(answer: str) -> bool:
    return _CODE.search(answer) is not None


def oversized(answer: str) -> bool:
    """A number of more digits than any answer has, or a long run without a space."""
    return (len(answer) >= MAX_CHARS and " " not in answer.strip()[:200]) or any(len(d) > MAX_DIGITS for d in _DIGITS.findall(answer))


def _explosive(answer: str) -> bool:
    """Powers, factorials, binomials and iterated operators with more in them than an answer has."""
    numbers = [int(d) for d in _DIGITS.findall(answer)]
    largest = max(numbers, default=0)
    exponents = [int(e) for e in _POWER.findall(answer)]
    if _TOWER.search(answer) is not None or any(e > MAX_EXPONENT or (e > 50 and largest > MAX_BASE_TO_LARGE) for e in exponents):
        return True
    if any(int(n) > MAX_FACTORIAL for n in _FACTORIAL.findall(answer)):
        return True
    # A factorial of a bracket: nothing in it may be large already.
    if (brackets := len(_BRACKET_FACTORIAL.findall(answer))) and (
        brackets > 1 or largest > MAX_FACTORIAL or "^" in answer or answer.count("!") > 1
    ):
        return True
    if _BINOMIAL.search(answer) is not None and (largest > MAX_FACTORIAL or "^" in answer):
        return True
    iterated = len(_ITERATED.findall(answer))
    return iterated > MAX_ITERATED or (iterated > 0 and largest > MAX_ITERATED_NUMBER)


def _depth(answer: str) -> int:
    depth = deepest = 0
    for char in answer:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
    return deepest
