"""Jobs that take a while, and how to watch them, for tests that kill what does them."""

from __future__ import annotations

import time

import httpx2

from http_groups import groups, symbolic
from running import Service


def long_job() -> dict:
    """A second's work or two; every answer of the symbolic groups is another."""
    return {"groups": [*groups(40), *(symbolic(3, name=f"s{i}", first=2 + 3 * i) for i in range(30)), *groups(60, first=40)]}


def hand_in(service: Service, body: dict, **headers: str) -> str:
    """Where to ask for it."""
    accepted = httpx2.post(service.url + "/v1/jobs", json=body, headers=headers, timeout=60)
    assert accepted.status_code == 202, accepted.text
    return accepted.headers["location"]


def done(service: Service, location: str) -> int:
    return service.get(location).raise_for_status().json()["progress"]["groups_done"]


def wait_for(service: Service, location: str, least: int) -> float:
    """Until so many groups are done; seconds it took."""
    began = time.monotonic()
    while done(service, location) < least:
        assert time.monotonic() - began < 120, f"{least} groups were not done within two minutes"
        time.sleep(0.02)
    return time.monotonic() - began


def result(service: Service, location: str) -> dict:
    for _ in range(10):
        job = service.get(f"{location}?wait=30").raise_for_status().json()
        if job["status"] == "done":
            assert job["progress"]["groups_done"] == job["progress"]["groups"] == len(job["result"]["groups"])
            return job["result"]
    raise AssertionError(f"not done in five minutes: {job}")


def rollouts_scored(service: Service) -> int:
    lines = service.get("/metrics").text.splitlines()
    return sum(int(float(line.rpartition(" ")[2])) for line in lines if line.startswith("keystep_rollouts_total"))
