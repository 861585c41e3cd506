"""keystep rescore and keystep report. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter
from rich.console import Console

from keystep.given import recipe_spec, settings


def install(app: App) -> None:
    app.command(rescore)


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
