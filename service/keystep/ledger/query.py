"""SQL over a ledger, by DuckDB: the views `rollouts` (a row each) and `groups`."""

from __future__ import annotations

from pathlib import Path

import duckdb

from keystep.errors import InputError
from keystep.ledger.segments import tables

_ROLLOUTS = """CREATE VIEW rollouts AS
SELECT * EXCLUDE (rollouts, one), one.* FROM (SELECT *, unnest(rollouts) AS one FROM groups)"""


def query(folder: Path, sql: str) -> duckdb.DuckDBPyRelation | None:
    """The rows that sql gives; None for a statement without any. InputError where it cannot be run."""
    logs, compacted = tables(folder)
    connection = duckdb.connect()
    groups = connection.from_arrow(logs)
    if compacted:
        groups = connection.read_parquet([str(path) for path in compacted]).union(groups)
    groups.create_view("groups")
    connection.execute(_ROLLOUTS)
    try:
        return connection.sql(sql)
    except duckdb.Error as error:
        raise InputError(f"{error}\nThere are the views rollouts and groups; DESCRIBE rollouts lists the columns", field="sql") from None
