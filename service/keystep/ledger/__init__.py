"""What was scored, append-only: opt-in (KEYSTEP_LEDGER_PATH), never in the way of scoring.

entries.py (scored groups -> lines) -> writer.py (one thread, group commit) -> log.py -> segments.py (Parquet; reading) -> query.py (SQL)
"""

from keystep.ledger.entries import Entry
from keystep.ledger.writer import Ledger

__all__ = ["Entry", "Ledger"]
