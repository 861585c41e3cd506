"""Seeds derived from a run's seed: what is random in a step depends on the step's number, so nothing else has to be kept."""

from __future__ import annotations

import hashlib


def seed_of(*parts: int | str) -> int:
    """The same 63 bits for the same parts, everywhere."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8]) >> 1
