"""What the matching of key steps is worth, measured by MATCHING.md's protocol on real model solutions.

GSM8K model solutions, answer line and calculator marks removed, put into the Mulberry frame as one step; key steps are
the reference's calculations, with and without the final one. Label: whether the solution's answer is right.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from keystep.core.canonical import TOKEN, fold
from keystep.core.derivations import INLINED, compare, form_of
from keystep.core.equations import Equation, read
from keystep.core.lexer import lex
from keystep.core.matching import match, prepare
from keystep.keysteps.rules import extract
from keystep.nouns import KeyStep
from keystep.recipe import Recipe

MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
FRAME = "### Image Description:\nThere is no image.\n\n### Rationales:\nWe work the question out.\n\n### Let's think step by step.\n\n### Step 1:\n{}\n\n"
_CALCULATION = re.compile(r"<<([^<>]*)>>")
_ANSWER_LINE = re.compile(r"^(?:A:|####).*$", re.MULTILINE)


@dataclass(frozen=True)
class Item:
    """One solution: question, key steps of its reference, text without answer and marks, and whether it is right."""

    question: str
    calculations: tuple[str, ...]
    solution: str
    right: bool


def items(shared: Path, *, every: int = 1) -> list[Item]:
    """The solutions in file order; every: take each n-th question only."""
    out = []
    with (shared / "data/gsm8k/example_model_solutions.jsonl").open(encoding="utf-8") as lines:
        for line in list(lines)[::every]:
            row = json.loads(line)
            calculations = tuple(_CALCULATION.findall(row["ground_truth"]))
            for model in MODELS:
                text = _ANSWER_LINE.sub("", _CALCULATION.sub("", row[model]["solution"])).strip()
                out.append(Item(row["question"], calculations, text, bool(row[model]["is_correct"])))
    return out


def auroc(scores: Sequence[float], labels: Sequence[bool]) -> float:
    """Probability that a right one scores above a wrong one, ties half (Mann-Whitney U / n1 n0)."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    rank_sum, at = 0.0, 0
    while at < len(order):
        to = at
        while to < len(order) and scores[order[to]] == scores[order[at]]:
            to += 1
        rank_sum += (at + to + 1) / 2 * sum(labels[order[i]] for i in range(at, to))
        at = to
    positives = sum(labels)
    negatives = len(labels) - positives
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


@lru_cache(maxsize=4096)
def _steps(calculations: tuple[str, ...]) -> tuple[KeyStep, ...]:
    return tuple(KeyStep(c) for c in calculations)


def k_of(item: Item, recipe: Recipe, *, final: bool = True, text: str | None = None) -> tuple[float, float]:
    """(k, k_soft) of one solution; final: with the reference's last calculation among the key steps."""
    steps = _steps(item.calculations if final else item.calculations[:-1])
    framed = FRAME.format(item.solution if text is None else text)
    found = match(prepare(steps, item.question), framed, [(0, len(framed))], recipe)
    return found.k, found.k_soft


def aurocs(rows: Sequence[Item], recipe: Recipe) -> dict[str, float]:
    """AUROC of k and k_soft, with the final key step and without it.

    Without it, questions of one calculation have no key step left, so no k: they are left out there. (MATCHING.md does not say;
    its trivial test, "the step's result appears anywhere", comes out as it states, .83, only this way. ``trivial`` below.)
    """
    out = {}
    for final in (True, False):
        kept = [row for row in rows if final or len(row.calculations) > 1]
        labels = [row.right for row in kept]
        pairs = [k_of(row, recipe, final=final) for row in kept]
        name = "" if final else " without final"
        out["hard" + name] = auroc([k for k, _ in pairs], labels)
        out["soft" + name] = auroc([s for _, s in pairs], labels)
    return out


def trivial(rows: Sequence[Item], *, final: bool) -> float:
    """AUROC of "the step's result appears anywhere": MATCHING.md's yardstick, by which the protocol is checked."""
    kept = [row for row in rows if final or len(row.calculations) > 1]
    scores = []
    for row in kept:
        numbers = {float(n) for n in _numbers(row.solution)}
        results = [float(r) for c in (row.calculations if final else row.calculations[:-1]) for r in _numbers(c.rpartition("=")[2])[-1:]]
        scores.append(sum(r in numbers for r in results) / len(results) if results else 0.0)
    return auroc(scores, [row.right for row in kept])


_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")


def _numbers(text: str) -> list[str]:
    return list(dict.fromkeys(n.replace(",", "") for n in _NUMBER.findall(text)))


