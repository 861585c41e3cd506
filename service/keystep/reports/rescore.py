"""`keystep rescore`: what the rewards of a ledger or a file would have been by another recipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from keystep import engine, wire
from keystep.batch.ahead import in_chunks
from keystep.batch.rows import BadLine
from keystep.batch.run import progress
from keystep.errors import InputError
from keystep.figures.flips import COMPONENTS, Flips, told
from keystep.processes.scorer import Scorer
from keystep.recipe import Recipe, resolve
from keystep.reports import page, plots, sources
from keystep.reports.sources import Item
from keystep.settings import Settings

# Groups scored at once.
_CHUNK = 64

Spec = str | dict[str, Any]


@dataclass(slots=True)
class Rescored:
    """before: groups by the recipe of then, 'name hash'. rewards: before and after, where both are decided. bad_lines: of a file, those that make no group."""

    recipe: Recipe
    flips: Flips = field(default_factory=Flips)
    before: Counter[str] = field(default_factory=Counter)
    rewards: list[tuple[float, float]] = field(default_factory=list)
    bad_lines: int = 0

    @property
    def about(self) -> list[str]:
        was = [f"from {name} ({n} groups)" for name, n in sorted(self.before.items())]
        bad = [f"{self.bad_lines} lines could not be read"] if self.bad_lines else []
        return [*was, f"to {named(self.recipe)}", *bad]

    def lines(self) -> Iterator[str]:
        yield from self.about
        yield from told(self.flips)


@contextmanager
def scoring(settings: Settings) -> Iterator[Scorer]:
    """An engine of our own with scoring processes."""
    running = Scorer(engine.build(settings), settings.processes)
    running.start()
    try:
        yield running
    finally:
        running.close()


def run(source: Path, to: Spec, before: Spec | None, settings: Settings, console: Console, *, format: str | None = None) -> Rescored:  # noqa: A002
    """before: for a file, the recipe to compare with; a ledger recorded its own. InputError: nothing can be done as asked."""
    recipe = resolve(to)
    if source.is_dir() and before is not None:
        raise InputError("a ledger has recorded what its rewards were; leave --from away", field="from")
    old = None if source.is_dir() else resolve(before)
    found = Rescored(recipe)

    def score(chunk: list[Item | BadLine]) -> tuple[int, list[tuple[Item, Mapping[str, Any], Mapping[str, Any]]]]:
        items = [i for i in chunk if isinstance(i, Item)]
        groups = [wire.group_from(i.group) for i in items]

        def by(one: Recipe) -> list[dict[str, Any]]:
            return [wire.group_to_json(g, "rewards") for g in running.score(groups, one).groups] if groups else []

        then = by(old) if old is not None else [i.recorded or {} for i in items]
        return len(chunk) - len(items), list(zip(items, then, by(recipe), strict=True))

    with scoring(settings) as running, progress(console, 1) as bar:
        task = bar.add_task("rescoring", total=None)
        for bad, scored in in_chunks(sources.read(source, recipe, format), _CHUNK, score):
            found.bad_lines += bad
            for item, then, now in scored:
                found.before[item.recipe or named(old or recipe)] += 1
                found.flips.add(then, now, [r.text for r in item.group.rollouts])
                both = [(r["reward"], s["reward"]) for r, s in zip(then["rollouts"], now["rollouts"], strict=True)]
                found.rewards += [pair for pair in both if None not in pair]
            bar.advance(task, len(scored))
    return found


def html(found: Rescored) -> str:
    """The same, with plots."""
    flips = found.flips
    changes = table_of_changes(flips)
    decided = found.rewards
    high = max([2.1, *(max(pair) for pair in decided)])
    spread = plots.histogram({"before": [old for old, _ in decided], "after": [new for _, new in decided]}, 0.0, high)
    moved = [new - old for old, new in decided if old != new]
    most = max([0.1, *map(abs, moved)])
    signs = page.table(
        ("advantage before and after", "rollouts"), [(f"{old} to {new}", n) for (old, new), n in sorted(flips.signs.items())]
    )
    ranks = page.table(
        ("ranks within groups", ""),
        [
            ("pairs of rollouts turned", flips.inverted),
            ("pairs that became equal", flips.tied),
            ("pairs that were equal", flips.untied),
            ("groups with a turned pair", flips.reordered),
            ("groups with another best rollout", flips.best),
            ("groups with another chosen or rejected", flips.pairs),
        ],
    )
    return page.page(
        "Rescored",
        [*found.about, f"{flips.rollouts} rollouts of {flips.groups} groups"],
        page.section("What changed", changes),
        page.grid(
            page.section("Rewards before and after", spread),
            page.section("Change, of the rewards that changed", plots.histogram({"change": moved}, -most, most)),
            page.section("Signs of advantages", signs),
            page.section("Ranks", ranks),
        ),
        page.section(f"The {len(flips.most)} most changed rollouts", *_most(flips)),
    )


def table_of_changes(flips: Flips) -> str:
    kinds = ("up", "down", "decided", "undecided")
    rows = [(name, flips.changed(name), *(flips.changes[name, kind] for kind in kinds)) for name in COMPONENTS]
    return page.table(("component", "changed", *kinds), rows)


def _most(flips: Flips) -> Sequence[str]:
    found = []
    for one in flips.most:
        rows = [(name, _number(one.before[name]), _number(one.after[name])) for name in COMPONENTS]
        rows.append(("answer", one.before["answer"] or "none", one.after["answer"] or "none"))
        found += [page.note(f"{one.group} · {one.before['id']}"), page.table(("", "before", "after"), rows), page.text(one.text)]
    return found


def _number(value: float | None) -> str:
    return "undecided" if value is None else f"{value:.4f}"


def named(recipe: Recipe) -> str:
    return f"{recipe.name} {recipe.hash}"
