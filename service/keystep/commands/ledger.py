"""keystep ledger: what a service has recorded. Heavy imports stand inside the commands, so that --help is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Literal

from cyclopts import App
from rich.console import Console
from rich.table import Table

from keystep.commands.given import settings
from keystep.errors import InputError

ledger = App(name="ledger", help="What a service with KEYSTEP_LEDGER_PATH has recorded: query it with SQL.", help_format="plaintext")


@ledger.command
def query(sql: str, /, *, ledger: Path | None = None, format: Literal["table", "jsonl"] = "table") -> int:  # noqa: A002 - the option's name
    """Rows of a ledger, by SQL (DuckDB's).

    Example: keystep ledger query "SELECT recipe, count(*), avg(reward) FROM rollouts GROUP BY recipe"

    There are two views: rollouts, a row each with its group's columns, and groups. "DESCRIBE rollouts" lists the columns.
    A service may be writing meanwhile.

    Parameters
    ----------
    sql
        One statement.
    ledger
        The ledger's folder. [setting KEYSTEP_LEDGER_PATH]
    format
        table, or jsonl: a row a line.
    """
    import orjson

    from keystep.ledger.query import query as run

    folder = ledger or settings().ledger_path
    if folder is None:
        raise InputError("there is no ledger; give --ledger FOLDER, or set KEYSTEP_LEDGER_PATH", field="ledger")
    found = run(folder, sql)
    if found is None:
        return 0
    rows = found.fetchall()
    if format == "jsonl":
        for row in rows:
            sys.stdout.buffer.write(orjson.dumps(dict(zip(found.columns, row, strict=True)), default=str) + b"\n")
        return 0
    table = Table(*found.columns)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    Console().print(table, markup=False)
    return 0
