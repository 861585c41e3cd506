"""Numeric key steps against the equations of a rollout.

What a score says (MATCHING.md, "A design that worked"):

    1.0   the same operands, the same operation, the same result
    0.95  the same once intermediate results are written out: 3+4=7 and 16-7=9 derive 16-3-4=9
    0.9   the same in another unit: 100+200=300 cents as $1 + $2 = $3
    0.85  another true derivation of the same result from the same numbers
    0.8   part of a longer derivation: 11+4 within 36-11-4=21
    0.75  at most: prose in which every number of the key step stands, the result among them

A false equation supports nothing, and an equation with the key step's left side and another result vetoes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Final

from keystep.core.canonical import Number
from keystep.core.equations import Equation, agrees
from keystep.core.expressions import (
    MAX_POWER,
    Monomial,
    Provenance,
    Tree,
    evaluate,
    is_composite,
    leaves,
    order_key,
    provenance,
    times,
    without_powers,
)
from keystep.nouns import noun

SAME: Final = 1.0
INLINED: Final = 0.95
SCALED: Final = 0.9
REDERIVED: Final = 0.85
SUBSUMED: Final = 0.8
PROSE: Final = 0.75

# Ratios between units a reader converts without a word: cents, percent, minutes, hours, dozens, grams.
SCALES: Final[tuple[Number, ...]] = (100, 60, 1000)
MAX_EXPANSIONS: Final = 24


@noun
class EquationForm:
    """A key step's form that reckons: tree = result. numbers: its operands as they are called."""

    tree: Tree
    result: Number
    numbers: tuple[Number, ...]


def form_of(equation: Equation) -> EquationForm:
    return EquationForm(
        equation.tree, equation.result, tuple(dict.fromkeys(abs(x) for x in leaves(equation.tree) if not isinstance(x, str)))
    )


class Definitions:
    """What each intermediate value was derived from; the first derivation stands."""

    def __init__(self, equations: Iterable[tuple[Tree, Number]]) -> None:
        self._of: dict[Number, Tree] = {}
        for tree, result in equations:
            if result not in self._of and result not in (0, 1):
                self._of[result] = tree

    def __contains__(self, value: object) -> bool:
        return value in self._of

    def expand(self, tree: Tree, result: Number) -> Tree:
        """The tree (of that result) with every derived value written out, down to what was given."""
        return self._expand(tree, frozenset({result}), [MAX_EXPANSIONS])

    def _expand(self, tree: Tree, within: frozenset[Number], budget: list[int]) -> Tree:
        if isinstance(tree, tuple):
            return (tree[0], *(self._expand(child, within, budget) for child in tree[1:]))
        if isinstance(tree, str) or tree in within or tree not in self._of or budget[0] <= 0:
            return tree
        budget[0] -= 1
        return self._expand(self._of[tree], within | {tree}, budget)


@lru_cache(maxsize=1024)
def operands(tree: Tree) -> frozenset[Number]:
    """The numbers a derivation starts from, 0, 1 and 100 (a percent) aside; n and 1/n are one."""
    found = set()
    for leaf in leaves(tree):
        if isinstance(leaf, str) or leaf in (0, 1, 100):
            continue
        size = abs(leaf)
        found.add(size.denominator if size.numerator == 1 else size)
    return frozenset(found)


def compare(form: EquationForm, form_expanded: Tree, equation: Equation, expanded: Tree) -> float:
    """The score of a true equation of the rollout for a form, 0 when it derives something else."""
    if not same_result(form.result, equation.result):
        return _scaled(form, equation)
    own = provenance(form.tree)
    if own is not None and own == provenance(equation.tree):
        return SAME
    mine = {own, provenance(form_expanded), provenance(without_powers(form.tree))} - {None}
    theirs = {provenance(equation.tree), provenance(expanded), provenance(without_powers(equation.tree))} - {None}
    if mine & theirs:
        return INLINED
    if any(_same_terms(m, t) for m in mine for t in theirs if m is not None and t is not None):
        return INLINED
    wanted = (operands(form.tree), operands(form_expanded))
    offered = (operands(equation.tree), operands(expanded))
    if any(w and w == o for w in wanted for o in offered):
        return REDERIVED
    return max(_overlap(w, o) for w in wanted for o in offered)


