"""Many at once: one big batch beside small requests, hundreds of new connections, and what is turned away before it costs memory."""

from __future__ import annotations

import json
import re
import socket
import threading
import time

import httpx2
import orjson

from keystep import wire
from keystep.recipe import HARDENED
from load import Load
from responses import mulberry
from running import running


def rollout(i: int) -> dict:
    text = mulberry(f"There are {i} cubes and {i % 7} balls in the picture.", f"{i} + {i % 7} = {i + i % 7}.", answer=str(i + i % 7))
    return {"id": str(i), "text": text}


def single(i: int) -> bytes:
    group = {"id": str(i), "answer": str(i + i % 5), "key_steps": [f"{i} + {i % 7} = {i + i % 7}", "a red ball"], "rollouts": [rollout(i)]}
    return json.dumps({"groups": [group]}).encode()


def test_small_requests_finish_while_a_batch_of_8192_runs(service):
    big = {"groups": [{"id": "big", "answer": "6", "key_steps": ["1 + 1 = 2"], "rollouts": [rollout(i) for i in range(8_192)]}]}
    answers: list[httpx2.Response] = []
    under_way = threading.Thread(target=lambda: answers.append(service.post("/v1/score", big)))
    under_way.start()
    while "keystep_unscored_rollouts 0.0" in service.get("/metrics").text and under_way.is_alive():
        time.sleep(0.01)
    finished = 0
    while under_way.is_alive():
        small = service.post("/v1/score", content=single(finished))
        assert small.status_code == 200
        finished += under_way.is_alive()
    print(f"\n{finished} small requests, one after the other, finished while 8,192 rollouts were scored")
    assert finished >= 5
    assert [r["id"] for r in answers[0].raise_for_status().json()["groups"][0]["rollouts"]] == [str(i) for i in range(8_192)]


def test_hundreds_of_new_connections_at_once_each_get_their_own_answer(service, engine):
    port = int(service.url.rsplit(":", 1)[1])
    bodies = [single(i) for i in range(1_000)]
    got: dict[str, bytes] = {}

    def keep(answer: bytes) -> None:
        (group,) = orjson.loads(answer)["groups"]
        got[group["id"]] = orjson.dumps(group)

    measured = Load(port, "/v1/score", at_once=500, seen=keep).run(iter(bodies))
    assert measured.statuses == {200: 1_000}
    groups = [wire.group_from(wire.parse(wire.ScoreRequest, body).groups[0]) for body in bodies]
    assert got == {g.id: orjson.dumps(wire.group_to_json(g, "rewards")) for g in engine.score(groups, HARDENED).groups}


# Equal to the gold, each in its own way, so that it takes a while; and nearly all of a MiB.
HARD = [{"id": str(i), "text": mulberry("x", answer=f"$(x-{i})(x+{i})+{i * i}-1$")} for i in range(2, 402)]
LONG = {"groups": [{"id": "q", "answer": "$x^2-1$", "key_steps": [], "images": ["x" * 300_000] * 2, "rollouts": HARD}]}


def test_bytes_in_flight_are_bounded(tmp_path):
    with running(tmp_path, max_body_mib=1, max_inflight_mib=1, verifier_workers=1) as service:
        answers: list[httpx2.Response] = []
        under_way = threading.Thread(target=lambda: answers.append(service.post("/v1/score", LONG)))
        under_way.start()
        while not re.search(r"keystep_inflight_rollouts [1-9]", service.get("/metrics").text) and under_way.is_alive():
            time.sleep(0.01)
        # Turned away by what it announces, before a byte of it is sent.
        with socket.create_connection(("127.0.0.1", int(service.url.rsplit(":", 1)[1])), timeout=30) as raw:
            raw.sendall(b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: 900000\r\n\r\n")
            told = ""
            while not told.endswith("}"):
                told += raw.recv(65_536).decode()
        assert under_way.is_alive()
        assert told.startswith("HTTP/1.1 429 ")
        assert "retry-after: 1" in told.lower()
        assert "KEYSTEP_MAX_INFLIGHT_MIB" in told
        # Unannounced, it is turned away as soon as it is too much.
        chunked = httpx2.post(service.url + "/v1/score", content=(b" " * 65_536 for _ in range(15)), timeout=60)
        assert chunked.status_code == 429
        assert service.post("/v1/score", content=single(1)).status_code == 200  # small ones have room
        under_way.join()
        assert answers[0].status_code == 200
        assert "keystep_inflight_bytes 0.0" in service.get("/metrics").text
        assert service.post("/v1/score", LONG).status_code == 200


def figure(service, name: str) -> float:
    return float(re.search(rf"^{re.escape(name)} (\S+)$", service.get("/metrics").text, re.MULTILINE)[1])


def test_figures_are_of_all_processes(service):
    """Every rollout is counted once, whichever process scored it."""
    counted = 'keystep_rollouts_total{recipe="hardened",status="decided"}'
    groups = [{"id": str(n), "answer": "6", "key_steps": [], "rollouts": [rollout(i) for i in range(200)]} for n in range(4)]
    assert service.post("/v1/score", {"groups": groups}).status_code == 200
    before = figure(service, counted)
    assert service.post("/v1/score", {"groups": groups}).status_code == 200
    assert figure(service, counted) == before + 800
    assert figure(service, "keystep_scoring_processes") >= 1
    assert figure(service, "keystep_unscored_rollouts") == 0
    assert figure(service, "keystep_scoring_process_deaths_total") == 0
