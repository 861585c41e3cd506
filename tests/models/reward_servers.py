"""Real HTTP servers that speak the JSON of vLLM's /classify, SGLang's /v1/embeddings and TEI's /predict, and misbehave as told."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LONGEST = 400  # characters these servers' models take


def logit(text: str) -> float:
    """What the server's model says of a text, after its tokenizer has put a BOS in front."""
    return sum(map(ord, "<s>" + text)) % 1009 / 100 - 5


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


@dataclass
class Fake:
    """fail: answers to give instead, one a request: a status and body, or a change of the right body."""

    url: str
    seen: list[tuple[str, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    fail: list[Any] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)


def _answer(path: str, body: dict[str, Any]) -> tuple[int, Any]:
    if path == "/predict":
        if not set(body) <= {"inputs", "raw_scores", "truncate"}:
            return 422, {"error": "unknown field", "error_type": "Validation"}
        texts = [text for (text,) in body["inputs"]]
        if any(len(t) > LONGEST for t in texts) and not body.get("truncate"):
            return 413, {"error": f"`inputs` must have less than {LONGEST} tokens. Given: 9999", "error_type": "Validation"}
        squash = (lambda x: x) if body.get("raw_scores") else sigmoid
        return 200, [[{"score": squash(logit(t)), "label": "LABEL_0"}] for t in texts]
    texts = body["input"]
    if body["model"] != "rm":
        return 404, {"error": {"message": f"The model `{body['model']}` does not exist.", "type": "NotFoundError", "code": 404}}
    if any(len(t) > LONGEST for t in texts):
        return 400, {
            "error": {"message": f"This model's maximum context length is {LONGEST} tokens.", "type": "BadRequestError", "code": 400}
        }
    usage = {"prompt_tokens": 5, "total_tokens": 5, "completion_tokens": 0, "prompt_tokens_details": None}
    if path == "/classify":
        squash = sigmoid if body.get("use_activation", True) else (lambda x: x)
        data = [{"index": n, "label": "LABEL_0", "probs": [squash(logit(t))], "num_classes": 1} for n, t in enumerate(texts)]
        return 200, {"id": "classify-1", "object": "list", "created": 1, "model": "rm", "data": data, "usage": usage}
    data = [{"object": "embedding", "embedding": [logit(t)], "index": n} for n, t in enumerate(texts)]
    return 200, {"object": "list", "data": data[::-1], "model": "rm", "usage": usage}


@contextlib.contextmanager
def reward_server() -> Iterator[Fake]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            fake.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            status, content = _answer(self.path, body)
            headers = {}
            if fake.fail:
                wrong = fake.fail.pop(0)
                if wrong == "slow":
                    fake.stopping.wait(30)
                elif callable(wrong):
                    content = wrong(content)
                else:
                    (status, content), headers = wrong, {"retry-after": "0"}
            data = json.dumps(content).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", "content-length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """A client that gave up is part of the play."""

    http = Server(("127.0.0.1", 0), Handler)
    fake = Fake(f"http://127.0.0.1:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        fake.stopping.set()
        http.shutdown()
        http.server_close()
        thread.join()
