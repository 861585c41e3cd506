"""The compiled core scores what the interpreted one does, to the last byte of the evidence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def scored(package: Path) -> tuple[str, str]:
    """Where the core was read from, and what was scored with it."""
    path = os.pathsep.join(map(str, (package, ROOT / "clients", ROOT / "tests/bench")))
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests/project/scored.py")],
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    where, what = done.stdout.splitlines()
    return where, what


def test_compiled_and_interpreted_score_the_same(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "docker/compile.py"), str(tmp_path / "compiled")], stdout=subprocess.PIPE, check=True)
    where, what = scored(tmp_path / "compiled")
    assert where.startswith(str(tmp_path))
    assert where.endswith(".so")
    plain, wanted = scored(ROOT / "service")
    assert plain.endswith(".py")
    assert what == wanted
    assert what.startswith("0 ")  # and none by a defect of ours
