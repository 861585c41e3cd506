"""Closed expressions of numbers: two that differ in value are proven different without symbolic algebra.

    \\frac{-11+\\sqrt{217}}{8}  against  \\frac{-11+\\sqrt{215}}{8}      0.466... against 0.457...: not equal

Grammar: numerals, + - * / ^, \\frac, \\sqrt[n], \\pi, \\times \\cdot \\div, brackets, juxtaposition. Anything else is not read here.
Values are Decimals of 50 digits; what could lose them (a divisor next to nothing, a large power) is not read either, so an error
is far below the margin that "different" asks for. Equality is never concluded: that stays with symbolic comparison.
"""

from __future__ import annotations

import re
from decimal import Context, Decimal, DecimalException
from functools import lru_cache
from typing import Final

# Different means by more than any rounding that a comparison forgives: a hundredth where decimals are written, else less.
MARGIN_EXACT: Final = Decimal("1e-4")
MARGIN_DECIMAL: Final = Decimal("1e-2")

_CONTEXT: Final = Context(prec=50)
_PI: Final = Decimal("3.14159265358979323846264338327950288419716939937510582")
_SMALLEST_DIVISOR: Final = Decimal("1e-9")
_MOST_CHARS: Final = 200
_MOST_POWER: Final = 12
_DEEPEST: Final = 20
_TOKEN: Final = re.compile(
    r"\s*(?:(\d+(?:\.\d+)?|\.\d+)|(\\(?:d?frac|sqrt|pi|times|cdot|div|left|right)(?![A-Za-z])|\\[,;! ]|[-+*/^(){}\[\]]))"
)
_SILENT: Final = frozenset({"\\left", "\\right", "\\,", "\\;", "\\!", "\\ "})
_MULTIPLY: Final = {"*", "\\times", "\\cdot"}
_CLOSES: Final = {"(": ")", "{": "}", "[": "]"}


def differ(gold: str, answer: str) -> bool:
    """True when both are closed expressions and their values are too far apart to be the same; False says nothing."""
    one, other = value(gold), value(answer)
    if one is None or other is None:
        return False
    margin = MARGIN_DECIMAL if "." in gold + answer else MARGIN_EXACT
    return abs(one - other) > margin * max(abs(one), abs(other))


@lru_cache(maxsize=2048)
def value(text: str) -> Decimal | None:
    """The value of a closed expression, None when it is none."""
    if len(text) > _MOST_CHARS:
        return None
    tokens = _tokens(text.strip().strip("$"))
    if not tokens:
        return None
    try:
        reader = _Reader(tokens)
        result = reader.sum(0)
        return result if reader.at == len(tokens) else None
    except (_UnreadError, DecimalException):
        return None


class _UnreadError(Exception):
    """Not of this grammar, or not safe to evaluate."""


def _tokens(text: str) -> list[str] | None:
    out: list[str] = []
    at = 0
    while at < len(text):
        m = _TOKEN.match(text, at)
        if m is None:
            return None if text[at:].strip() else out
        at = m.end()
        token = m[1] or m[2]
        if token not in _SILENT:
            out.append(token)
    return out


class _Reader:
    """Recursive descent over the tokens; every method returns the value of what it has read."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens, self.at = tokens, 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def sum(self, depth: int) -> Decimal:
        if depth > _DEEPEST:
            raise _UnreadError
        sign = self.take() if self.peek() in ("+", "-") else "+"
        total = self.product(depth)
        total = -total if sign == "-" else total
        while self.peek() in ("+", "-"):
            sign = self.take()
            term = self.product(depth)
            total = _CONTEXT.add(total, term) if sign == "+" else _CONTEXT.subtract(total, term)
        return total

    def product(self, depth: int) -> Decimal:
        total = self.power(depth)
        while True:
            token = self.peek()
            if token in _MULTIPLY:
                self.take()
                total = _CONTEXT.multiply(total, self.power(depth))
            elif token in ("/", "\\div"):
                self.take()
                total = _divide(total, self.power(depth))
            elif token.startswith(("\\frac", "\\dfrac", "\\sqrt", "\\pi")) or token in ("(", "{"):
                if token.startswith(("\\frac", "\\dfrac")) and self.tokens[self.at - 1][-1].isdigit():
                    raise _UnreadError  # 1\frac{1}{2} is a mixed number to some
                total = _CONTEXT.multiply(total, self.power(depth))
            else:
                return total

    def power(self, depth: int) -> Decimal:
        base = self.atom(depth)
        if self.peek() != "^":
            return base
        self.take()
        exponent = self.atom(depth)
        if exponent != int(exponent) or not 0 <= exponent <= _MOST_POWER or self.peek() == "^":
            raise _UnreadError
        return _CONTEXT.power(base, int(exponent)) if exponent else Decimal(1)

    def atom(self, depth: int) -> Decimal:
        token = self.take()
        if token[:1].isdigit() or token[:1] == ".":
            if self.peek()[:1].isdigit():
                raise _UnreadError
            return Decimal(token)
        if token == "\\pi":
            return _PI
        if token in ("\\frac", "\\dfrac"):
            return _divide(self.argument(depth), self.argument(depth))
        if token == "\\sqrt":
            return self.root(depth)
        if token in _CLOSES:
            inner = self.sum(depth + 1)
            if self.take() != _CLOSES[token]:
                raise _UnreadError
            return inner
        raise _UnreadError

    def argument(self, depth: int) -> Decimal:
        """A braced argument, or one digit: \\frac12."""
        token = self.peek()
        if token == "{":
            return self.atom(depth)
        if not token.isdigit():
            raise _UnreadError
        self.tokens[self.at : self.at + 1] = list(token)
        return Decimal(self.take())

    def root(self, depth: int) -> Decimal:
        index = Decimal(2)
        if self.peek() == "[":
            index = self.atom(depth)
        radicand = self.argument(depth)
        if radicand < 0 or index not in (2, 3, 4):
            raise _UnreadError
        if index == 2:
            return _CONTEXT.sqrt(radicand)
        return _CONTEXT.power(radicand, _CONTEXT.divide(Decimal(1), index)) if radicand else Decimal(0)


def _divide(left: Decimal, right: Decimal) -> Decimal:
    if abs(right) < _SMALLEST_DIVISOR:
        raise _UnreadError
    return _CONTEXT.divide(left, right)
