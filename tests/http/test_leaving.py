"""A client that leaves before its answer: its work is given up, and everybody else's is not."""

from __future__ import annotations

import json
import re
import socket
import time

from http_groups import groups
from responses import mulberry

ASIDES = " ".join(f"The {thing} costs {i + 3} euros and {i} cents, which is not {i}." for i, thing in enumerate("lamp chair table".split()))
ROLLOUTS = [{"id": str(i), "text": mulberry(f"{i} * 2 = {2 * i}.", ASIDES * 20, answer=str(i))} for i in range(2_000)]
BODY = json.dumps({"groups": [{"id": "q", "answer": "6", "key_steps": ["3 * 2 = 6"], "rollouts": ROLLOUTS}]}).encode()


def figure(service, name: str) -> int:
    return int(float(re.search(rf"^{name} (\S+)$", service.get("/metrics").text, re.MULTILINE)[1]))


def test_its_work_is_given_up(service):
    with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as client:
        client.sendall(b"POST /v1/score HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY)
        while not figure(service, "keystep_unscored_rollouts"):
            time.sleep(0.005)
    seen = []
    while not seen or seen[-1]:
        seen.append(figure(service, "keystep_unscored_rollouts"))
    assert figure(service, "keystep_inflight_rollouts") == 0
    # It was given up, all at once: it had not come to its end.
    assert max(a - b for a, b in zip([len(ROLLOUTS), *seen], seen, strict=False)) > len(ROLLOUTS) / 2, seen
    assert service.post("/v1/score", {"groups": groups(2)}).status_code == 200
