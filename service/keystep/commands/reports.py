"""keystep rescore and keystep report. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from keystep.commands.given import recipe_spec, settings


def install(app: App) -> None:
    app.command(rescore)
    app.command(report)


def rescore(
    source: Annotated[Path, Parameter(name="IN")],
    /,
    *,
    recipe: str,
    before: Annotated[str | None, Parameter(name="--from")] = None,
    html: Path | None = None,
    format: str | None = None,  # noqa: A002 - the option's name
) -> int:
    """What rewards would have been by another recipe: flips, signs, ranks, the ten most changed rollouts.

    Example: keystep rescore rollouts.jsonl --from paper --recipe hardened --html flips.html

    The same input gives the same bytes, whenever it is run.

    Parameters
    ----------
    source
        A ledger's folder (its rewards are compared as they were recorded), or a file of rollouts as keystep score reads it.
    recipe
        The recipe to score by now: hardened, paper, official, or JSON like '{"base": "hardened", "alpha": 0.2}'.
    before
        For a file: the recipe to compare with; hardened when not given.
    html
        Also write a page with plots, that needs nothing beside itself.
    format
        Of a file: groups, flat, r1vl, gsm8k or qwen-math; told from the first line when not given.
    """
    from keystep.reports import rescore as rescoring

    logging.basicConfig(format="keystep: %(message)s")
    old = None if before is None else recipe_spec(before, "--from")
    found = rescoring.run(source, recipe_spec(recipe, "--recipe"), old, settings(), Console(stderr=True), format=format)
    for line in found.lines():
        sys.stdout.write(line + "\n")
    if html is not None:
        html.write_text(rescoring.html(found), encoding="utf-8")
    return 1 if found.bad_lines else 0


def report(
    source: Annotated[Path, Parameter(name="IN")],
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"])],
    recipe: str = "hardened",
    format: str | None = None,  # noqa: A002 - the option's name
) -> int:
    """A run on one page: curves, distributions, correlations, lengths, key steps by position, benchmarks, the hack alarm.

    Example: keystep report rollouts.jsonl -o report.html

    The page needs nothing beside itself. The order of the input is taken for the order of the run.

    Parameters
    ----------
    source
        A ledger's folder (its rewards are shown as they were recorded), or a file of rollouts as keystep score reads it.
    out
        Where the page goes.
    recipe
        For a file: the recipe to score by.
    format
        Of a file: groups, flat, r1vl, gsm8k or qwen-math; told from the first line when not given.
    """
    from keystep.reports import report as reporting

    logging.basicConfig(format="keystep: %(message)s")
    found = reporting.run(source, recipe_spec(recipe), settings(), Console(stderr=True), format=format)
    out.write_text(reporting.html(found), encoding="utf-8")
    print(f"{out}: {len(found.rows)} rollouts")
    if found.bad_lines:
        print(f"keystep: {found.bad_lines} lines could not be read", file=sys.stderr)
    return 1 if found.bad_lines else 0
