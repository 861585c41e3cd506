"""Jobs outlive the service: kill -9, SIGTERM, and Redis itself coming back with or without what it held. Prints how long each took."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator

import httpx2
import pytest

from chaos.jobs_at_work import done, hand_in, long_job, result, rollouts_scored, wait_for
from keystep.jobs.redis import RedisJobs
from keystep.jobs.runner import LEASE_SECONDS
from redis_server import free_port, running_redis
from running import running

# Quick to start; how many processes there are changes no result.
SMALL = {"processes": 1, "verifier_workers": 1}
JOB = long_job()
GROUPS = len(JOB["groups"])
ROLLOUTS = sum(len(g["rollouts"]) for g in JOB["groups"])


@pytest.fixture(scope="module")
def undisturbed(service) -> dict:
    return service.post("/v1/score", JOB).raise_for_status().json()


@pytest.fixture(params=["sqlite", "redis"])
def store(request, tmp_path) -> Iterator[dict]:
    """Settings of a service that keeps its jobs there."""
    with contextlib.ExitStack() as stack:
        yield {} if request.param == "sqlite" else {"redis_url": stack.enter_context(running_redis(tmp_path)).url}


def test_killed_in_the_middle_and_started_again(tmp_path, store, undisturbed):
    with running(tmp_path, **SMALL, **store) as service:
        location = hand_in(service, JOB, **{"Idempotency-Key": "k"})
        wait_for(service, location, 10)
        service.process.kill()
        service.process.wait()
    with running(tmp_path, **SMALL, **store) as service:
        began = time.monotonic()
        had = done(service, location)
        assert 10 <= had < GROUPS, "killed before or after, not in the middle"
        assert hand_in(service, JOB, **{"Idempotency-Key": "k"}) == location
        wait_for(service, location, had + 1)
        print(f"\nkill -9 at {had} of {GROUPS} groups; the next was done {time.monotonic() - began:.1f} s after the restart", end="")
        assert result(service, location) == undisturbed
        print(f", all {time.monotonic() - began:.1f} s after")
        # What was stored before is not scored again.
        assert rollouts_scored(service) < ROLLOUTS


def test_of_two_replicas_one_is_killed(tmp_path, undisturbed):
    with running_redis(tmp_path) as redis, contextlib.ExitStack() as stack:
        one, other = (stack.enter_context(running(tmp_path, **SMALL, redis_url=redis.url)) for _ in range(2))
        location = hand_in(one, JOB)
        wait_for(other, location, 20)
        while not rollouts_scored(one):
            assert done(other, location) < GROUPS, "one of the two did it all"
            time.sleep(0.02)
        one.process.kill()
        began = time.monotonic()
        assert result(other, location) == undisturbed
        print(f"\nthe other replica was done {time.monotonic() - began:.1f} s after the kill (a lease is {LEASE_SECONDS:g} s)")
        assert rollouts_scored(other) > 0


def test_sigterm_hands_everything_back_at_once(tmp_path, undisturbed):
    with running_redis(tmp_path) as redis:
        with running(tmp_path, **SMALL, redis_url=redis.url) as service:
            location = hand_in(service, JOB)
            wait_for(service, location, 10)
            service.process.send_signal(signal.SIGTERM)
            service.process.wait(60)
        store = RedisJobs(redis.url, timeout=5)
        had = store.get(location.rpartition("/")[2]).done
        free = []
        while (work := store.claim(lease=0.001)) is not None and len(free) < GROUPS:
            free.append(work)
            assert work.tries == 0
            store.renew(work, lease=60)
        assert sum(len(work.groups) for work in free) == GROUPS - had
        for work in free:
            store.hand_back(work)
        store.close()
        with running(tmp_path, **SMALL, redis_url=redis.url) as service:
            assert result(service, location) == undisturbed


def test_redis_is_stopped_for_a_while(tmp_path, undisturbed):
    with running_redis(tmp_path) as redis, running(tmp_path, **SMALL, redis_url=redis.url) as service:
        location = hand_in(service, JOB)
        wait_for(service, location, 10)
        redis.process.send_signal(signal.SIGSTOP)
        time.sleep(8)  # longer than a lease, and than the patience with Redis
        gone = service.get(location)
        assert (gone.status_code, gone.headers["content-type"]) == (503, "application/problem+json")
        assert int(gone.headers["retry-after"]) > 0
        redis.process.send_signal(signal.SIGCONT)
        began = time.monotonic()
        while service.get(location).status_code == 503:
            time.sleep(0.1)
        print(f"\nasked again {time.monotonic() - began:.1f} s after Redis went on", end="")
        assert result(service, location) == undisturbed
        print(f", done {time.monotonic() - began:.1f} s after")


@pytest.mark.parametrize("kept", [True, False], ids=["restarted with its file", "restarted empty"])
def test_redis_is_killed_and_started_again(tmp_path, undisturbed, kept):
    port, options = free_port(), ("--appendonly", "yes", "--appendfsync", "always") if kept else ()
    with running_redis(tmp_path, *options, port=port) as redis, running(tmp_path, **SMALL, redis_url=redis.url) as service:
        location = hand_in(service, JOB, **{"Idempotency-Key": "k"})
        wait_for(service, location, 10)
        redis.process.kill()
        redis.process.wait()
        with running_redis(tmp_path, *options, port=port):
            began = time.monotonic()
            while (answer := service.get(location)).status_code == 503:
                time.sleep(0.1)
            print(f"\nasked again {time.monotonic() - began:.1f} s after", end="")
            if not kept:
                assert (answer.status_code, "hand it in again" in answer.json()["detail"]) == (404, True)
                location = hand_in(service, JOB, **{"Idempotency-Key": "k"})
            assert result(service, location) == undisturbed
            print(f", done {time.monotonic() - began:.1f} s after")


def test_redis_is_full(tmp_path, undisturbed):
    with (
        running_redis(tmp_path, "--maxmemory", "1mb", "--maxmemory-policy", "noeviction") as redis,
        running(tmp_path, **SMALL, redis_url=redis.url) as service,
    ):
        refused = httpx2.post(service.url + "/v1/jobs", json=JOB, timeout=60)
        assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
        assert "memory" in refused.json()["detail"]
        service_goes_on = service.post("/v1/score", JOB).raise_for_status().json()
        assert service_goes_on["groups"] == undisturbed["groups"]
