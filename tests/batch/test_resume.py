"""Killed for real, and cut anywhere: the output ends as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from batch.test_run import lines, score
from running import Service


def start(source: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "keystep", "score", str(source), "-o", str(out), "--batch", "1", *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


@pytest.fixture
def many(examples: Path, tmp_path: Path) -> Path:
    """200 groups: the examples four times under other ids."""
    path = tmp_path / "many.jsonl"
    path.write_bytes(b"".join(orjson.dumps(g | {"id": f"{g['id']}-{n}"}) + b"\n" for n in range(4) for g in lines(examples)))
    return path


def test_killed_at_random_moments_no_rollout_is_lost_or_scored_twice(many: Path, tmp_path: Path, service: Service) -> None:
    out, whole = tmp_path / "out.jsonl", tmp_path / "whole.jsonl"
    chance = random.Random(7)
    kills = 0
    # The first process scores by itself, the others over the service: engines may change under way, rewards may not.
    for progress in (20, 40, 60, 80):
        process = start(many, out, *(["--url", service.url] if progress > 20 else []))
        while process.poll() is None and (not out.exists() or out.read_bytes().count(b"\n") < progress):
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills == 4
    assert start(many, out, "--url", service.url).wait() == 0
    score(many, whole, url=service.url)
    assert out.read_bytes() == whole.read_bytes()
    assert [g["id"] for g in lines(out)] == [g["id"] for g in lines(many)]


def test_cut_within_its_last_lines_the_command_mends_it(examples: Path, tmp_path: Path, service: Service) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    groups = [{"id": f"q{i}", "answer": "5", "key_steps": [], "rollouts": [{"id": "a", "text": "5"}]} for i in range(3)]
    source.write_bytes(b"".join(orjson.dumps(g) + b"\n" for g in groups))
    score(source, out, url=service.url)
    whole = out.read_bytes()
    first = whole.index(b"\n") + 1
    # test_journal.py cuts at every byte; here the whole command runs, so a prime stride has to do.
    for cut in (*range(first - 1, len(whole), 7), len(whole) - 1, len(whole)):
        out.write_bytes(whole[:cut])
        score(source, out, url=service.url)
        assert out.read_bytes() == whole
