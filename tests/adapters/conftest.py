from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def peers() -> Path:
    """Where the trainers' own code is installed; its absence is a failure, not a skip."""
    folder = ROOT / ".venv/peers"
    assert folder.is_dir(), "the trainers' own code is not installed: run make .venv/.peers (make test does)"
    return folder
