"""keystep keysteps: key steps in bulk. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from rich.console import Console

from keystep.commands.given import settings

keysteps = App(name="keysteps", help="Key steps of whole datasets: extract, show, convert, warm a cache.", help_format="plaintext")

_Source = Annotated[Path, Parameter(name="IN")]
_Out = Annotated[Path, Parameter(name=["--out", "-o"])]


@keysteps.command
def extract(source: _Source, /, *, out: _Out, extractor: str = "rules", format: str | None = None) -> int:  # noqa: A002 - the option's name
    """Extract the key steps of a dataset's references.

    Example: keystep keysteps extract train.jsonl -o keysteps.jsonl --extractor rules

    Stopped anywhere, even by a kill, the same command goes on where it stopped; what the cache has is not extracted again.
    What cannot be read or extracted is kept in OUT.bad.jsonl with its reason, and tried again by the same command; the exit
    status is then 1.

    Parameters
    ----------
    source
        JSONL or Parquet: rows with question and reference (or references), R1-VL rows, GSM8K or Qwen MATH rows.
    out
        Where they go, a question a line: {"id", "question", "reference", "key_steps", "extractor", "address", "images"}.
    extractor
        rules, or llm/<model> where KEYSTEP_LLM_URL and KEYSTEP_LLM_MODEL are set.
    format
        r1vl, questions, gsm8k or qwen-math; told from the first line when not given.
    """
    from keystep.batch.extract import Job, run

    summary = run(Job(source=source, out=out, extractor=extractor, format=format), settings(), Console(stderr=True))
    summary.show(Console())
    aside = summary.bad_lines + summary.failed.total()
    return _aside(aside, out)


@keysteps.command
def show(source: _Source, /) -> int:
    """Print the key steps of a file, with their equivalent forms.

    Example: keystep keysteps show keysteps.jsonl | less

    Parameters
    ----------
    source
        Lines of keysteps extract, or R1-VL rows with key_steps in either notation.
    """
    from keystep.batch import records
    from keystep.batch.rows import BadLine

    bad = 0
    try:
        for found in records.read(source):
            if isinstance(found, BadLine):
                bad += 1
                print(f"keystep: line {found.number} of {source}: {found.reason}", file=sys.stderr)
                continue
            record = found[1]
            print(f"{record.id} ({record.extractor}): {' '.join(record.question.split())[:120]}")
            for number, step in enumerate(record.steps(), 1):
                print(f"  {number}. {step.text}")
                for form in step.equivalents:
                    print(f"       = {form}")
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader ('head', 'less') has had enough. Without this, Python would complain once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1 if bad else 0


@keysteps.command(name="import")
def import_(source: _Source, /, *, out: _Out) -> int:
    """Read key steps in R1-VL's notations and write them as keystep's lines.

    Example: keystep keysteps import r1vl.jsonl -o keysteps.jsonl

    Parameters
    ----------
    source
        JSONL or Parquet rows with key_steps as {"Steps": [...]} (or its JSON), or as the raw string "Key Elements: ...".
    out
        Where they go, a question a line.
    """
    return _convert(source, out, "keystep")


@keysteps.command
def export(source: _Source, /, *, out: _Out, notation: Literal["steps", "raw"] = "steps") -> int:
    """Write key steps as R1-VL rows.

    Example: keystep keysteps export keysteps.jsonl -o r1vl.jsonl --notation steps

    Parameters
    ----------
    source
        Lines of keysteps extract or import.
    out
        Where the rows go: {"id", "problem", "solution", "image_path", "key_steps"}.
    notation
        steps: {"Steps": [...]} with every equivalent form; raw: the string "Key Elements: ...", which has one form a key step.
    """
    return _convert(source, out, "r1vl" if notation == "steps" else "raw")


@keysteps.command
def warm(source: _Source, /) -> int:
    """Fill the cache of KEYSTEP_REDIS_URL or KEYSTEP_CACHE_PATH from a file of keysteps extract.

    Example: keystep keysteps warm keysteps.jsonl

    Only what the extractors here would have made is taken: same extractor, version, model and prompts.

    Parameters
    ----------
    source
        Lines of keysteps extract.
    """
    from keystep.batch.extract import warm as fill

    count, refused = fill(source, settings())
    for line in refused:
        print(f"keystep: line {line.number} of {source}: {line.reason}", file=sys.stderr)
    print(f"{count} questions put into the cache")
    return 1 if refused else 0


def _convert(source: Path, out: Path, notation: Literal["keystep", "r1vl", "raw"]) -> int:
    from keystep.batch.extract import convert

    count, aside = convert(source, out, notation)
    print(f"{count} questions written to {out}")
    return _aside(aside, out)


def _aside(count: int, out: Path) -> int:
    if count:
        print(f"keystep: {count} lines kept aside; {out}.bad.jsonl says why", file=sys.stderr)
    return 1 if count else 0
