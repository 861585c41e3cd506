"""The running service holds to the wire, as the contract check sees it."""

from __future__ import annotations

import subprocess
import sys


def test_the_contract_check_finds_nothing(service, shared):
    done = subprocess.run(
        [sys.executable, str(shared / "tools" / "contract"), service.url], capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "the wire holds")
