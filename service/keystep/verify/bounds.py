"""Is an answer small enough to be compared? Decided by its text alone, before sympy sees any of it.

What is over a bound is the model's failure (unreadable, 0), and the same on every machine; time and memory limits come after
and are the machine's (null).
"""

from __future__ import annotations

import re

MAX_CHARS = 1_000
MAX_DEPTH = 40
MAX_OPERATORS = 200
MAX_DIGITS = 120  # of one number
MAX_EXPONENT = 1_000  # written as a number
MAX_BASE_TO_LARGE = 10_000  # a base beyond this takes no exponent beyond 50
MAX_FACTORIAL = 500
MAX_ITERATED = 3  # sums, products, integrals, limits

_DIGITS = re.compile(r"\d+")
_POWER = re.compile(r"(?:\^|\*\*)\s*[{(]*\s*[+-]?\s*(\d+)")
_TOWER = re.compile(
    r"(?:\^|\*\*)[^,;=<>&]{0,40}?(?:\^|\*\*)[^,;=<>&]{0,40}?(?:\^|\*\*)|(?:\^|\*\*)\s*[{(]*\s*\w+\s*(?:\^|\*\*)\s*[{(]*\s*\d+"
)
_FACTORIAL = re.compile(r"(\d+|[)}\]])\s*!")
_BINOMIAL = re.compile(r"\\[dt]?binom|\\choose|\\Gamma|\\operatorname\{lcm\}|\\operatorname\{gcd\}")
_ITERATED = re.compile(r"\\(?:sum|prod|int|iint|iiint|oint|lim)(?![a-z])")
_BIG = re.compile(r"\d{4,}")
_OPERATOR = re.compile(r"[-+*/^=<>,;&]|\\[A-Za-z]+")
_CODE = re.compile(r"__|\bimport\b|\blambda\b|\beval\b|\bexec\b|\bopen\s*\(|\bsystem\b|\bgetattr\b|;\s*\w+\s*\(")


def too_complex(answer: str) -> bool:
    """Whether symbolic work on answer could be unbounded, or answer is code instead of a formula."""
    if len(answer) > MAX_CHARS or _CODE.search(answer) is not None:
        return True
    if any(len(d) > MAX_DIGITS for d in _DIGITS.findall(answer)):
        return True
    return _depth(answer) > MAX_DEPTH or len(_OPERATOR.findall(answer)) > MAX_OPERATORS or _explosive(answer)


def _explosive(answer: str) -> bool:
    """Powers, factorials, binomials and iterated operators with more in them than an answer has."""
    exponents = [int(e) for e in _POWER.findall(answer)]
    if any(e > MAX_EXPONENT for e in exponents) or _TOWER.search(answer) is not None:
        return True
    big = [int(d) for d in _BIG.findall(answer)]
    if any(e > 50 for e in exponents) and any(b > MAX_BASE_TO_LARGE for b in big):
        return True
    factorials = _FACTORIAL.findall(answer)
    if any(not f.isdigit() or int(f) > MAX_FACTORIAL for f in factorials) and factorials and _big_in_factorial(answer, factorials):
        return True
    if _BINOMIAL.search(answer) is not None and any(int(d) > MAX_FACTORIAL for d in _DIGITS.findall(answer)):
        return True
    iterated = len(_ITERATED.findall(answer))
    return iterated > MAX_ITERATED or (iterated > 0 and any(int(d) > MAX_EXPONENT for d in _DIGITS.findall(answer)))


def _big_in_factorial(answer: str, factorials: list[str]) -> bool:
    """A factorial of a large number, of a factorial, or of a bracket that holds a large number or a power."""
    if any(f.isdigit() and int(f) > MAX_FACTORIAL for f in factorials):
        return True
    return (
        "!" in answer.replace("!", "", 1)
        and re.search(r"!\s*[)}\]]+\s*!|!\s*!", answer) is not None
        or any(int(d) > MAX_FACTORIAL for d in _DIGITS.findall(answer))
        or re.search(r"\^[^!]*[)}\]]\s*!", answer) is not None
    )


def _depth(answer: str) -> int:
    depth = deepest = 0
    for char in answer:
        if char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
    return deepest
