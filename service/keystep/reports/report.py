"""`keystep report`: a run on one page. Rewards are those of a ledger, or what a recipe gives a file; evidence is made anew for both."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from keystep import wire
from keystep.batch.ahead import in_chunks
from keystep.batch.benchmarks import Tally
from keystep.batch.rows import BadLine
from keystep.batch.run import progress
from keystep.errors import InputError
from keystep.figures.alarm import LEAST_POINTS, alarms
from keystep.figures.points import COMPONENTS, MOST, Point, merged, seen_on_the_wire
from keystep.processes.scorer import Scorer
from keystep.recipe import Recipe, resolve
from keystep.reports import page, plots, sources
from keystep.reports.rescore import Spec, named, scoring
from keystep.reports.sources import Item
from keystep.settings import Settings

# Groups scored at once, groups of the finest point, points drawn at most, key steps told by position.
_CHUNK, _FINE, _POINTS, _POSITIONS = 64, 4, 60, 15
_MEASURES = (*COMPONENTS, "length")

_Scored = tuple[Item, Mapping[str, Any], Mapping[str, Any]]


@dataclass(slots=True)
class Run:
    """points: some groups each, in order.  rows: a rollout each, as _MEASURES.  matched: (of, key steps) by position.

    recipes: groups by recipe.  tallies: by profile.  differ: rollouts of a ledger that come to another reward today.
    """

    points: list[Point] = field(default_factory=list)
    rows: list[tuple[float | None, ...]] = field(default_factory=list)
    matched: list[list[int]] = field(default_factory=lambda: [[0, 0] for _ in range(_POSITIONS)])
    recipes: Counter[str] = field(default_factory=Counter)
    tallies: dict[str, Tally] = field(default_factory=dict)
    differ: int = 0
    bad_lines: int = 0

    def add(self, item: Item, given: Mapping[str, Any], again: Mapping[str, Any]) -> None:
        """given: the rewards that count.  again: with evidence."""
        texts = [r.text for r in item.group.rollouts]
        if not self.points or self.points[-1].groups >= _FINE:
            self.points.append(Point())
        self.points[-1].add(seen_on_the_wire(wire.group_from(item.group), given))
        for text, scored, fresh in zip(texts, given["rollouts"], again["rollouts"], strict=True):
            self.rows.append((*(scored[name] for name in COMPONENTS), float(len(text))))
            self.differ += scored["reward"] != fresh["reward"]
            for position, step in enumerate((fresh["evidence"] or {"key_steps": ()})["key_steps"][:_POSITIONS]):
                self.matched[position][0] += step["matched"]
                self.matched[position][1] += 1
        profile = item.group.profile or "none"
        self.tallies.setdefault(profile, Tally(profile)).add(given)


def run(source: Path, by: Spec, settings: Settings, console: Console, *, format: str | None = None) -> Run:  # noqa: A002 - as the option
    """by: the recipe of a file; a ledger recorded its own. InputError: nothing can be done as asked."""
    recipe = resolve(by)
    found = Run()
    with scoring(settings) as running, progress(console, 1) as bar:
        task = bar.add_task("scoring", total=None)

        def score(chunk: list[Item | BadLine]) -> tuple[int, list[_Scored]]:
            items = [i for i in chunk if isinstance(i, Item)]
            return len(chunk) - len(items), list(_evidence(running, items, recipe))

        for bad, scored in in_chunks(sources.read(source, recipe, format), _CHUNK, score):
            found.bad_lines += bad
            for item, given, again in scored:
                found.recipes[item.recipe or named(recipe)] += 1
                found.add(item, given, again)
            bar.advance(task, len(scored))
    if not found.rows:
        raise InputError(f"{source} has no group that could be scored", field="in")
    return found


def _evidence(running: Scorer, items: Sequence[Item], recipe: Recipe) -> Iterator[_Scored]:
    """Each by the recipe that it was scored by."""
    for spec, some in groupby(items, key=lambda i: orjson.dumps(i.spec, option=orjson.OPT_SORT_KEYS)):
        same = list(some)
        one = recipe if same[0].spec is None else resolve(orjson.loads(spec))
        scored = running.score([wire.group_from(i.group) for i in same], one).groups
        for item, group in zip(same, scored, strict=True):
            again = wire.group_to_json(group, "evidence")
            yield item, item.recorded or again, again


def html(found: Run) -> str:
    """The page. Pure."""
    points = _fewer(found.points)
    whole = merged(points)
    about = [f"{whole.rollouts} rollouts of {whole.groups} groups", *(f"{name} ({n} groups)" for name, n in sorted(found.recipes.items()))]
    if found.differ:
        about.append(f"{found.differ} rewards would be others today: another version, or what was undecided then")
    if found.bad_lines:
        about.append(f"{found.bad_lines} lines could not be read")
    return page.page(
        "Report of a run",
        about,
        page.section("In short", _means(whole)),
        page.section("Hack alarm", *_alarm(points)),
        page.grid(*_curves(points)),
        page.grid(*_histograms(found)),
        page.grid(
            page.section("Length against reward", plots.scatter(_pairs(found.rows, "length", "reward"), "characters", "reward")),
            page.section("Key steps matched, by their position", plots.bars(_positions(found), 1.0), page.note(_positions_note(found))),
            page.section("Correlations", _correlations(found.rows), page.note("Pearson's r, over rollouts in which both are decided.")),
            page.section("Undecided and flags", page.table(("reason or flag", "rollouts"), _named(whole))),
        ),
        page.section("Benchmarks", _benchmarks(found.tallies)),
    )


def _means(whole: Point) -> str:
    rows = [(name, _number(whole.mean(name)), whole.counts[name], whole.rollouts - whole.counts[name]) for name in COMPONENTS]
    told = page.table(("component", "mean", "decided", "undecided"), rows)
    return told + page.note(
        f"{whole.zero_variance} of {whole.groups} groups have zero variance; texts have {whole.mean_length:.0f} characters on average."
    )


def _alarm(points: Sequence[Point]) -> list[str]:
    if len(points) < LEAST_POINTS:
        return [page.note("too short a run to tell")]
    found = alarms(points)
    if not found:
        return [page.note("Nothing in the dynamics looks like a hack.")]
    return [
        page.table(
            ("what", "look at"),
            [(f"{a.rule}: {a.message}", ", ".join(f"{rollout} of {group}" for group, rollout in a.evidence)) for a in found],
        )
    ]


def _curves(points: Sequence[Point]) -> list[str]:
    def course(name: str) -> list[float | None]:
        return [p.mean(name) for p in points]

    each = page.note(f"Each of the {len(points)} points is {points[0].groups} groups, in the order of the input.")
    parts = {name: course(name) for name in ("outcome", "step_rvr", "key_steps_matched")}
    return [
        page.section("Reward", plots.lines({"reward": course("reward")}), each),
        page.section("Its parts", plots.lines(parts, low=0.0, high=1.0)),
        page.section("Length, characters", plots.lines({"length": [p.mean_length for p in points]}, low=0.0)),
        page.section(
            "Signal",
            plots.lines(
                {"zero-variance groups": [p.zero_variance_share for p in points], "std of a group": [p.mean_std for p in points]}, low=0.0
            ),
        ),
    ]


def _histograms(found: Run) -> list[str]:
    def values(name: str) -> list[float]:
        at = _MEASURES.index(name)
        return [v for row in found.rows if (v := row[at]) is not None]

    return [page.section(name, plots.histogram({name: values(name)}, 0.0, MOST[name])) for name in COMPONENTS]


def _pairs(rows: Sequence[tuple[float | None, ...]], x: str, y: str) -> list[tuple[float, float]]:
    i, j = _MEASURES.index(x), _MEASURES.index(y)
    return [(a, b) for row in rows if (a := row[i]) is not None and (b := row[j]) is not None]


def _correlations(rows: Sequence[tuple[float | None, ...]]) -> str:
    def cell(x: str, y: str) -> str:
        r = _pearson(_pairs(rows, x, y))
        return "" if r is None else f"{r:.2f}"

    return page.table(("", *_MEASURES), [(x, *(cell(x, y) for y in _MEASURES)) for x in _MEASURES])


def _pearson(pairs: Sequence[tuple[float, float]]) -> float | None:
    """None where one of them does not vary."""
    n = len(pairs)
    if n < 2:
        return None
    x, y = math.fsum(a for a, _ in pairs) / n, math.fsum(b for _, b in pairs) / n
    both = math.fsum((a - x) * (b - y) for a, b in pairs)
    xs, ys = math.fsum((a - x) ** 2 for a, _ in pairs), math.fsum((b - y) ** 2 for _, b in pairs)
    return both / math.sqrt(xs * ys) if xs > 0 and ys > 0 else None


def _positions(found: Run) -> dict[str, float]:
    return {f"key step {i}": hit / of for i, (hit, of) in enumerate(found.matched, 1) if of}


def _positions_note(found: Run) -> str:
    wanted = [of for _, of in found.matched if of]
    return (
        f"Of the rollouts whose question has so many key steps: {wanted[0]} have a first, {wanted[-1]} the last shown."
        if wanted
        else "There are no key steps."
    )


def _named(whole: Point) -> list[tuple[str, int]]:
    return sorted(
        [(str(name), n) for counts in (whole.undecided, whole.flags) for name, n in counts.items()], key=lambda item: (-item[1], item[0])
    )


def _benchmarks(tallies: Mapping[str, Tally]) -> str:
    rows = []
    for profile, tally in sorted(tallies.items()):
        try:
            told = ", ".join(f"{name} {value:.2f}" for name, value in tally.figures().items())
        except InputError as error:
            told = error.message
        rows.append((profile, told, tally.total, tally.undecided))
    note = page.note("Undecided counts as not right. A question that was scored several times counts as it was the last time.")
    return page.table(("profile", "figures", "rollouts", "undecided"), rows) + note


def _fewer(points: Sequence[Point]) -> list[Point]:
    """At most _POINTS, each as many of these."""
    size = max(1, math.ceil(len(points) / _POINTS))
    return [merged(points[i : i + size]) for i in range(0, len(points), size)]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
