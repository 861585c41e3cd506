"""Relations of one sentence: chains such as a = b = c, and the equations they state.

An ``Equation`` has a composite left side, the value claimed for it, and whether exact arithmetic agrees. A ``Fact`` is a
relation with names in it. Chains are read as people write them: ``2*5 + 3 = 10 + 3 = 13`` states that 2*5 + 3 is 13, and the
abusive ``2*5 = 10 + 3 = 13`` states that 2*5 is 10 and 10 + 3 is 13.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

from keystep.core.canonical import Number, magnitude, simplest
from keystep.core.expressions import Monomial, Polynomial, Tree, evaluate, is_composite, leaves, linear, order_key, parse
from keystep.core.lexer import BREAK, NUM, REL, Symbol
from keystep.nouns import noun

EQUAL: Final = frozenset({"=", "\u2248", "is"})
GAP_BEFORE_RELATION: Final = 7
GAP_AFTER_RELATION: Final = 3
# Single letters that are units of measure and, beside numbers alone, not unknowns.
_UNIT_LETTERS: Final = frozenset({"m", "g", "s", "h", "L", "l", "M"})
MAX_CHAIN: Final = 12  # sides of one chain; the facts it states grow with its square


class Equation(NamedTuple):
    """tree: a composite of numbers.  value: what exact arithmetic gives (None out of bounds).  result: what is claimed.
    first, last: token indices."""

    tree: Tree
    value: Number | None
    result: Number
    true: bool
    first: int
    last: int


class Fact(NamedTuple):
    """A relation with names: left and right trees, relation sign, token indices."""

    left: Tree
    relation: str
    right: Tree
    first: int
    last: int


@noun
class Relations:
    equations: tuple[Equation, ...] = ()
    facts: tuple[Fact, ...] = ()
    # Every equation sign whose sides differ by '≠'.
    unequal: tuple[Equation, ...] = ()


Segment = tuple[Tree, int, int, Number | None]  # tree, first token, last token, value


def read(symbols: list[Symbol]) -> Relations:
    """Every relation that the symbols of one sentence state."""
    equations: list[Equation] = []
    facts: list[Fact] = []
    unequal: list[Equation] = []
    i, n = 0, len(symbols)
    while i < n:
        if symbols[i][0] in (REL, BREAK):
            i += 1
            continue
        parsed = parse(symbols, i)
        if parsed is None:
            i += 1
            continue
        chain, signs, i = _chain(symbols, i, parsed)
        if len(chain) == 1:
            continue
        chain = _without_units(chain)
        if all(segment[3] is not None or _numeric(segment[0]) for segment in chain):
            _equations(chain, signs, equations, unequal)
        else:
            _facts(chain, signs, facts)
            numeric = [segment for segment, sign in zip(chain, ["=", *signs], strict=True) if segment[3] is not None and sign in EQUAL]
            if len(numeric) > 1:
                _equations(numeric, ["="] * (len(numeric) - 1), equations, unequal)
    return Relations(tuple(equations), tuple(facts), tuple(unequal))


def _without_units(chain: list[Segment]) -> list[Segment]:
    """ "52 + 5 = 57 WPM", "5 m + 3 m = 8 m": a name that only measures is none, where without it all is reckoning."""
    if all(segment[3] is not None for segment in chain):
        return chain
    bare = [_unitless(segment[0]) for segment in chain]
    if not all(_numeric(tree) for tree in bare) or not any(is_composite(tree) for tree in bare):
        return chain
    return [(tree, first, last, evaluate(tree)) for tree, (_, first, last, _) in zip(bare, chain, strict=True)]


def _unitless(tree: Tree) -> Tree:
    if not isinstance(tree, tuple):
        return tree
    if tree[0] == "*" and isinstance(tree[2], str) and (tree[2] in _UNIT_LETTERS or (len(tree[2]) > 1 and tree[2].isupper())):
        return _unitless(tree[1])
    return (tree[0], *(_unitless(child) for child in tree[1:]))


def _chain(symbols: list[Symbol], i: int, parsed: tuple[Tree, int]) -> tuple[list[Segment], list[str], int]:
    tree, j = parsed
    chain = [_segment(symbols, tree, i, j)]
    signs: list[str] = []
    while len(chain) < MAX_CHAIN and j + 1 < len(symbols) and symbols[j][0] == REL and symbols[j][2] <= GAP_BEFORE_RELATION:
        sign = str(symbols[j][1])
        k = j + 1
        # "equals" may follow "is": "is equal to 5"; "is = 5".
        while k < len(symbols) and symbols[k][0] == REL and symbols[k][2] <= 1:
            sign, k = str(symbols[k][1]), k + 1
        if k >= len(symbols) or symbols[k][2] > GAP_AFTER_RELATION:
            break
        if sign == "is" and not _is_states(chain[-1], symbols, j, k):
            break
        right = parse(symbols, k)
        if right is None:
            break
        chain.append(_segment(symbols, right[0], k, right[1]))
        signs.append(sign)
        j = right[1]
    return chain, signs, j


def _is_states(left: Segment, symbols: list[Symbol], j: int, k: int) -> bool:
    """The verb 'is' relates two values only right after a composite or a name, and before a number."""
    return symbols[k][0] == NUM and (is_composite(left[0]) or (isinstance(left[0], str) and symbols[j][2] == 0 and symbols[k][2] <= 1))


def _segment(symbols: list[Symbol], tree: Tree, i: int, j: int) -> Segment:
    return tree, symbols[i][3], symbols[j - 1][3], evaluate(tree)


def _numeric(tree: Tree) -> bool:
    return not any(isinstance(leaf, str) for leaf in leaves(tree))


def _equations(chain: list[Segment], signs: list[str], equations: list[Equation], unequal: list[Equation]) -> None:
    for at, (tree, first, _last, value) in enumerate(chain):
        if not is_composite(tree):
            continue
        claimed = _claimed(chain, at)
        if claimed is None:
            continue
        result, last, to = claimed
        sides = signs[min(at, to) : max(at, to)]
        if any(sign not in EQUAL for sign in sides):
            if "\u2260" in sides:
                unequal.append(Equation(tree, value, result, value != result, min(first, last), max(first, last)))
            continue
        true = agrees(value, result, loose="\u2248" in sides)
        target = chain[to][0]
        if not true and isinstance(target, tuple) and target[0] == "%" and value is not None and agrees(value, result * 100):
            result, true = simplest(Fraction(result) * 100), True  # 25/100 * 100 = 25%
        equations.append(Equation(tree, value, result, true, min(first, last), max(first, last)))


def _claimed(chain: list[Segment], at: int) -> tuple[Number, int, int] | None:
    """What a chain says segment ``at`` is worth: (result, its last token, its index in the chain)."""
    value = chain[at][3]
    if at + 1 < len(chain):
        tree, _, last, following = chain[at + 1]
        if not is_composite(tree) and following is not None:
            return following, last, at + 1
        if value is not None and following is not None and value != following and leaves(tree)[0] == value:
            return value, last, at + 1  # 2*5 = 10 + 3
    for to in range(at + 1, len(chain)):
        if not is_composite(chain[to][0]) and chain[to][3] is not None:
            return chain[to][3], chain[to][2], to  # type: ignore[return-value]
    for to in range(at - 1, -1, -1):
        if not is_composite(chain[to][0]) and chain[to][3] is not None:
            return chain[to][3], chain[to][2], to  # type: ignore[return-value]
    # 6/120 = 1/20: with no plain number in the chain, a plain ratio is the result.
    for to in range(len(chain) - 1, -1, -1):
        tree, _, last, worth = chain[to]
        if (
            to != at
            and worth is not None
            and tree[0] == "/"
            and isinstance(tree[1], int)
            and isinstance(tree[2], int)
            and worth != chain[at][0]
        ):
            return worth, last, to
    return None


def agrees(value: Number | None, result: Number, *, loose: bool = False) -> bool:
    """Equal, or equal as far as the result is written out (two significant digits at least)."""
    if value is None:
        return False
    if value == result:
        return True
    if isinstance(value, int) and isinstance(result, int) and not loose:
        return False
    return rounds_to(value, result, loose=loose)


def far(value: Number, other: Number, *, allowed: float, share: float) -> bool:
    """Certainly further apart than ``allowed`` plus a share of the first; floats decide at a fraction of exact arithmetic's cost."""
    one = value.numerator / value.denominator
    return abs(one - other.numerator / other.denominator) > allowed * 1.001 + (share + 1e-9) * abs(one)


