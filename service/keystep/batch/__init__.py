"""`keystep score`: files in, files out, resumable.

rows.py (lines of a file) -> readers.py (formats) -> run.py (the loop) -> journal.py (output that survives a kill) -> parquet.py; summary.py is the closing table.
"""

from keystep.batch.run import Job, run
from keystep.batch.summary import Summary

__all__ = ["Job", "Summary", "run"]
