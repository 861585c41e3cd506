"""Streams and jobs: both clients against a real service, and streams over a network that breaks."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.scripted import GROUP, SCORED, Answer, scripted
from client.test_client_chaos import group, right
from keystep_client import AsyncClient, Client, JobError, ProtocolError, RejectedError, ScoredGroup, ServiceError, UnreachableError
from running import Service, running
from tcp_proxy import proxy_to

Streamed = Callable[..., list[ScoredGroup]]


def sync_stream(url: str, groups: Any, **options: Any) -> list[ScoredGroup]:
    with Client(url, timeout=30, **options) as client:
        return list(client.stream(groups))


def async_stream(url: str, groups: Any, **options: Any) -> list[ScoredGroup]:
    async def stream() -> list[ScoredGroup]:
        async with AsyncClient(url, timeout=30, **options) as client:
            return [g async for g in client.stream(groups)]

    return asyncio.run(stream())


@pytest.fixture(params=[sync_stream, async_stream], ids=["sync", "async"])
def stream(request: pytest.FixtureRequest) -> Streamed:
    return request.param


def lines(*content: object) -> bytes:
    return b"".join(json.dumps(c).encode() + b"\n" for c in content)


HEAD = {"service": "9", "recipe": SCORED["recipe"]}
SCORED_GROUP = SCORED["groups"][0]
TAIL = {"degraded": []}


def test_each_group_once_with_its_right_reward(stream: Streamed, service: Service) -> None:
    found = stream(service.url, [group(i) for i in range(30)])
    assert Counter(g.id for g in found) == Counter(f"g{i}" for i in range(30))
    assert all(g.rollouts[0].reward == pytest.approx(right(int(g.id[1:]))) for g in found)


def test_a_stream_that_breaks_is_taken_up_where_it_broke(stream: Streamed, service: Service) -> None:
    with proxy_to(service.url, cut=0.6, reset=0.2, seed=3) as proxy:
        found = stream(proxy.url(service.url), [group(i) for i in range(60)])
        assert proxy.done.get("cut", 0) + proxy.done.get("reset", 0) > 0
    assert Counter(g.id for g in found) == Counter(f"g{i}" for i in range(60))
    assert all(g.rollouts[0].reward == pytest.approx(right(int(g.id[1:]))) for g in found)


def test_only_what_is_missing_is_asked_for_again(stream: Streamed) -> None:
    second = SCORED_GROUP | {"id": "r"}
    answers = (Answer(body=lines(HEAD, SCORED_GROUP)), Answer(body=lines(HEAD, second, TAIL)))
    with scripted(*answers) as server:
        assert [g.id for g in stream(server.url, [GROUP, GROUP | {"id": "r"}])] == ["q", "r"]
        assert [[g["id"] for g in json.loads(body)["groups"]] for _, body in server.seen] == [["q", "r"], ["r"]]


@pytest.mark.parametrize(
    ("body", "error", "says"),
    [
        (lines(HEAD, SCORED_GROUP | {"id": "x"}), ProtocolError, "or twice"),
        (lines(HEAD, TAIL), ProtocolError, "1 groups short"),
        (lines(HEAD, "what"), ProtocolError, "not keystep's"),
        (lines(HEAD, {"id": "q", "rollouts": [{}]}), ProtocolError, "not keystep's"),
        (lines(HEAD, {"error": {"title": "x", "status": 500, "detail": "an internal error"}}), ServiceError, "internal error"),
        (lines(HEAD), UnreachableError, "1 groups short"),
    ],
    ids=["not asked", "short", "odd", "odd group", "error", "broken off"],
)
def test_what_is_wrong_with_a_stream_is_said(stream: Streamed, body: bytes, error: type[Exception], says: str) -> None:
    with scripted(Answer(body=body)) as server, pytest.raises(error, match=says):
        stream(server.url, [GROUP], retries=0)


def test_the_same_id_twice_is_refused_and_not_lost(stream: Streamed, service: Service) -> None:
    with pytest.raises(RejectedError, match="more than once"):
        stream(service.url, [GROUP, GROUP])


def test_bad_input_is_said_before_the_first_line(stream: Streamed, service: Service) -> None:
    with pytest.raises(RejectedError, match="colour"):
        stream(service.url, [GROUP | {"colour": 1}])


def test_a_stream_that_is_left_gives_its_connection_up(service: Service) -> None:
    with Client(service.url, connections=1, inflight=30) as client:
        for found in client.stream([group(i) for i in range(30)]):
            assert found.id
            break
        del found
        assert client.score([group(0)]).groups[0].rollouts[0].reward == pytest.approx(2.1)


def test_a_job_and_its_result(service: Service) -> None:
    asked = [group(i) for i in range(12)]
    with Client(service.url) as client:
        job = client.submit_job(asked)
        assert (job.progress.groups, job.result) == (12, None)
        result = client.wait_for_job(job.id)
        assert result.groups == client.score(asked).groups
        ended = client.job(job.id)
        assert (ended.status, ended.progress.groups_done) == ("done", 12)
        assert ended.result == result

    async def asynchronous() -> Any:
        async with AsyncClient(service.url) as client:
            return await client.wait_for_job((await client.submit_job(asked)).id, seconds=60)

    assert asyncio.run(asynchronous()).groups == result.groups


def test_a_job_handed_in_twice_under_one_key_is_one_job(service: Service) -> None:
    key = f"key-{time.monotonic_ns()}"
    with Client(service.url) as client:
        first, again = (client.submit_job([group(0)], key=key) for _ in range(2))
        assert first.id == again.id
        with pytest.raises(RejectedError, match="another body"):
            client.submit_job([group(1)], key=key)
        assert client.submit_job([group(0)]).id != first.id


def test_retries_of_one_hand_in_are_one_job(service: Service) -> None:
    with proxy_to(service.url, cut=0.7, seed=5) as proxy, Client(proxy.url(service.url), connections=1, timeout=30) as client:
        jobs = [client.submit_job([group(i)]) for i in range(8)]
        assert [client.wait_for_job(j.id).groups[0].id for j in jobs] == [f"g{i}" for i in range(8)]
        assert proxy.done.get("cut")


def test_a_job_that_is_cancelled_or_not_done_in_time_is_an_error_with_the_job(tmp_path: Path) -> None:
    slow = [
        {"id": f"s{k}", "answer": f"$x^2-{k + 5}$", "key_steps": [], "rollouts": [{"id": str(i), "text": f"\\boxed{{(x-{i})(x+{i})+{i * i}-{k}}}"} for i in range(200)]}
        for k in range(8)
    ]  # fmt: skip
    # timeout: shorter than the service is asked to wait.
    with running(tmp_path, jobs_path=tmp_path / "jobs.sqlite3") as service, Client(service.url, timeout=1.5) as client:
        job = client.submit_job(slow)
        with pytest.raises(JobError, match="wait longer"):
            client.wait_for_job(job.id, seconds=3)
        with pytest.raises(JobError, match="wait longer") as caught:
            client.wait_for_job(job.id, seconds=0.2)
        assert caught.value.job.id == job.id
        assert client.cancel_job(job.id).status == "cancelled"
        with pytest.raises(JobError, match="cancelled"):
            client.wait_for_job(job.id)
        with pytest.raises(RejectedError, match="no job"):
            client.job("never-was")


def test_a_job_outlives_the_service(tmp_path: Path) -> None:
    kept = tmp_path / "jobs.sqlite3"
    asked = [group(i) for i in range(30)]
    with running(tmp_path, jobs_path=kept) as first, Client(first.url) as client:
        job = client.submit_job(asked)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        port = first.url.rpartition(":")[2]
        again = subprocess.Popen(
            [sys.executable, "-m", "keystep", "serve", "--port", port],
            env=os.environ | {"KEYSTEP_JOBS_PATH": str(kept), "KEYSTEP_CACHE_PATH": str(tmp_path / "cache.sqlite3")},
        )
        try:
            result = client.wait_for_job(job.id)
            assert [g.rollouts[0].reward for g in result.groups] == pytest.approx([right(i) for i in range(30)])
        finally:
            again.terminate()
            again.wait()