def rounds_to(value: Number, result: Number, *, loose: bool = False) -> bool:
    """Whether ``result`` is ``value`` rounded (or cut) to the decimals that ``result`` shows; loosely, within 1 %."""
    if far(value, result, allowed=1.0, share=0.011 if loose else 0.0):
        return False
    # |value - result| = apart / (q * s), for value = p / q and result = r / s; in whole numbers, many times faster than Fractions.
    p, q, r, s = value.numerator, value.denominator, result.numerator, result.denominator
    apart = abs(p * s - r * q)
    if loose and apart * 100 <= abs(p) * s:
        return True
    step = 1
    while step % s and step < 10**24:
        step *= 10
    if step % s:
        return False
    # Two significant digits: 0.3 is no witness of 1/3 against 0.34; a whole number is one of 19.6 but not of 1.6.
    return abs(r) * step >= 10 * s and apart * step < q * s


def _facts(chain: list[Segment], signs: list[str], facts: list[Fact]) -> None:
    for at in range(len(chain) - 1):
        for to in range(at + 1, len(chain)):
            between = signs[at:to]
            sign = "=" if all(s in EQUAL for s in between) else (between[0] if len(between) == 1 else "")
            if sign and not (chain[at][3] is not None and chain[to][3] is not None):
                facts.append(Fact(chain[at][0], sign, chain[to][0], chain[at][1], chain[to][2]))