def _dump(_item: Item) -> str:
    return " ".join(str(n) for n in range(201))


def _copy(item: Item) -> str:
    return item.question


def _operators(item: Item) -> str:
    """Every a op b = c of the question's numbers."""
    out = []
    numbers = _numbers(item.question)
    for a in numbers:
        for b in numbers:
            x, y = float(a), float(b)
            for op, value in (("+", x + y), ("-", x - y), ("*", x * y), ("/", x / y if y else None)):
                if value is not None and a != b:
                    out.append(f"{a} {op} {b} = {value:g}" if abs(value) < 1e6 else f"{a} {op} {b} = {value:.0f}")
    return ". ".join(out)


def _each(template: str) -> Callable[[Item], str]:
    return lambda item: " ".join(template.format(c) for c in item.calculations)


def _plus_one(item: Item) -> str:
    out = []
    for c in item.calculations:
        left, _, result = c.rpartition("=")
        try:
            out.append(f"{left}={float(result) + 1:g}.")
        except ValueError:
            out.append(f"{left}={result}1.")
    return " ".join(out)


ATTACKS: dict[str, Callable[[Item], str]] = {
    "numbers 0 to 200": _dump,
    "question copied": _copy,
    "operator stuffing": _operators,
    "negated: not true that": _each("It is not true that {}."),
    "negated: is wrong": _each("{} is wrong."),
    "negated: not, that would be": _each("The value is not {}."),
    "result + 1": _plus_one,
    "key steps dumped": lambda item: "\n".join(item.calculations),
    "key steps dumped as a list": lambda item: "Key steps: [" + ", ".join(f'"{c}"' for c in item.calculations) + "]",
}


def attacks(rows: Sequence[Item], recipe: Recipe, *, sample: int = 200) -> Iterator[tuple[str, float, float]]:
    """(attack, mean k, gain) over wrong solutions, the attack appended to each. First row: none."""
    wrong = [row for row in rows if not row.right]
    wrong = random.Random(4).sample(wrong, min(sample, len(wrong)))
    base = sum(k_of(row, recipe)[0] for row in wrong) / len(wrong)
    yield "none", base, 0.0
    for name, attack in ATTACKS.items():
        mean = sum(k_of(row, recipe, text=row.solution + "\n" + attack(row))[0] for row in wrong) / len(wrong)
        yield name, mean, mean - base


def tricky(shared: Path, recipe: Recipe) -> list[tuple[dict[str, object], bool]]:
    """The rows of tricky.jsonl and what the matcher says; earlier reference steps are given as key steps before the one asked."""
    out = []
    with (shared / "data/matching/tricky.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            steps = tuple(KeyStep(s) for s in (*row["context"], row["step"]))
            found = match(prepare(steps), row["text"], [(0, len(row["text"]))], recipe)
            out.append((row, found.matches[-1].matched))
    return out


def extraction(shared: Path, *, every: int = 1) -> tuple[float, float, list[tuple[str, str]]]:
    """(recall, precision, missed) of the rules extractor on GSM8K test references, the annotations stripped.

    An annotated calculation and an extracted key step are the same when they have the same result and are made of the same
    numbers in the same way. Annotations without an operation ("<<124=124>>") state no equation and are left out.
    """
    found = wanted = met = right = 0
    missed: list[tuple[str, str]] = []
    with (shared / "data/gsm8k/test.jsonl").open(encoding="utf-8") as lines:
        for line in list(lines)[::every]:
            row = json.loads(line)
            gold = [e for c in _CALCULATION.findall(row["answer"]) for e in _stated(c)[:1]]
            reference = _CALCULATION.sub("", row["answer"])
            own = [e for step in extract(row["question"], reference) for e in _stated(step.text)[:1]]
            wanted += len(gold)
            found += len(own)
            for equation in gold:
                if any(_same(equation, o) for o in own):
                    met += 1
                else:
                    missed.append((f"{equation.tree} = {equation.result}", reference))
            right += sum(any(_same(equation, g) for g in gold) for equation in own)
    return met / wanted, right / found, missed


def _stated(text: str) -> list[Equation]:
    return [e for e in read(lex(TOKEN.findall(fold(text)))).equations if e.true]


def _same(a: Equation, b: Equation) -> bool:
    if compare(form_of(a), a.tree, b, b.tree) >= INLINED:
        return True
    return compare(form_of(b), b.tree, a, a.tree) >= INLINED