def subsumed(form: EquationForm, form_expanded: Tree, expanded: Tree, *, strictly: bool = False) -> bool:
    """Whether a true derivation contains the form's: its terms, times one common factor, among the derivation's terms."""
    whole = provenance(expanded)
    if whole is None:
        return False
    return any(
        _within(part, whole, strictly=strictly)
        for tree in {form.tree, form_expanded}
        if len(operands(tree)) > 1 and (part := provenance(tree)) is not None and sum(map(len, dict(part))) > 1
    )


def _within(part: Provenance, whole: Provenance, *, strictly: bool) -> bool:
    if len(part) > len(whole) or (strictly and len(part) == len(whole)):
        return False
    terms = dict(whole)
    (first, first_sign), *rest = _ordered(part)
    for term, sign in terms.items():
        factor = _quotient(term, first)
        if factor is None:
            continue
        flip = sign * first_sign
        if strictly and ((len(part) > 1 and flip == 1 and not factor) or (len(part) == 1 and factor)):
            continue
        if all(terms.get(times(t, factor)) == flip * c for t, c in rest):
            return True
    return False


@lru_cache(maxsize=1024)
def _ordered(part: Provenance) -> list[tuple[Monomial, Number]]:
    """Its terms in an order that is the same in every process."""
    return sorted(part, key=order_key) if len(part) > 1 else list(part)


def _quotient(term: Monomial, divisor: Monomial) -> Monomial | None:
    """term / divisor where the divisor's factors all stand in the term, else None."""
    powers = dict(term)
    for base, exponent in divisor:
        own = powers.get(base, 0)
        if own * exponent <= 0 or abs(own) < abs(exponent):
            return None
        powers[base] = own - exponent
    return tuple((base, exponent) for base, exponent in powers.items() if exponent)


def _same_terms(mine: Provenance, theirs: Provenance) -> bool:
    """Term by term the same but for how a share is written: 20/100 * 1000, 0.2 * 1000."""
    if len(mine) != len(theirs) or len(mine) > 6:
        return False
    rest = list(theirs)
    for term in mine:
        same = next((t for t in rest if t == term or _same_share(term, t)), None)
        if same is None:
            return False
        rest.remove(same)
    return True


def _same_share(a: tuple[Monomial, Number], b: tuple[Monomial, Number]) -> bool:
    if a[1] != b[1]:
        return False
    own, other = Counter(dict(a[0])), Counter(dict(b[0]))
    shared = {base for base in own if own[base] == other.get(base)}
    left = [f for f in a[0] if f[0] not in shared]
    right = [f for f in b[0] if f[0] not in shared]
    if (
        not shared
        or len(left) > 2
        or len(right) > 2
        or not any(base in (10, 100, 1000) and exponent < 0 for base, exponent in (*left, *right))
    ):
        return False
    mine, theirs = _product_of(left), _product_of(right)
    return mine is not None and mine == theirs


def _product_of(factors: Iterable[tuple[object, int]]) -> Fraction | None:
    out = Fraction(1)
    for base, exponent in factors:
        if not isinstance(base, int | Fraction) or not base or abs(exponent) > MAX_POWER:
            return None
        out *= Fraction(base) ** exponent
    return out


def _overlap(wanted: frozenset[Number], offered: frozenset[Number]) -> float:
    """Another route to the same result: worth what it shares of the numbers it starts from, below the threshold unless most."""
    if not wanted or not offered:
        return 0.0
    return REDERIVED * len(wanted & offered) / len(wanted | offered)


