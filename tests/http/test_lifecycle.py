"""A graceful stop, and admission, with real signals and a real process."""

from __future__ import annotations

import signal
import threading
import time

import httpx2

from responses import mulberry
from running import running

# Equal to the gold, each in its own way: only symbolic work can tell.
ROLLOUTS = [{"id": str(i), "text": mulberry("x", answer=f"$(x-{i})(x+{i})+{i * i}-1$")} for i in range(2, 202)]
SLOW = {"groups": [{"id": "q", "answer": "$x^2-1$", "key_steps": [], "rollouts": ROLLOUTS}]}


def in_background(service, answers):
    thread = threading.Thread(target=lambda: answers.append(service.post("/v1/score", SLOW)))
    thread.start()
    while "keystep_inflight_rollouts 200.0" not in service.get("/metrics").text and thread.is_alive():
        time.sleep(0.005)
    return thread


def test_sigterm_drains_what_is_under_way(tmp_path):
    with running(tmp_path, drain_seconds=3, verifier_workers=1) as service:
        answers: list[httpx2.Response] = []
        with httpx2.Client(base_url=service.url) as kept:
            kept.get("/livez")
            under_way = in_background(service, answers)
            service.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            assert (kept.get("/readyz").status_code, kept.get("/readyz").json()) == (503, {"status": "draining"})
            refused = kept.post("/v1/score", json=SLOW)
            assert (refused.status_code, refused.headers["content-type"], refused.headers["retry-after"]) == (
                503,
                "application/problem+json",
                "1",
            )
        under_way.join()
        assert service.process.wait(30) in (0, -signal.SIGTERM)
    assert answers[0].status_code == 200
    assert len(answers[0].json()["groups"][0]["rollouts"]) == 200


def test_too_many_rollouts_in_flight_are_turned_away(tmp_path):
    with running(tmp_path, max_inflight=200, verifier_workers=1) as service:
        answers: list[httpx2.Response] = []
        under_way = in_background(service, answers)
        refused = service.post("/v1/score", SLOW)
        under_way.join()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert answers[0].status_code == 200
        assert service.post("/v1/score", SLOW).status_code == 200
