"""Raw bytes at the port: whatever comes, there is an answer or a closed connection, never a 500, and the service goes on."""

from __future__ import annotations

import contextlib
import random
import socket
from collections import Counter

import pytest

from responses import mulberry

BODY = (
    '{"recipe": {"base": "hardened", "alpha": 0.1}, "detail": "evidence", "deadline_ms": 5000, "groups": [{"id": "q", '
    '"question": "How many?", "reference": "5 + 1 = 6", "answer": "6", "choices": ["6", "7"], "answer_type": "auto", '
    '"rollouts": [{"id": "r", "text": %s, "truncated": false}]}]}'
) % ('"' + mulberry("5 + 1 = 6 é ½ 六.").replace("\n", "\\n") + '"')
PATHS = ("/v1/score", "/v1/verify", "/v1/key-steps", "/v1/score/stream", "/v1/jobs", "/get_reward", "/livez", "/v1/recipes/x")
BITS = (
    b"\r\n",
    b"\x00",
    b"\xff",
    b'"',
    b"{",
    b"[",
    b"null",
    b"1e999",
    b"\\ud800",
    b"-",
    b": ",
    b"a" * 70_000,
    b"Transfer-Encoding: chunked\r\n",
)


def request(path: str, body: bytes) -> bytes:
    head = f"POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {len(body)}"
    return head.encode() + b"\r\n\r\n" + body


def mutated(r: random.Random, text: bytes) -> bytes:
    out = bytearray(text)
    for _ in range(r.randint(1, 6)):
        at = r.randrange(len(out) + 1)
        match r.randrange(4):
            case 0:
                out[at : at + r.randint(1, 40)] = b""
            case 1:
                out[at:at] = r.choice(BITS)
            case 2:
                out[at : at + 1] = bytes([r.randrange(256)])
            case 3:
                out[at:at] = out[at : at + r.randint(1, 200)]
    return bytes(out)


def answer(port: int, sent: bytes, *, whole: bool) -> bytes:
    """What comes back until the service closes. whole: the request is a whole one; else it is told that no more will come."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as raw:
        with contextlib.suppress(ConnectionError):
            raw.sendall(sent)
            if not whole:
                raw.shutdown(socket.SHUT_WR)
        back = b""
        with contextlib.suppress(ConnectionError):
            while chunk := raw.recv(65_536):
                back += chunk
        return back


def fuzz(r: random.Random, kind: str) -> bytes:
    match kind:
        case "noise":
            return r.randbytes(r.randint(0, 3_000))
        case "requests":
            return mutated(r, request(r.choice(PATHS), BODY.encode()))
        case _:
            return request(r.choice(PATHS), mutated(r, BODY.encode()))


@pytest.mark.parametrize("kind", ["noise", "requests", "bodies"])
def test_never_a_500(service, kind):
    r = random.Random(kind)
    port = int(service.url.rsplit(":", 1)[1])
    told: Counter[str] = Counter()
    for _ in range(250):
        sent = fuzz(r, kind)
        back = answer(port, sent, whole=kind == "bodies")
        status = back[9:12].decode("latin-1") if back.startswith(b"HTTP/1.1 ") else "closed"
        told[status] += 1
        assert status != "500", sent
    assert kind != "bodies" or told["closed"] == 0
    print(f"\n{kind}: {dict(told)}")
    assert service.get("/livez").status_code == 200
    assert service.post("/v1/score", content=BODY.encode()).status_code == 200
