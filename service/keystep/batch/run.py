"""The loop: read -> chunk -> score -> write. Interrupted anywhere, the same command goes on where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Literal

import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TimeRemainingColumn

from keystep.batch import parquet, rows, scorers
from keystep.batch.ahead import in_chunks
from keystep.batch.aside import Aside
from keystep.batch.benchmarks import Tally
from keystep.batch.chunks import Input, Scored, score_chunk
from keystep.batch.journal import Journal
from keystep.batch.readers import choose
from keystep.batch.scorers import Detail, Scorer, Spec
from keystep.batch.summary import Summary
from keystep.errors import InputError
from keystep.recipe import Recipe, resolve
from keystep.settings import Settings
from keystep.verify.profiles import PROFILES

Engine = Literal["local", "ray"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What `keystep score` was asked.

    format: None is told from the first line.  profile: for groups that name none; its figures are counted too.
    url: of a service that scores; None scores here, on the engine.  batch: groups scored at once.
    """

    source: Path
    out: Path
    recipe: Spec = "hardened"
    format: str | None = None
    profile: str | None = None
    url: str | None = None
    engine: Engine = "local"
    batch: int = 64
    detail: Detail = "rewards"


def run(job: Job, settings: Settings, console: Console) -> Summary:
    """Scores what is not scored yet and returns the summary of the whole output. InputError: nothing can be done as asked."""
    if job.batch < 1:
        raise InputError(f"--batch is {job.batch}; it must be at least 1", field="batch")
    if job.profile is not None and job.profile not in PROFILES:
        raise InputError(f"there is no profile {job.profile[:80]!r}; use one of {', '.join(PROFILES)}", field="profile")
    if job.url is not None and job.engine != "local":
        raise InputError(f"--engine {job.engine} scores here, --url on the service; leave one of them out", field="engine")
    recipe = resolve(job.recipe)
    identity = rows.identify(job.source)
    first, _ = rows.peek(rows.read(job.source))
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
        given = Input(job.source, reader.name, job.profile, done)
        with progress(console, identity.lines) as bar, _scored(job, given, recipe, settings) as chunks:
            task = bar.add_task("scoring", total=identity.lines)
            for finished in chunks:
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


@contextmanager
def _scored(job: Job, given: Input, recipe: Recipe, settings: Settings) -> Iterator[Iterator[Scored]]:
    """Every chunk of the input, in order, scored where the job says."""
    if job.engine == "ray":
        on_ray = _on_ray()
        with on_ray.cluster():
            yield on_ray.scored(given, job.batch, on_ray.Work(recipe, job.detail, settings))
    else:
        with _scorer(job, recipe, settings) as score:
            yield in_chunks(given.items(), job.batch, partial(score_chunk, score=score))


def _on_ray() -> ModuleType:
    try:
        from keystep.batch import on_ray
    except ModuleNotFoundError as error:
        raise InputError(f"the engine ray needs Ray ({error}); pip install 'keystep[server,ray]'", field="engine") from None
    return on_ray


def _scorer(job: Job, recipe: Recipe, settings: Settings) -> AbstractContextManager[Scorer]:
    if job.url is None:
        return scorers.in_process(recipe, job.detail, settings)
    return scorers.over_http(job.url, recipe, job.recipe, job.detail)


def progress(console: Console, lines: int) -> Progress:
    columns = (SpinnerColumn(), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal or lines == 0)
