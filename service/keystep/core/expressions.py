"""Expressions: symbols -> trees -> exact values and canonical forms. Never eval; every size is bounded.

A tree is a number, a name (str), or ``(operator, left, right)`` / ``("sqrt", x)`` / ``("%", x)``. Two canonical forms are taken of it:

``provenance``  numbers stay what they are called: a polynomial over the literals, so that 16-3-4 and 16-(3+4) are the same
                derivation and 12-4 and 2*4 are not, although both give 8.
``linear``      numbers are reckoned with: a polynomial over the names, so that AE = 1/2 AD and 2 AE = AD are the same fact.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, Final, cast

from keystep.core.canonical import Number, simplest
from keystep.core.lexer import FUNCTION, LP, NAME, NUM, OP, PERCENT, RP, Symbol

Tree = Any  # int | Fraction | str | tuple[str, Tree, Tree] | tuple[str, Tree]; a recursive alias costs mypy and readers more than it gives
Monomial = tuple[tuple[Any, int], ...]
Polynomial = dict[Monomial, Number]
Provenance = frozenset[tuple[Monomial, Number]]

MAX_DEPTH: Final = 16
MAX_SYMBOLS: Final = 120  # of one expression
MAX_BITS: Final = 256  # of a numerator or denominator
MAX_POWER: Final = 16
MAX_TERMS: Final = 48  # of a polynomial

FUNCTIONS: Final = frozenset({"sqrt", "sin", "cos", "tan", "log", "ln", "cot"})
_PRECEDENCE: Final = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}
# How many words may stand between an operand and the operator after it, and between an operator and its operand.
GAP_BEFORE_OPERATOR: Final = 6
GAP_AFTER_OPERATOR: Final = 2


def parse(symbols: list[Symbol], start: int) -> tuple[Tree, int] | None:
    """The longest expression that starts at a symbol: (tree, index after it); None when none does."""
    return _expression(symbols, start, 0, 0, min(len(symbols), start + MAX_SYMBOLS))


def _expression(s: list[Symbol], i: int, floor: int, depth: int, stop: int) -> tuple[Tree, int] | None:
    if depth > MAX_DEPTH:
        return None
    first = _operand(s, i, depth, stop)
    if first is None:
        return None
    left, i = first
    while i < stop:
        kind, value, gap, _ = s[i]
        if kind == OP:
            precedence = _PRECEDENCE[cast("str", value)]
            if precedence <= floor or gap > GAP_BEFORE_OPERATOR or i + 1 >= stop or s[i + 1][2] > GAP_AFTER_OPERATOR:
                break
            right = _expression(s, i + 1, precedence, depth + 1, stop)
            operator, after = cast("str", value), i + 1
        elif gap == 0 and floor < 2 and (kind == LP or (kind == NAME and s[i - 1][0] in (NUM, RP))):
            right = _expression(s, i, 2, depth + 1, stop)  # 4n, 2(3+4), 1/2 AD
            operator, after = "*", i
        else:
            break
        if right is None or right[1] <= after:
            break
        left, i = (operator, left, right[0]), right[1]
    return left, i


def _operand(s: list[Symbol], i: int, depth: int, stop: int) -> tuple[Tree, int] | None:
    if i >= stop or depth > MAX_DEPTH:
        return None
    kind, value, _, _ = s[i]
    tree: Tree
    if kind in (NUM, NAME):
        tree, i = value, i + 1
    elif kind == LP:
        inner = _expression(s, i + 1, 0, depth + 1, stop)
        if inner is None or inner[1] >= stop or s[inner[1]][0] != RP:
            return None
        tree, i = inner[0], inner[1] + 1
    elif kind == OP and value == "-":
        inner = _expression(s, i + 1, 2, depth + 1, stop)
        if inner is None:
            return None
        tree, i = (-inner[0] if isinstance(inner[0], int | Fraction) else ("-", 0, inner[0])), inner[1]
    elif kind == FUNCTION:
        inner = _operand(s, i + 1, depth + 1, stop)
        if inner is None:
            return None
        tree, i = (value, inner[0]), inner[1]
    else:
        return None
    if i < stop and s[i][0] == PERCENT and s[i][2] == 0:
        return ("%", tree), i + 1
    return tree, i


def evaluate(tree: Tree) -> Number | None:
    """The exact value; None with a name in it, division by zero, an irrational root, or beyond the bounds."""
    if not isinstance(tree, tuple):
        return None if isinstance(tree, str) else tree
    left = evaluate(tree[1])
    if left is None:
        return None
    if tree[0] in FUNCTIONS:
        return _root(left) if tree[0] == "sqrt" else None
    if tree[0] == "%":
        return apply("/", left, 100)
    right = evaluate(tree[2])
    return None if right is None else apply(tree[0], left, right)


def apply(operator: str, left: Number, right: Number) -> Number | None:
    result: Number
    if operator == "+":
        result = left + right
    elif operator == "-":
        result = left - right
    elif operator == "*":
        result = left * right
    elif operator == "/":
        if right == 0:
            return None
        if isinstance(left, int) and isinstance(right, int):
            result = Fraction(left, right) if left % right else left // right
        else:
            result = Fraction(left) / right
    else:
        if not isinstance(right, int) or abs(right) > MAX_POWER or (left == 0 and right < 0):
            return None
        result = left**right if right >= 0 else Fraction(left) ** right
    if not isinstance(result, int):
        result = simplest(result)
    bits = result.bit_length() if isinstance(result, int) else max(result.numerator.bit_length(), result.denominator.bit_length())
    return result if bits <= MAX_BITS else None


def _root(value: Number) -> Number | None:
    from math import isqrt

    if value < 0:
        return None
    top, bottom = isqrt(value.numerator), isqrt(value.denominator)
    return simplest(Fraction(top, bottom)) if top * top == value.numerator and bottom * bottom == value.denominator else None


def without_powers(tree: Tree) -> Tree:
    """The tree with each power of numbers as its value: 3.14 * 5^2 reads 3.14 * 25."""
    if not isinstance(tree, tuple):
        return tree
    if tree[0] == "^":
        value = evaluate(tree)
        return tree if value is None else value
    return (tree[0], *(without_powers(child) for child in tree[1:]))


def leaves(tree: Tree, out: list[Any] | None = None) -> list[Any]:
    """The numbers and names of a tree, left to right."""
    found: list[Any] = [] if out is None else out
    if isinstance(tree, tuple):
        for child in tree[1:]:
            leaves(child, found)
    else:
        found.append(tree)
    return found


def is_composite(tree: Tree) -> bool:
    """More than one number or name; 20% is one."""
    return isinstance(tree, tuple) and not (tree[0] == "%" and not isinstance(tree[1], tuple))


@lru_cache(maxsize=2048)
def provenance(tree: Tree) -> Provenance | None:
    """Which literals a value is made of, and how, up to commutation, association, distribution and 'a half' for '/2'."""
    return _of_two(tree) or _of_any(tree)


def _of_two(tree: Tree) -> Provenance | None:
    """The commonest derivation, of two different whole numbers, written down at once; None for any other."""
    if not isinstance(tree, tuple) or len(tree) != 3:
        return None
    operator, a, b = tree
    if not (isinstance(a, int) and isinstance(b, int) and a > 1 and b > 1 and a != b):
        return None
    if operator in "+-":
        return frozenset({(((a, 1),), 1), (((b, 1),), 1 if operator == "+" else -1)})
    if operator in "*/":
        factors = ((a, 1), (b, 1 if operator == "*" else -1))
        return frozenset({(factors if str(a) < str(b) else factors[::-1], 1)})
    return None


def _of_any(tree: Tree) -> Provenance | None:
    poly = _polynomial(tree, literal=True)
    if poly is None:
        return None
    folded: Polynomial = {}
    for monomial, coefficient in poly.items():
        if isinstance(coefficient, int) and abs(coefficient) > 1:  # 5 + 5 is 2 * 5
            _add(folded, times(monomial, ((abs(coefficient), 1),)), 1 if coefficient > 0 else -1)
        else:
            _add(folded, monomial, coefficient)
    return frozenset(folded.items())


def linear(tree: Tree) -> Polynomial | None:
    """The polynomial over names, with exact coefficients."""
    return _polynomial(tree, literal=False)


def _polynomial(tree: Tree, *, literal: bool) -> Polynomial | None:
    if not isinstance(tree, tuple):
        if isinstance(tree, str):
            return {((tree, 1),): 1}
        return _literal(tree) if literal else ({(): tree} if tree else {})
    left = _polynomial(tree[1], literal=literal)
    if left is None:
        return None
    if tree[0] in FUNCTIONS:
        return {(((tree[0], frozenset(left.items())), 1),): 1}
    if tree[0] == "%":
        return _product(left, {((100, -1),): 1} if literal else {(): Fraction(1, 100)})
    if tree[0] == "^":
        return _power(left, tree[2])
    right = _polynomial(tree[2], literal=literal)
    if right is None:
        return None
    if tree[0] in "+-":
        sign = 1 if tree[0] == "+" else -1
        out = dict(left)
        for monomial, coefficient in right.items():
            _add(out, monomial, sign * coefficient)
        return out if len(out) <= MAX_TERMS else None
    if tree[0] == "*":
        return _product(left, right)
    inverse = _inverse(right)
    return None if inverse is None else _product(left, inverse)


def _literal(value: Number) -> Polynomial:
    if value == 0:
        return {}
    sign, size = (1, value) if value > 0 else (-1, -value)
    if size == 1:
        return {(): sign}
    if isinstance(size, int):
        return {((size, 1),): sign}
    parts = [(size.denominator, -1)] if size.numerator == 1 else [(size.numerator, 1), (size.denominator, -1)]
    return {tuple(sorted(parts, key=_order)): sign}


def order_key(value: Any) -> str:
    """A text that orders bases, monomials and polynomials alike in every process; sets are written in order."""
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(map(order_key, value))) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join(map(order_key, value)) + ")"
    return str(value)


def _order(factor: tuple[Any, int]) -> tuple[str, str]:
    base = factor[0]
    return type(base).__name__, str(base) if isinstance(base, int | str) else order_key(base)


def _add(poly: Polynomial, monomial: Monomial, coefficient: Number) -> None:
    total = poly.get(monomial, 0) + coefficient
    if total:
        poly[monomial] = total
    else:
        poly.pop(monomial, None)


def times(a: Monomial, b: Monomial) -> Monomial:
    if not a:
        return b
    if not b:
        return a
    powers = dict(a)
    for base, exponent in b:
        powers[base] = powers.get(base, 0) + exponent
        if not powers[base]:
            del powers[base]
    return tuple(sorted(powers.items(), key=_order))


def _product(a: Polynomial, b: Polynomial) -> Polynomial | None:
    if len(a) * len(b) > MAX_TERMS:
        return None
    out: Polynomial = {}
    for ma, ca in a.items():
        for mb, cb in b.items():
            coefficient = ca * cb
            bits = coefficient.numerator.bit_length() + coefficient.denominator.bit_length()
            if bits > MAX_BITS:
                return None
            _add(out, times(ma, mb), coefficient if isinstance(coefficient, int) else simplest(coefficient))
    return out


def _inverse(poly: Polynomial) -> Polynomial | None:
    if not poly:
        return None
    if len(poly) == 1:
        ((monomial, coefficient),) = poly.items()
        inverse = coefficient if coefficient in (1, -1) else simplest(Fraction(1) / coefficient)
        return {tuple([(base, -exponent) for base, exponent in monomial]): inverse}
    return {((frozenset(poly.items()), -1),): 1}


def _power(base: Polynomial, exponent: Tree) -> Polynomial | None:
    if not isinstance(exponent, int) or abs(exponent) > MAX_POWER:
        return {((("^", frozenset(base.items()), str(exponent)), 1),): 1}
    if exponent < 0:
        inverse = _inverse(base)
        return None if inverse is None else _power(inverse, -exponent)
    out: Polynomial | None = {(): 1}
    for _ in range(exponent):
        out = _product(out, base) if out is not None else None
    return out


def render(tree: Tree) -> str:
    """The expression as a person would type it: 16 - 3 - 4, (3 + 4) * 2, 0.25 * 80."""
    return _render(tree, 0)


def _render(tree: Tree, floor: int) -> str:
    if isinstance(tree, Fraction):
        decimal = _decimal(tree)
        return decimal if decimal is not None else f"{tree.numerator}/{tree.denominator}"
    if not isinstance(tree, tuple):
        return str(tree)
    if tree[0] in FUNCTIONS:
        return f"{tree[0]}({_render(tree[1], 0)})"
    if tree[0] == "%":
        return f"{_render(tree[1], 3)}%"
    precedence = _PRECEDENCE[tree[0]]
    sign = tree[0] if tree[0] == "^" else f" {tree[0]} "
    text = f"{_render(tree[1], precedence - 1)}{sign}{_render(tree[2], precedence)}"
    return f"({text})" if precedence <= floor else text


def _decimal(value: Fraction) -> str | None:
    """A terminating decimal of at most six places."""
    for places in range(1, 7):
        if (value * 10**places).denominator == 1:
            digits = str(abs(int(value * 10**places))).rjust(places + 1, "0")
            return f"{'-' if value < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return None
