"""POST /v1/jobs and what follows, over real HTTP, with the store that needs nothing installed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import httpx2
import pytest

from http_groups import groups, symbolic
from keystep.jobs.sqlite import SqliteJobs
from keystep.jobs.store import NewJob
from keystep.wire.jobs import JobOut
from running import Service, running


def hand_in(service, body, **headers) -> httpx2.Response:
    return httpx2.post(service.url + "/v1/jobs", json=body, headers=headers, timeout=60)


def ended(service, location: str) -> dict:
    for _ in range(20):
        job = httpx2.get(service.url + location, params={"wait": 30}, timeout=60).raise_for_status().json()
        if job["status"] in {"done", "cancelled"}:
            return job
    raise AssertionError(f"not done in ten minutes: {job}")


@pytest.mark.parametrize("detail", ["rewards", "evidence"])
def test_a_job_is_the_same_answer_later(service, detail):
    body = {"groups": groups(30), "detail": detail}
    accepted = hand_in(service, body)
    assert accepted.status_code == 202
    JobOut.model_validate_json(accepted.content, strict=True)
    location = accepted.headers["location"]
    assert location == f"/v1/jobs/{accepted.json()['id']}"
    assert accepted.json()["progress"] == {"groups": 30, "groups_done": 0}
    job = ended(service, location)
    assert (job["status"], job["progress"], job["waits_for"]) == ("done", {"groups": 30, "groups_done": 30}, None)
    assert job["result"] == service.post("/v1/score", body).json()
    JobOut.model_validate_json(service.get(location).content, strict=True)


def test_figures_tell_how_jobs_stand(service):
    def figure(name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", service.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def reaches(name: str, least: float) -> bool:
        """Within half a minute: figures of jobs are taken now and then."""
        return any(figure(name) >= least or time.sleep(0.05) for _ in range(600))

    before = figure('keystep_job_groups_total{what="scored"}')
    ended(service, hand_in(service, {"groups": groups(7)}).headers["location"])
    assert reaches('keystep_job_groups_total{what="scored"}', before + 7)
    assert reaches('keystep_jobs{state="ended"}', 1)


def test_a_key_names_one_job(service):
    body = {"groups": groups(3)}
    first = hand_in(service, body, **{"Idempotency-Key": "once"})
    again = hand_in(service, body, **{"Idempotency-Key": "once"})
    assert (again.status_code, again.headers["location"]) == (202, first.headers["location"])
    other = hand_in(service, {"groups": groups(4)}, **{"Idempotency-Key": "once"})
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    (error,) = other.json()["errors"]
    assert error["field"] == "Idempotency-Key"
    assert first.json()["id"] in error["message"]
    assert "take a new key" in error["message"]
    assert hand_in(service, body).headers["location"] != first.headers["location"]


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_a_key_has_a_length(service, key):
    refused = hand_in(service, {"groups": groups(1)}, **{"Idempotency-Key": key})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"groups": []}, "groups"), ({"groups": groups(1), "recipe": "best"}, "recipe"), ({"groups": groups(1), "colour": 1}, "colour")],
)
def test_what_is_wrong_is_told_at_once(service, body, field):
    refused = hand_in(service, body)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)


def test_an_extractor_that_is_not_here_is_refused_at_once(service):
    refused = hand_in(service, {"groups": groups(1), "recipe": {"base": "hardened", "extractor": "llm/none"}})
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "recipe.extractor")


def test_a_job_that_is_none_is_a_404_with_the_mend(service):
    for method in ("GET", "DELETE"):
        missing = httpx2.request(method, f"{service.url}/v1/jobs/none", timeout=60)
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")
        assert "hand it in again" in missing.json()["detail"]


@pytest.mark.parametrize("wait", ["-1", "61", "soon", "nan"])
def test_how_long_to_wait_has_bounds(service, wait):
    refused = httpx2.get(f"{service.url}/v1/jobs/none", params={"wait": wait}, timeout=60)
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "wait")


@pytest.fixture(scope="module")
def small(tmp_path_factory) -> Iterator[Service]:
    """A service that is slow at formulas, keeps what has ended for ten seconds, and finds a job of another version."""
    folder = tmp_path_factory.mktemp("small")
    store = SqliteJobs(folder / "jobs.sqlite3")
    order = {"spec": "hardened", "recipe": {"name": "hardened", "hash": "sha256:old"}, "detail": "rewards", "deadline_ms": None}
    store.submit(NewJob("old", None, "f", json.dumps(order), [json.dumps(groups(1)[0])], 1), room=1 << 20)
    store.close()
    with running(folder, processes=1, verifier_workers=1, jobs_keep_seconds=10) as service:
        yield service


def test_a_deadline_is_counted_from_when_the_job_was_handed_in(small):
    job = ended(small, hand_in(small, {"groups": [symbolic(500), *groups(2)], "deadline_ms": 500}).headers["location"])
    assert job["status"] == "done"
    for group in job["result"]["groups"]:
        for rollout in group["rollouts"]:
            assert (rollout["reward"] is None) == ("deadline" in rollout["reasons"]), rollout
    assert "deadline" in job["result"]["groups"][0]["rollouts"][-1]["reasons"]


def test_cancelled_is_over(small):
    location = hand_in(small, {"groups": [symbolic(500), *groups(2)]}).headers["location"]
    assert small.get(f"{location}?wait=0.5").json()["status"] in {"queued", "running"}
    cancelled = httpx2.delete(small.url + location, timeout=60)
    assert (cancelled.status_code, cancelled.json()["status"], cancelled.json()["result"]) == (200, "cancelled", None)
    assert small.get(location + "?wait=30").json()["status"] == "cancelled"
    ended = time.monotonic()
    while small.get(location).status_code != 404:
        assert time.monotonic() < ended + 60
        time.sleep(0.2)


def test_a_job_of_another_version_is_left_alone_and_says_why(small):
    for _ in range(100):
        job = small.get("/v1/jobs/old").json()
        if job["waits_for"]:
            break
        time.sleep(0.1)
    assert "sha256:old" in job["waits_for"]
    assert "hand it in again" in job["waits_for"]
    assert (job["progress"]["groups_done"], job["result"], job["recipe"]["hash"]) == (0, None, "sha256:old")
    assert ended(small, hand_in(small, {"groups": groups(1)}).headers["location"])["status"] == "done"


def test_there_is_room_for_so_much(tmp_path):
    with running(tmp_path, processes=1, verifier_workers=1, jobs_max_mib=1) as service:
        large = groups(1)
        large[0]["rollouts"] = [{"id": str(i), "text": "x" * 300_000} for i in range(4)]
        refused = hand_in(service, {"groups": large})
        assert (refused.status_code, refused.headers["retry-after"], "KEYSTEP_JOBS_MAX_MIB" in refused.json()["detail"]) == (
            429,
            "30",
            True,
        )
        assert hand_in(service, {"groups": groups(1)}).status_code == 202


def test_where_no_jobs_can_be_kept_everything_else_works(tmp_path):
    for jobs_path, said in (("", "keeps no jobs"), (tmp_path / "file" / "jobs.sqlite3", "KEYSTEP_JOBS_PATH")):
        (tmp_path / "file").write_text("in the way")
        with running(tmp_path, processes=1, verifier_workers=1, jobs_path=jobs_path) as service:
            refused = hand_in(service, {"groups": groups(1)})
            assert (refused.status_code, refused.headers["content-type"]) == (503, "application/problem+json")
            assert said in refused.json()["detail"]
            assert service.post("/v1/score", {"groups": groups(1)}).status_code == 200


def test_requests_do_not_wait_for_jobs(service):
    """Prints how long requests take beside a large job, and alone."""
    many = groups(1500, rollouts=8)
    taken: dict[str, list[float]] = {"alone": [], "beside a job": []}

    def ask(when: str, times: int) -> None:
        for _ in range(times):
            began = time.monotonic()
            service.post("/v1/score", {"groups": groups(1)}).raise_for_status()
            taken[when].append(time.monotonic() - began)

    ask("alone", 20)
    location = hand_in(service, {"groups": many}).headers["location"]
    ask("beside a job", 20)
    under_way = service.get(location).json()
    for when, seconds in taken.items():
        print(f"\n{when}: median {1000 * sorted(seconds)[10]:.0f} ms, worst {1000 * max(seconds):.0f} ms", end="")
    assert under_way["status"] != "done"  # the requests were answered before it
    httpx2.delete(service.url + location, timeout=60)
