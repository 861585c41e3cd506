"""Scoring on all cores: processes that score, one dispatcher that feeds them, one front that callers see.

scorer.py      what callers see: groups in, a future a group out
dispatcher.py  the thread that owns the processes: feeds them, replaces those that die
queue.py       what waits and what is under way, without any I/O: turns, chunks, retries, deadlines
process.py     one process and its socket, seen from the front
messages.py    what is said between them: length and JSON, never pickle
times.py       how long the parts of scoring take
worker.py      what runs in a scoring process
"""
