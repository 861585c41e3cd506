"""A real HTTP server that speaks chat completions and judges by a rule: right answers over wrong ones, as told, with its own weaknesses."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny-judge"


@dataclass
class FakeJudge:
    """likes_first: it names what stands first whatever that is.  bad: what to say instead, one a request."""

    url: str
    likes_first: bool = False
    bad: list[Any] = field(default_factory=list)
    seen: list[dict[str, Any]] = field(default_factory=list)


def _judged(fake: FakeJudge, given: dict[str, str]) -> dict[str, Any]:
    """An answer is worth the number of times it says "good"."""
    if "answer" in given:
        return {"reasoning": "counted", "score": min(10, 1 + given["answer"].count("good"))}
    first, second = given["first"].count("good"), given["second"].count("good")
    winner = "first" if fake.likes_first or first > second else "second" if second > first else "tie"
    return {"reasoning": "counted", "winner": winner}


def _closed(schema: dict[str, Any]) -> bool:
    return schema["additionalProperties"] is False and set(schema["required"]) == set(schema["properties"])


@contextlib.contextmanager
def judge_server() -> Iterator[FakeJudge]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            fake.seen.append(body)
            bad = fake.bad.pop(0) if fake.bad else None
            form = body["response_format"]["json_schema"]
            if self.path != "/v1/chat/completions" or body["model"] != MODEL or not (form["strict"] and _closed(form["schema"])):
                bad = 400
            if isinstance(bad, int):
                self._send(bad, {"error": {"message": "no"}})
                return
            content = json.dumps(_judged(fake, json.loads(body["messages"][1]["content"])))
            message = {"role": "assistant", "content": content, "refusal": None}
            if bad == "refusal":
                message |= {"content": None, "refusal": "I will not judge."}
            elif bad is not None:
                message["content"] = bad
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            self._send(
                200, {"id": "1", "object": "chat.completion", "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
            )

        def _send(self, status: int, content: object) -> None:
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    fake = FakeJudge(f"http://127.0.0.1:{http.server_port}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
