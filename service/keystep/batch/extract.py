"""`keystep keysteps extract`: a dataset's references in, a file of key steps out. Interrupted anywhere, it goes on where it stopped.

What could not be extracted is kept aside with its reason and is no part of the output: the same command tries it again.
"""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import orjson
from rich.console import Console

from keystep import engine
from keystep.batch import questions, records, rows
from keystep.batch.ahead import in_chunks
from keystep.batch.aside import Aside
from keystep.batch.journal import Journal
from keystep.batch.questions import Asked
from keystep.batch.records import Record
from keystep.batch.rows import BadLine
from keystep.batch.run import progress
from keystep.errors import CacheError, InputError
from keystep.keysteps.llm import LlmExtractor
from keystep.keysteps.openai import Usage
from keystep.keysteps.source import Extracted, KeyStepSource
from keystep.ports import Worked
from keystep.settings import Settings

# Questions of one chunk (more where more are extracted at once), chunks under way, records written to the cache at once.
_CHUNK, _WARM = 32, 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What was asked. format: None is told from the first line."""

    source: Path
    out: Path
    extractor: str = "rules"
    format: str | None = None


@dataclass(slots=True)
class Summary:
    """questions, key_steps, without: of the whole output.  cached, failed, bad_lines, usage: of this run."""

    questions: int = 0
    key_steps: int = 0
    without: int = 0
    cached: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    bad_lines: int = 0
    degraded: set[str] = field(default_factory=set)
    usage: Usage | None = None

    def add(self, record: Record) -> None:
        self.questions += 1
        self.key_steps += len(record.key_steps)
        self.without += not record.key_steps

    def show(self, console: Console) -> None:
        mean = f"{self.key_steps / self.questions:.2f}" if self.questions else "-"
        told = [f"{self.questions} questions, {self.key_steps} key steps ({mean} a question, {self.without} questions without any)"]
        if self.cached:
            told.append(f"from the cache: {self.cached}")
        if self.failed:
            told.append("failed: " + ", ".join(f"{reason} {n}" for reason, n in self.failed.most_common()))
        if self.bad_lines:
            told.append(f"bad lines: {self.bad_lines}")
        if self.usage is not None:
            told.append(
                f"model: {self.usage.requests} requests, {self.usage.prompt_tokens} prompt and {self.usage.completion_tokens} completion tokens"
            )
        if self.degraded:
            told.append(f"degraded: {', '.join(sorted(self.degraded))}")
        for line in told:
            console.print(line, highlight=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class _Done:
    """One chunk: what was extracted, what was not, and the lines they took."""

    records: list[Record]
    bad: list[BadLine]
    failed: list[str]
    cached: int
    degraded: set[str]
    lines: int


def run(job: Job, settings: Settings, console: Console) -> Summary:
    """Extracts what is not extracted yet and returns the summary. InputError: nothing can be done as asked."""
    identity = rows.identify(job.source)
    first, lines = rows.peek(rows.read(job.source))
    if first is None:
        raise InputError(f"{job.source} has no line that is a JSON object; give a JSONL or Parquet file", field="in")
    form = questions.choose(job.format, first)
    summary = Summary()
    with closing(engine.build(settings)) as running:
        source = running.source(job.extractor)
        card = {"input": f"sha256:{identity.sha256}", "format": form.name, "extractor": source.extractor.address}
        with Journal(job.out, card, fields=("id", "key_steps")) as journal:
            done = set()
            for finished in journal.finished():
                record = Record.model_validate(finished)
                summary.add(record)
                done.add(record.id)
            aside = Aside(job.out)
            with progress(console, identity.lines) as bar:
                task = bar.add_task("extracting", total=identity.lines)
                size = max(_CHUNK, source.extractor.concurrency)
                for chunk in in_chunks(questions.read(form, lines), size, partial(_extract, done=done, source=source)):
                    journal.append([orjson.dumps(records.line(record)) for record in chunk.records])
                    for record in chunk.records:
                        summary.add(record)
                    aside.add(chunk.bad)
                    summary.failed.update(chunk.failed)
                    summary.bad_lines += len(chunk.bad) - len(chunk.failed)
                    summary.cached += chunk.cached
                    summary.degraded |= chunk.degraded
                    bar.advance(task, chunk.lines)
        if isinstance(source.extractor, LlmExtractor):
            summary.usage = source.extractor.usage
    return summary


def _extract(chunk: list[Asked | BadLine], done: set[str], source: KeyStepSource) -> _Done:
    todo = [asked for asked in chunk if isinstance(asked, Asked) and asked.id not in done]
    degraded: set[str] = set()
    answers = list(zip(todo, source.get_many([Worked(a.question, a.reference, a.images) for a in todo], degraded), strict=True))
    made = [_record(asked, extracted, source) for asked, extracted in answers if extracted.key_steps is not None]
    failed = [(asked, extracted.reasons[0]) for asked, extracted in answers if extracted.key_steps is None]
    bad = [line for line in chunk if isinstance(line, BadLine)]
    bad += [BadLine(asked.line, reason, orjson.dumps({"id": asked.id}).decode()) for asked, reason in failed]
    cached = sum(extracted.cached for _, extracted in answers)
    return _Done(made, bad, [reason for _, reason in failed], cached, degraded, len(chunk))


def _record(asked: Asked, extracted: Extracted, source: KeyStepSource) -> Record:
    return Record(
        id=asked.id,
        question=asked.question,
        reference=asked.reference,
        key_steps=[list(step.forms) for step in extracted.key_steps or ()],
        extractor=extracted.extractor,
        address=source.extractor.address,
        images=list(asked.images),
    )


def convert(source: Path, out: Path, notation: records.Notation) -> tuple[int, int]:
    """A file of key steps in another notation: (records written, lines kept aside). The output appears whole or not at all."""
    found_records = records.read(source)
    aside = Aside(out)
    unfinished = out.with_name(out.name + ".part")
    count = 0
    with unfinished.open("wb") as file:
        for found in found_records:
            if isinstance(found, BadLine):
                aside.add([found])
                continue
            file.write(orjson.dumps(records.line(found[1], notation)) + b"\n")
            count += 1
    unfinished.replace(out)
    return count, aside.count


def warm(source: Path, settings: Settings) -> tuple[int, list[BadLine]]:
    """Puts a file's key steps into the cache, each where the extractor that made it would: (how many, those that no extractor here made).

    Key steps of another origin are refused: a reward must not depend on what somebody put into a cache.
    """
    if settings.cache_path is None and settings.redis_url is None:
        raise InputError("there is no cache to warm; set KEYSTEP_CACHE_PATH or KEYSTEP_REDIS_URL", field="cache")
    count, refused = 0, []
    with closing(engine.build(settings)) as running:
        sources = {s.extractor.address: s for s in running.sources.values()}
        kept: dict[str, list[Record]] = {address: [] for address in sources}
        for found in records.read(source):
            if isinstance(found, BadLine):
                refused.append(found)
            elif found[1].address is None or found[1].address not in sources:
                here = ", ".join(sources)
                made = found[1].address or found[1].extractor
                refused.append(
                    BadLine(found[0], f"made by {made}; the extractors here are {here}: extract anew, or send these as key_steps")
                )
            else:
                kept[found[1].address].append(found[1])
                count += 1
                if len(kept[found[1].address]) >= _WARM:
                    _keep(sources[found[1].address], kept[found[1].address])
        for address, some in kept.items():
            _keep(sources[address], some)
    return count, refused


def _keep(source: KeyStepSource, some: list[Record]) -> None:
    degraded: set[str] = set()
    source.keep({Worked(r.question, r.reference, tuple(r.images)): r.steps() for r in some}, degraded)
    some.clear()
    if degraded:
        raise CacheError("the cache could not be written; the log says why")
