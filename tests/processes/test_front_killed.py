"""kill -9 of the front: its scoring processes end by themselves, and leave no traceback among its last lines."""

from __future__ import annotations

import subprocess
import sys

import pytest

FRONT = """
import os, select, signal, time
from keystep.nouns import Question, Rollout
from keystep.processes.messages import Order, Piece, packed
from keystep.processes.process import Process
from keystep.recipe import HARDENED

process = Process(0.0)
select.select([process.socket], [], [])
if {reading}:
    list(process.read(0.0))
    rollouts = tuple(Rollout(str(i), "### Step 1:\\n1 + 1 = 2.\\n" * 40) for i in range(200))
    piece = Piece(tuple(range(200)), rollouts, Question("q", answer="2"), packed(HARDENED), "evidence", ((),))
    process.order(Order((piece,)), piece.numbers, 0.0)
    process.socket.setblocking(True)
    process.write()
else:
    time.sleep(0.5)  # it has come to wait for orders
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("reading", [False, True], ids=["before it read anything", "while they score"])
def test_scoring_processes_end_quietly(reading):
    # Whoever still runs holds standard error open: this returns when all have ended.
    front = subprocess.run([sys.executable, "-c", FRONT.format(reading=reading)], check=False, stderr=subprocess.PIPE, timeout=120)
    assert front.returncode == -9
    assert front.stderr == b""
