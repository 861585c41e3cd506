"""A chain of additions and subtractions over 0..19: the task that a model of under a million parameters learns in minutes.

    7 + 5 - 3        7 + 5 = 12, 12 - 3 = 9        9

Its key steps are the equations, operands and all: a bare number would match by chance.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import accumulate, pairwise

from keystep_train.tasks.question import BROKEN_ORDERS, Flaws, Layout, Question, Split, split_rng

TOP = 19
_LARGEST_OPERAND = 9
_DESCRIPTION = "A chain."
_RATIONALE = "In order."


@dataclass(frozen=True)
class Chain:
    """start, then (operator, operand) each; every result, from start on, lies in 0..TOP, every operand in 1..9."""

    start: int
    terms: tuple[tuple[str, int], ...]

    def results(self) -> list[int]:
        """start, and the result after each term."""
        values = [self.start]
        for operator, operand in self.terms:
            values.append(_apply(values[-1], operator, operand))
        return values

    def text(self) -> str:
        return str(self.start) + "".join(f" {operator} {operand}" for operator, operand in self.terms)


class Arithmetic:
    """difficulty: the number of terms after the first."""

    name = "arithmetic"

    def __init__(self, *, difficulty: int = 5, seed: int = 0) -> None:
        if not 1 <= difficulty <= 9:
            raise ValueError(f"difficulty is {difficulty}; an arithmetic chain has 1 to 9 terms")
        self.difficulty = difficulty
        self.seed = seed

    def question(self, split: Split, index: int) -> Question:
        chain = self.chain(split, index)
        steps = _equations(chain, chain.results())
        return Question(
            id=f"{self.name}/{self.difficulty}/{split}/{index}",
            prompt=chain.text() + "\n",
            answer=str(chain.results()[-1]),
            reference=_layout(chain, chain.results()).text(),
            key_steps=tuple((step,) for step in steps),
        )

    def response(self, split: Split, index: int, flaws: Flaws, rng: random.Random) -> str:
        chain = self.chain(split, index)
        order = rng.choice(BROKEN_ORDERS) if rng.random() < flaws.layout else Layout.order
        return _layout(chain, _flawed_results(chain, flaws, rng), order).wordy(flaws.filler, rng).text()

    def texts(self) -> list[str]:
        numbers = "\n".join(f"{n} + {n} - {n} = {n}" for n in range(TOP + 1))
        return [numbers, self.question("train", 0).reference]

    def chain(self, split: Split, index: int) -> Chain:
        """Drawn anew until it belongs to the split: which of the two a chain belongs to is written in the chain itself."""
        rng = split_rng(self.seed, split, index)
        while True:
            chain = _draw(rng, self.difficulty)
            if _split_of(chain) == split:
                return chain


def _draw(rng: random.Random, terms: int) -> Chain:
    start = value = rng.randint(0, TOP)
    drawn = []
    for _ in range(terms):
        operator = rng.choice([sign for sign, room in (("+", TOP - value), ("-", value)) if room])
        operand = rng.randint(1, min(_LARGEST_OPERAND, TOP - value if operator == "+" else value))
        value = _apply(value, operator, operand)
        drawn.append((operator, operand))
    return Chain(start, tuple(drawn))


def _split_of(chain: Chain) -> Split:
    """A quarter of all chains are for testing."""
    return "test" if sum(chain.results()) % 4 == 0 else "train"


def _apply(value: int, operator: str, operand: int) -> int:
    return value + operand if operator == "+" else value - operand


def _equations(chain: Chain, results: list[int]) -> list[str]:
    return [
        f"{before} {operator} {operand} = {after}"
        for (before, after), (operator, operand) in zip(pairwise(results), chain.terms, strict=True)
    ]


def _layout(chain: Chain, results: list[int], order: tuple[str, ...] = Layout.order) -> Layout:
    return Layout(_DESCRIPTION, _RATIONALE, _equations(chain, results), str(results[-1]), order)


def _flawed_results(chain: Chain, flaws: Flaws, rng: random.Random) -> list[int]:
    """A wrong step has another result, from which the rest of the chain stays within 0..TOP; where there is none, it is right."""
    changes = [_apply(0, operator, operand) for operator, operand in chain.terms]
    results = [chain.start]
    for i, (operator, _) in enumerate(chain.terms):
        right = results[-1] + changes[i]
        rest = list(accumulate(changes[i + 1 :], initial=0))
        others = [n for n in range(-min(rest), TOP - max(rest) + 1) if n != right]
        wrong = others and flaws.only in {None, operator} and rng.random() < flaws.step
        results.append(rng.choice(others) if wrong else right)
    return results
