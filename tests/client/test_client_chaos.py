"""Faults of the network and of the service: every rollout ends with its right reward or a named failure, once."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from keystep_client import AsyncClient, Client, ClientError, ScoreResult, UnreachableError
from responses import mulberry
from running import Service, running
from tcp_proxy import proxy_to

N = 120


def group(i: int) -> dict[str, Any]:
    """Worth 2.1, 2.0 or 1.1, by i."""
    text = mulberry(f"We compute {i} + 1 = {i + 1}.", answer=str(i + 1))
    if i % 3 == 1:
        text = mulberry("We look closely.", answer=str(i + 1))
    elif i % 3 == 2:
        text = mulberry(f"We compute {i} + 1 = {i + 1}.", answer=str(i + 2))
    return {"id": f"g{i}", "answer": str(i + 1), "key_steps": [f"{i} + 1 = {i + 1}"], "rollouts": [{"id": "r", "text": text}]}


def right(i: int) -> float:
    return (2.1, 2.0, 1.1)[i % 3]


def check(results: list[ScoreResult | BaseException]) -> Counter[str]:
    """Right, or a failure of the client's own; counted."""
    ends: Counter[str] = Counter()
    for i, result in enumerate(results):
        if isinstance(result, BaseException):
            assert isinstance(result, ClientError), repr(result)
            ends[type(result).__name__] += 1
            continue
        assert [g.id for g in result.groups] == [f"g{i}"]
        assert result.groups[0].rollouts[0].reward == pytest.approx(right(i))
        ends["right"] += 1
    assert sum(ends.values()) == len(results)
    return ends


async def score_all(url: str, n: int = N, **options: Any) -> list[ScoreResult | BaseException]:
    async with AsyncClient(url, connections=16, timeout=30, **options) as client:
        return await asyncio.gather(*(client.score([group(i)]) for i in range(n)), return_exceptions=True)


def test_resets_cuts_and_slow_connections_cost_no_reward(service: Service) -> None:
    with proxy_to(service.url, reset=0.2, cut=0.2, slow=0.2) as proxy:
        assert check(asyncio.run(score_all(proxy.url(service.url)))) == {"right": N}
        assert {"reset", "cut", "slow"} <= proxy.done.keys()


def test_the_same_over_threads(service: Service) -> None:
    with proxy_to(service.url, reset=0.2, cut=0.2, seed=1) as proxy, Client(proxy.url(service.url), connections=16, timeout=30) as client:
        futures = [client.submit([group(i)]) for i in range(N)]
        assert check([f.result() for f in futures]) == {"right": N}


def test_what_never_passes_is_a_named_failure_each(service: Service) -> None:
    with proxy_to(service.url, reset=0.7, cut=0.3, seed=2) as proxy:
        ends = check(asyncio.run(score_all(proxy.url(service.url), 30, retries=1)))
    assert ends["UnreachableError"] > 0
    assert ends.keys() <= {"UnreachableError", "right"}


def test_a_storm_of_429_passes(tmp_path: Path) -> None:
    with running(tmp_path, max_inflight=4) as small, ThreadPoolExecutor(48) as threads, Client(small.url, connections=48) as client:
        results = list(threads.map(lambda i: client.score([group(i)]), range(N)))
        refused = [line for line in small.get("/metrics").text.splitlines() if 'route="/v1/score",status="429"' in line]
    assert check(results) == {"right": N}
    assert refused, "nothing was refused: no storm"


def test_killed_in_the_middle_of_a_batch_and_started_again(tmp_path: Path) -> None:
    # Only symbolic work can tell these: the batch takes a while.
    rollouts = [{"id": str(i), "text": mulberry("x", answer=f"$(x-{i})(x+{i})+{i * i}-1$")} for i in range(2, 60)]
    slow = [{"id": f"s{k}", "answer": f"$x^2-{1 if k == 0 else k + 5}$", "key_steps": [], "rollouts": rollouts} for k in range(3)]
    with running(tmp_path) as first, Client(first.url) as client:
        batch = client.submit([*slow, *map(group, range(40))])
        singles = [client.submit([group(i)]) for i in range(40)]
        while "keystep_inflight_rollouts 0.0" in first.get("/metrics").text and not batch.done():
            time.sleep(0.01)
        assert not batch.done(), "it was over before it could be killed"
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        port = first.url.rpartition(":")[2]
        second = subprocess.Popen([sys.executable, "-m", "keystep", "serve", "--port", port])
        try:
            result = batch.result()
            assert result.groups[:3] == client.score(slow).groups
            assert [r.outcome for r in result.groups[0].rollouts] == [1.0] * len(rollouts)
            assert [g.rollouts[0].reward for g in result.groups[3:]] == pytest.approx([right(i) for i in range(40)])
            assert check([s.result() for s in singles]) == {"right": 40}
        finally:
            second.terminate()
            second.wait()


def test_down_then_up(service: Service) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}") as client:
        waiting = client.submit([group(0)])
        time.sleep(0.5)
        with proxy_to(service.url, port=port):
            assert waiting.result().groups[0].rollouts[0].reward == pytest.approx(2.1)


def test_a_service_that_stands_still_is_a_named_failure(tmp_path: Path) -> None:
    with running(tmp_path) as it, Client(it.url, timeout=1.0) as client:
        it.process.send_signal(signal.SIGSTOP)
        try:
            with pytest.raises(UnreachableError, match="no answer within 1 s"):
                client.score([group(0)])
        finally:
            it.process.send_signal(signal.SIGCONT)
        assert client.score([group(0)]).groups[0].rollouts[0].reward == pytest.approx(2.1)
