"""The loop: read -> chunk -> score -> write. Interrupted anywhere, the same command goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeRemainingColumn

from keystep.batch import parquet, rows, scorers
from keystep.batch.ahead import in_chunks
from keystep.batch.aside import Aside
from keystep.batch.benchmarks import Tally
from keystep.batch.journal import Journal
from keystep.batch.readers import Entry, choose, entries
from keystep.batch.rows import BadLine
from keystep.batch.scorers import Detail, RejectedGroupsError, Scorer, Spec
from keystep.batch.summary import Summary
from keystep.errors import InputError
from keystep.recipe import Recipe, resolve
from keystep.settings import Settings
from keystep.verify.profiles import PROFILES


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What `keystep score` was asked.

    format: None is told from the first line.  profile: for groups that name none; its figures are counted too.
    batch: groups scored at once.
    """

    source: Path
    out: Path
    recipe: Spec = "hardened"
    format: str | None = None
    profile: str | None = None
    url: str | None = None
    batch: int = 64
    detail: Detail = "rewards"


@dataclass(frozen=True, slots=True)
class _Scored:
    """One chunk: the lines to write, the input lines they took, and what had to be kept aside."""

    groups: list[dict[str, object]]
    degraded: tuple[str, ...]
    lines: int
    bad: list[BadLine]


def run(job: Job, settings: Settings, console: Console) -> Summary:
    """Scores what is not scored yet and returns the summary of the whole output. InputError: nothing can be done as asked."""
    if job.batch < 1:
        raise InputError(f"--batch is {job.batch}; it must be at least 1", field="batch")
    if job.profile is not None and job.profile not in PROFILES:
        raise InputError(f"there is no profile {job.profile[:80]!r}; use one of {', '.join(PROFILES)}", field="profile")
    recipe = resolve(job.recipe)
    identity = rows.identify(job.source)
    first, lines = rows.peek(rows.read(job.source))
    if first is None:
        raise InputError(f"{job.source} has no line that is a JSON object; give a JSONL or Parquet file", field="in")
    reader = choose(job.format, first)
    card = {
        "input": f"sha256:{identity.sha256}",
        "format": reader.name,
        "profile": job.profile,
        "recipe": recipe.name,
        "recipe_hash": recipe.hash,
        "detail": job.detail,
    }
    to_parquet = rows.is_parquet(job.out)
    summary = Summary(benchmark=None if job.profile is None else Tally(job.profile))
    with Journal(job.out.with_name(job.out.name + ".jsonl") if to_parquet else job.out, card) as journal:
        done = set()
        for group in journal.finished():
            summary.add(group)
            done.add(group["id"])
        aside = Aside(job.out)
        with progress(console, identity.lines) as bar, _scorer(job, recipe, settings) as score:
            task = bar.add_task("scoring", total=identity.lines)
            for finished in in_chunks(
                _profiled(entries(reader, lines), job.profile), job.batch, partial(_score_chunk, done=done, score=score)
            ):
                journal.append([orjson.dumps(group) for group in finished.groups])
                for group in finished.groups:
                    summary.add(group)
                summary.degraded.update(finished.degraded)
                aside.add(finished.bad)
                bar.advance(task, finished.lines)
        summary.bad_lines = aside.count
        if to_parquet:
            parquet.write(journal.finished(), job.out, {"name": recipe.name, "hash": recipe.hash}, evidence=job.detail == "evidence")
    return summary


def _profiled(found: Iterable[Entry | BadLine], profile: str | None) -> Iterator[Entry | BadLine]:
    for entry in found:
        if profile is None or isinstance(entry, BadLine) or entry.group.profile is not None:
            yield entry
        else:
            yield replace(entry, group=entry.group.model_copy(update={"profile": profile}))


def _scorer(job: Job, recipe: Recipe, settings: Settings) -> AbstractContextManager[Scorer]:
    if job.url is None:
        return scorers.in_process(recipe, job.detail, settings)
    return scorers.over_http(job.url, recipe, job.recipe, job.detail)


def progress(console: Console, lines: int) -> Progress:
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal or lines == 0)


def _score_chunk(chunk: list[Entry | BadLine], done: set[str], score: Scorer) -> _Scored:
    bad = [line for line in chunk if isinstance(line, BadLine)]
    found = [entry for entry in chunk if isinstance(entry, Entry)]
    groups, degraded, refused = _score([e for e in found if e.group.id not in done], score)
    return _Scored(groups, tuple(degraded), len(bad) + sum(len(e.lines) for e in found), bad + refused)


def _score(found: list[Entry], score: Scorer) -> tuple[list[dict[str, object]], set[str], list[BadLine]]:
    """What a service refuses is halved until the groups to blame stand alone; those are kept aside."""
    if not found:
        return [], set(), []
    try:
        groups, degraded = score([e.group for e in found])
    except RejectedGroupsError as error:
        if len(found) == 1:
            return [], set(), [BadLine(found[0].lines[0], str(error), found[0].group.model_dump_json(exclude_unset=True))]
        half = len(found) // 2
        (a, b, c), (x, y, z) = _score(found[:half], score), _score(found[half:], score)
        return a + x, b | y, c + z
    return groups, set(degraded), []
