"""API keys against a running service: who comes in, who does not, and how keys are rotated."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time

import httpx2
import pytest
import requests

from http_groups import symbolic
from keystep_client import Client, RejectedError
from running import running

OLD, NEW = "old-key-0123456789abcdef", "new-key-0123456789abcdef"
SCORE = {"groups": [{"id": "q", "answer": "6", "rollouts": [{"id": "r", "text": "6"}]}]}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    path = folder / "keys"
    path.write_text(f"# the trainers'\n\n{OLD}\n{NEW}\n")
    with running(folder, api_keys_path=path, processes=1, verifier_workers=1) as service:
        yield service, path


def ask(service, **headers):
    return httpx2.post(f"{service.url}/v1/score", json=SCORE, headers=headers, timeout=60)


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({}, "send Authorization: Bearer KEY"),
        ({"authorization": "Bearer wrong"}, "none of this service's"),
        ({"authorization": f"Bearer {OLD}x"}, "none of this service's"),
        ({"authorization": f"Bearer {OLD[:-1]}"}, "none of this service's"),
        ({"authorization": "Bearer"}, "none of this service's"),
        ({"authorization": f"Bearer {OLD} {NEW}"}, "none of this service's"),
        ({"authorization": OLD}, "neither"),
        ({"authorization": "Basic ???"}, "neither"),
        ({"authorization": "Basic /w=="}, "neither"),
        ({"authorization": "Digest x"}, "neither"),
    ],
)
def test_without_a_key_nobody_comes_in_and_is_told_how(guarded, headers, said):
    answer = ask(guarded[0], **headers)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"].startswith("Bearer ")
    assert said in answer.json()["detail"]
    assert OLD not in answer.text


def test_every_route_but_health_asks_for_the_key(guarded):
    service, _ = guarded
    document = httpx2.get(f"{service.url}/openapi.json", headers={"authorization": f"Bearer {OLD}"}).json()
    for path, operations in document["paths"].items():
        for method in operations:
            status = httpx2.request(method, service.url + path, content=b"{}").status_code
            assert (status == 200) if path in {"/livez", "/readyz"} else (status == 401), path
    for path in ("/", "/docs", "/openapi.json", "/nowhere", "/livez/", "//livez", "/livez/../v1/recipes"):
        assert httpx2.get(service.url + path).status_code == 401, path


def test_a_body_is_not_waited_for(guarded):
    url = httpx2.URL(guarded[0].url)
    with socket.create_connection((url.host, url.port), timeout=30) as raw:
        raw.sendall(b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 401")


def test_each_key_comes_in_by_header_or_by_url(guarded):
    service, _ = guarded
    assert [ask(service, authorization=f"Bearer {key}").status_code for key in (OLD, NEW)] == [200, 200]
    assert ask(service, authorization=f"bearer  {OLD}").status_code == 200
    by_url = service.url.replace("http://", f"http://keystep:{OLD}@")
    openrlhf = {"query": ["6"], "prompts": [""], "labels": ["6"]}
    for client in (httpx2, requests):
        assert client.post(f"{by_url}/get_reward", json=openrlhf, timeout=60).json()["rewards"] == [1.0]
    assert requests.get(f"{by_url}/docs", timeout=60).status_code == 200


def test_the_client_sends_it(guarded):
    service, _ = guarded
    with Client(service.url, api_key=NEW) as client:
        assert client.score(SCORE["groups"]).groups[0].rollouts[0].outcome == 1.0
    with Client(service.url) as client, pytest.raises(RejectedError, match="api_key"):
        client.score(SCORE["groups"])


def test_a_key_has_its_share_of_what_is_in_flight(tmp_path):
    path = tmp_path / "keys"
    path.write_text(f"{OLD}\n{NEW}\n")
    with running(tmp_path, api_keys_path=path, max_inflight_per_key=300, verifier_workers=1) as service:
        old, new = (httpx2.Client(base_url=service.url, headers={"authorization": f"Bearer {key}"}, timeout=120) for key in (OLD, NEW))
        answers: list[httpx2.Response] = []
        # More than its share: one request may always come in.
        under_way = threading.Thread(target=lambda: answers.append(old.post("/v1/score", json={"groups": [symbolic(400)]})))
        under_way.start()
        while "keystep_inflight_rollouts 400.0" not in new.get("/metrics").text and under_way.is_alive():
            time.sleep(0.005)
        with httpx2.Client(base_url=service.url, headers={"authorization": f"Bearer {OLD}"}) as again:
            refused = again.post("/v1/score", json=SCORE)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert "400 rollouts of this key are in flight (KEYSTEP_MAX_INFLIGHT_PER_KEY 300)" in refused.json()["detail"]
        assert new.post("/v1/score", json=SCORE).status_code == 200
        assert under_way.is_alive()
        under_way.join()
        assert answers[0].status_code == 200
        assert old.post("/v1/score", json=SCORE).status_code == 200
        for client in (old, new):
            client.close()


def test_keys_are_rotated_without_a_restart(tmp_path, capfd):
    path = tmp_path / "keys"
    path.write_text(OLD)
    with running(tmp_path, api_keys_path=path, processes=1, verifier_workers=1) as service:

        def statuses():
            time.sleep(1.1)  # the file is looked at once a second
            return [ask(service, authorization=f"Bearer {key}").status_code for key in (OLD, NEW)]

        assert statuses() == [200, 401]
        path.write_text(f"{OLD}\n{NEW}\n")
        assert statuses() == [200, 200]
        (tmp_path / "next").write_text(NEW)
        (tmp_path / "next").replace(path)
        assert statuses() == [401, 200]
        for broken in ("", "short", "two words of a key that is long"):
            path.write_text(broken)
            assert statuses() == [401, 200], "what cannot be read changes nothing"
        path.unlink()
        assert statuses() == [401, 200]
    said = capfd.readouterr()
    assert "the keys read before stay" in said.err
    assert not any(key in said.out + said.err for key in (OLD, NEW, "two words"))


@pytest.mark.parametrize(
    ("content", "said"), [("", "has no key"), ("short\n", "line 1"), (f"{OLD}\nä{OLD}", "line 2"), (None, "No such file")]
)
def test_a_service_whose_keys_cannot_be_read_does_not_start(tmp_path, content, said):
    path = tmp_path / "keys"
    if content is not None:
        path.write_text(content)
    environment = os.environ | {"KEYSTEP_API_KEYS_PATH": str(path), "KEYSTEP_PORT": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "keystep", "serve"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 2
    assert "KEYSTEP_API_KEYS_PATH" in done.stderr
    assert said in done.stderr
    assert OLD not in done.stderr
