"""Compile the modules that cost the time to C with mypyc: `python docker/compile.py TARGET` writes TARGET/keystep.

It is the package as it stands, with `core` and `verify` as extension modules; whoever has TARGET before the other on its path runs
them. What they compute is the same (tests/project/test_compiled.py). Needs mypy, setuptools and a C compiler.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from mypyc.build import mypycify
from setuptools import setup

SERVICE = Path(__file__).resolve().parents[1] / "service"
# What waits for other processes, and what is a table of pint's or pydantic's objects, gains nothing.
LEFT = {"__init__", "benchmarks", "pool", "profiles", "symbolic", "units", "verifier", "worker"}
OPTIONS = ["--strict", "--ignore-missing-imports", "--allow-untyped-calls", "--no-incremental"]


def main(target: Path) -> None:
    """Replace TARGET by the compiled package."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(SERVICE / "keystep", target / "keystep", ignore=shutil.ignore_patterns("__pycache__"))
    os.chdir(target)
    core, verify = sorted(Path("keystep/core").glob("*.py")), sorted(Path("keystep/verify").glob("*.py"))
    modules = [*core, *(path for path in verify if path.stem not in LEFT)]
    setup(
        name="keystep-compiled",
        packages=[],
        ext_modules=mypycify([*OPTIONS, *map(str, modules)], opt_level="3", target_dir="build"),
        script_args=["--quiet", "build_ext", "--inplace"],
    )
    shutil.rmtree("build")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]).resolve())