def same_result(wanted: Number, offered: Number) -> bool:
    """Equal, or one the other rounded to at least two significant digits."""
    if wanted == offered:
        return True
    if isinstance(wanted, int) and isinstance(offered, int):
        return False
    return agrees(wanted, offered) or agrees(offered, wanted)


def _scaled(form: EquationForm, equation: Equation) -> float:
    """100 + 200 = 300 cents and 1 + 2 = 3 dollars: every term and the result by one known factor."""
    if not form.result or not equation.result:
        return 0.0
    ratio = Fraction(form.result) / equation.result
    if ratio not in SCALES and 1 / ratio not in SCALES:
        return 0.0
    if ratio in (100, Fraction(1, 100)) and _without_percent(form.tree) == _without_percent(equation.tree) is not None:
        return INLINED
    mine, theirs = _terms(form.tree), _terms(equation.tree)
    if mine is None or theirs is None or len(mine) != len(theirs):
        return 0.0
    if len(mine) > 1:
        return SCALED if sorted(theirs) == sorted(t / ratio for t in mine) else 0.0
    # 40 * 5 = 200 cents, 40 * 0.05 = 2 dollars: one factor of each by the same ratio, another shared.
    own, other = Counter(_factors(form.tree)), Counter(_factors(equation.tree))
    left, right = list((own - other).elements()), list((other - own).elements())
    decimal = len(left) == len(right) == 1 and max(left[0].denominator, right[0].denominator) > 1
    return SCALED if own & other and decimal and left[0] == right[0] * ratio else 0.0


def _without_percent(tree: Tree) -> Provenance | None:
    """4/20 * 100, 4/20 * 100% and 4/20 as one: how the share is called does not matter beside the same result."""
    own = provenance(tree)
    if own is None:
        return None
    return frozenset((tuple(f for f in monomial if f[0] != 100), coefficient) for monomial, coefficient in own)


def _factors(tree: Tree) -> list[Fraction]:
    """The values multiplied together; dividing by n multiplies by 1/n. A percent is one value."""
    if is_composite(tree) and tree[0] == "*":
        return _factors(tree[1]) + _factors(tree[2])
    if is_composite(tree) and tree[0] == "/":
        return _factors(tree[1]) + [1 / f for f in _factors(tree[2]) if f]
    value = evaluate(tree)
    return [] if value is None else [Fraction(value)]


def _terms(tree: Tree, sign: int = 1) -> list[Fraction] | None:
    """The values of the summands, None when one cannot be reckoned."""
    if is_composite(tree) and tree[0] in ("+", "-"):
        left, right = _terms(tree[1], sign), _terms(tree[2], sign if tree[0] == "+" else -sign)
        return None if left is None or right is None else left + right
    value = evaluate(tree)
    return None if value is None else [Fraction(sign * value)]


def conflicts(form: EquationForm, equation: Equation) -> bool:
    """The same left side, another result."""
    if same_result(form.result, equation.result):
        return False
    own = provenance(form.tree)
    return own is not None and own == provenance(equation.tree) and not (equation.true and evaluate(form.tree) != form.result)


def coverage(form: EquationForm, values: Iterable[Number]) -> float:
    """Prose: the share of the form's numbers among a sentence's, 0 without the result; at most PROSE."""
    stated = set(values)
    if form.result not in stated and not any(same_result(form.result, v) for v in stated):
        return 0.0
    wanted = [n for n in form.numbers if n not in (0, 1)] or list(form.numbers)
    if not wanted:
        return 0.0
    met = sum(n in stated or _as_share(n, stated) for n in wanted)
    # A result that is also an operand must be said twice to have been derived.
    return PROSE * (met + 1) / (len(wanted) + 1)


def _as_share(n: Number, stated: set[Number]) -> bool:
    """0.25 said as 25 (percent), 1/3 as 3 ("a third"), 4 as 0.25."""
    if isinstance(n, int):
        return n > 1 and any(v.numerator == 1 and v.denominator == n for v in stated)
    return n * 100 in stated or Fraction(1) / n in stated