def normal(fact: Fact | tuple[Tree, Tree]) -> frozenset[tuple[object, Number]] | None:
    """left - right as a polynomial over names, scaled so that sign and factor do not matter."""
    left, right = (fact.left, fact.right) if isinstance(fact, Fact) else fact
    difference = linear(("-", left, right))
    if not difference:
        return None
    scale = difference[_lead(difference)]
    return frozenset((monomial, Fraction(coefficient) / scale) for monomial, coefficient in difference.items())


def _lead(difference: Polynomial) -> Monomial:
    """The monomial a fact is scaled by: the first in an order that no process changes, the constant last."""
    return min(difference, key=lambda monomial: (not monomial, order_key(monomial)))


# (the sign it is reckoned as, whether the sides are exchanged)
_ORIENTED: Final = {"<": (">", True), "<=": (">=", True), ">": (">", False), ">=": (">=", False)}


def _oriented(fact: Fact) -> frozenset[object]:
    """x > 5 and 5 < x: the greater side less the smaller, up to a positive factor."""
    sign, exchanged = _ORIENTED[fact.relation]
    left, right = (fact.right, fact.left) if exchanged else (fact.left, fact.right)
    difference = linear(("-", left, right))
    if not difference:
        return frozenset()
    scale = magnitude(difference[_lead(difference)])
    return frozenset({(sign, frozenset((monomial, Fraction(c) / scale) for monomial, c in difference.items()))})


def fact_keys(fact: Fact) -> frozenset[object]:
    """What two facts share when they say the same; a lone small letter may be called otherwise (4n = 272, 4x = 272)."""
    if fact.relation in _ORIENTED:
        return _oriented(fact)
    own = normal(fact)
    if own is None:
        return frozenset()
    sign = "=" if fact.relation in EQUAL else fact.relation
    names = {base for monomial, _ in own for base, _ in monomial}  # type: ignore[attr-defined]
    keys: set[object] = {(sign, own)}
    if (
        len(names) == 1
        and all(isinstance(n, str) and len(n) == 1 and n.islower() for n in names)
        and not (isinstance(fact.left, str) or isinstance(fact.right, str))
    ):
        keys.add((sign, frozenset((tuple(("?", power) for _, power in monomial), coefficient) for monomial, coefficient in own)))  # type: ignore[attr-defined]
    return frozenset(keys)
