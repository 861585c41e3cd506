"""The equations and facts a rollout states, indexed once for all key steps."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache
from typing import Final

from mypy_extensions import mypyc_attr

from keystep.core.canonical import Number, simplest
from keystep.core.derivations import SCALES, Definitions, same_result
from keystep.core.equations import Equation, Fact, agrees, fact_keys, far
from keystep.core.expressions import Provenance, Tree, evaluate, is_composite, leaves, provenance
from keystep.core.lazy import lazy
from keystep.core.reading import Reading
from keystep.nouns import Span

# All of a name but what its spelling leaves open: signs, Greek, and from an index or a prime on.
_LETTERS: Final = re.compile(r"[_'].*|[^A-Za-z0-9]", re.DOTALL)


@mypyc_attr(native_class=False)
class Stated:
    """An equation where it stands. denied: why it is not asserted there, None when it is."""

    def __init__(self, equation: Equation, sentence: int, reading: Reading) -> None:
        self.equation, self.sentence, self._reading = equation, sentence, reading

    @lazy
    def denied(self) -> str | None:
        return self._reading.denied(self.sentence, self.equation.first, self.equation.last, equation=True)

    @lazy
    def span(self) -> Span:
        return self._reading.span(self.sentence, self.equation.first, self.equation.last)


@mypyc_attr(native_class=False)
class StatedFact:
    """A fact and the sentence it stands in."""

    def __init__(self, fact: Fact, sentence: int) -> None:
        self.fact, self.sentence = fact, sentence

    @lazy
    def names(self) -> frozenset[str]:
        return frozenset(leaf for side in (self.fact.left, self.fact.right) for leaf in leaves(side) if isinstance(leaf, str))


@mypyc_attr(native_class=False)
class Statements:
    """Everything of the kind a = b in a reading. Equations explain each other, so all are read once one is asked for; a fact
    stands alone, so only sentences with its names are."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @lazy
    def equations(self) -> list[Stated]:
        reading = self._reading
        return [Stated(e, at, reading) for at in reading.stating for e in reading.sentence(at).relations.equations] + self._bound()

    @lazy
    def _by_result(self) -> dict[Number, list[Stated]]:
        out: dict[Number, list[Stated]] = {}
        for stated in self.equations:
            if stated.equation.true:
                out.setdefault(stated.equation.result, []).append(stated)
        return out

    @lazy
    def _fractions(self) -> bool:
        """Whether any result is no whole number."""
        return any(not isinstance(result, int) for result in self._by_result)

    @lazy
    def by_provenance(self) -> dict[Provenance, list[Stated]]:
        out: dict[Provenance, list[Stated]] = {}
        for stated in self.equations:
            own = provenance(stated.equation.tree)
            if own is not None:
                out.setdefault(own, []).append(stated)
        return out

    def _bound(self) -> list[Stated]:
        """J = 52 - 8 and, elsewhere, J = 44: what a name was set to and what it is found to be make an equation."""
        composites: dict[str, tuple[Fact, int]] = {}
        out: list[Stated] = []
        for stated in self._facts(self._reading.stating):
            fact = stated.fact
            if fact.relation != "=" or not isinstance(fact.left, str):
                continue
            if is_composite(fact.right):
                if evaluate(fact.right) is not None:
                    composites[fact.left] = (fact, stated.sentence)
            elif fact.left in composites and composites[fact.left][1] != stated.sentence and isinstance(fact.right, int | Fraction):
                start, sentence = composites.pop(fact.left)
                value = evaluate(start.right)
                out.append(
                    Stated(
                        Equation(start.right, value, fact.right, agrees(value, fact.right), start.first, start.last),
                        sentence,
                        self._reading,
                    )
                )
        return out

    def with_result(self, result: Number) -> list[Stated]:
        """The true equations with that result, rounded, or scaled by a known factor, in the order they stand."""
        found = list(self._by_result.get(result, ()))
        for other, stated in self._by_result.items() if self._fractions or not isinstance(result, int) else ():
            if (
                not (isinstance(other, int) and isinstance(result, int))
                and other != result
                and not far(result, other, allowed=1.0, share=0.0)
                and same_result(result, other)
            ):
                found += stated
        for scaled in _scaled(result):
            if self._fractions or isinstance(scaled, int):
                found += self._by_result.get(scaled, ())
        return found

    @lazy
    def asserted(self) -> list[Stated]:
        return [s for s in self.equations if s.equation.true and s.denied is None]

    @lazy
    def definitions(self) -> Definitions:
        return Definitions((s.equation.tree, s.equation.result) for s in self.asserted)

    def expanded(self, stated: Stated) -> Tree:
        return self.definitions.expand(stated.equation.tree, stated.equation.result)

    @lazy
    def conclusion(self) -> tuple[Stated, ...]:
        """The last derivation of the rollout."""
        return tuple(self.asserted[-1:])

    def matching(self, keys: frozenset[object], names: frozenset[str]) -> list[StatedFact]:
        """The facts that say what the keys say (a lone small letter may be called otherwise)."""
        renamed = len(names) == 1 and all(len(n) == 1 and n.islower() for n in names)
        # As much of each name as is sure to be written: \alpha is not, nor is the sign of an angle.
        written = [] if renamed else [w for n in names if (w := _LETTERS.sub("", n))]
        folded, bounds = self._reading.folded, self._reading.bounds
        worth = [at for at in self._reading.stating if all(folded.find(w, *bounds[at]) >= 0 for w in written)]
        return [f for f in self._facts(worth) if (f.names == names or (renamed and len(f.names) == 1)) and keys & fact_keys(f.fact)]

    def _facts(self, sentences: Iterable[int]) -> list[StatedFact]:
        return [StatedFact(f, at) for at in sentences for f in self._reading.sentence(at).relations.facts]


@lru_cache(maxsize=512)
def _scaled(result: Number) -> tuple[Number, ...]:
    """A result in other units: times and divided by each known factor."""
    exact = Fraction(result)
    return tuple(simplest(value) for scale in SCALES for value in (exact * scale, exact / scale)) if result else ()
