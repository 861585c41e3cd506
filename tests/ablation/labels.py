"""Labelled pairs (a key step, a text that states it or does not), and how many of them a matcher judges right."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from keystep.core.matching import Matching, match, prepare
from keystep.models.embedder import Embedder
from keystep.nouns import KeyStep, Span
from keystep.recipe import Recipe

HERE = Path(__file__).parent
CORE = HERE.parent / "core"

Match = Callable[..., Matching]
# (key steps, the last of which is judged; question; text; whether it is stated)
Label = tuple[tuple[KeyStep, ...], str, str, bool]


def asking(embedder: Embedder) -> Match:
    """``match`` in the two phases of a service: what is undecided is asked, then decided."""

    def two_phases(prepared, text: str, regions: Sequence[Span], recipe: Recipe) -> Matching:
        found = match(prepared, text, regions, recipe)
        if not found.undecided:
            return found
        pairs = list(dict.fromkeys(u.pair for u in found.undecided))
        return match(prepared, text, regions, recipe, dict(zip(pairs, embedder.similarity(pairs), strict=True)))

    return two_phases


def right(labels: Sequence[Label], recipe: Recipe, judge: Match) -> tuple[int, int]:
    """(statements found, other texts taken for one)."""
    said = [
        (stated, judge(prepare(steps, question), text, [(0, len(text))], recipe).matches[-1].matched)
        for steps, question, text, stated in labels
    ]
    return sum(found for stated, found in said if stated), sum(found for stated, found in said if not stated)


def traps() -> list[Label]:
    return [((KeyStep(t["key"][0], tuple(t["key"][1:])),), "", t["text"], t["match"]) for t in _rows(CORE / "traps.jsonl")]


def blind() -> list[Label]:
    return [_in_context(t, t["question"]) for t in _rows(CORE / "blind.jsonl")]


def tricky(shared: Path) -> list[Label]:
    return [_in_context(t, "") for t in _rows(shared / "data/matching/tricky.jsonl")]


def paraphrases(which: str) -> list[Label]:
    """which: 'first' and 'second', on which the gates and the threshold of the embedding tier were chosen, or 'last', written after that."""
    return [
        ((KeyStep(row["key"]),), "", row[kind], kind == "paraphrase")
        for row in _rows(HERE / "paraphrases.jsonl")
        if row["set"] == which
        for kind in ("paraphrase", "opposite", "other")
    ]


def _in_context(row: dict, question: str) -> Label:
    return tuple(KeyStep(step) for step in (*row["context"], row["step"])), question, row["text"], row["match"]


def _rows(path: Path) -> Iterator[dict]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
