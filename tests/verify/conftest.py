from __future__ import annotations

from collections.abc import Iterator

import pytest

from keystep.verify.verifier import Verifier


@pytest.fixture(scope="session")
def verifier() -> Iterator[Verifier]:
    """One warm verifier for every test that leaves it as it was."""
    it = Verifier(workers=2, cpu_seconds=5.0)
    it.start()
    yield it
    it.close()
