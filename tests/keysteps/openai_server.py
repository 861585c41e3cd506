"""A real HTTP server that speaks the OpenAI chat-completions protocol, extracts by rule, and misbehaves as told.

It reads what it is asked from the messages themselves, refuses requests that the protocol would refuse, and answers the same
request always the same.
"""

from __future__ import annotations

import contextlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODEL = "tiny-vl"


class Bad(StrEnum):
    """The ways to misbehave."""

    BUSY = "429 with Retry-After"
    BROKEN = "500"
    SLOW = "slower than the time-out"
    DRIPPING = "an answer that drips"
    CUT = "connection cut within the body"
    NOT_JSON = "content that is not JSON"
    SCHEMA = "JSON of another form"
    NO_CHOICES = "no choices"
    EMPTY = "no content"
    REFUSAL = "a refusal"
    LANGUAGE = "another language"
    DUPLICATES = "every step twice"
    LEAKED = "the answer as a step"
    TOO_MANY = "more steps than allowed"
    TOKEN_LIMIT = "cut at the token limit"
    NOTHING = "no step at all"
    INVENTED = "steps that the reference does not have"
    WRONG_NUMBERS = "equivalents with other numbers"
    ONE_BACKSLASH = "LaTeX with single backslashes"
    LOST_IDS = "ids left out"
    MANY_FORMS = "more equivalents than allowed"
    LAST_SECTION = "steps of the last section only"
    SHUFFLED = "steps in another order"
    NAMED = "the answer, a name, as an equivalent"
    VAGUE = "equivalents that say less"
    ENDLESS = "a hundred thousand steps"
    FILTERED = "stopped by a content filter"
    HUGE = "a body of 9 MB"
    SHARED_FORM = "the same equivalent for every step, and each step for the others"
    FENCED = "JSON in a Markdown fence"


@dataclass
class FakeOpenAI:
    """retry_after, delay: seconds, for BUSY and for SLOW and DRIPPING."""

    url: str
    retry_after: str = "0"
    delay: float = 60.0
    think: float = 0.0
    # (arrival, headers, body) of each request
    seen: list[tuple[float, dict[str, str], dict[str, Any]]] = field(default_factory=list)
    most_at_once: int = 0
    _bad: Bad | None = None
    _times: int = 0
    _stage: str | None = None
    _at_once: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def misbehave(self, bad: Bad, *, times: int = 10**9, stage: str | None = None) -> None:
        """From now on, that many times, in that stage (all by default)."""
        self._bad, self._times, self._stage = bad, times, stage

    def stages(self) -> list[str]:
        """What was asked for, in order."""
        return [body["response_format"]["json_schema"]["name"] for _, _, body in self.seen]

    def arrive(self, headers: dict[str, str], body: dict[str, Any]) -> Bad | None:
        with self._lock:
            self.seen.append((time.monotonic(), headers, body))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            mine = self._times > 0 and self._stage in {None, body["response_format"]["json_schema"]["name"]}
            self._times -= mine
            return self._bad if mine else None

    def leave(self) -> None:
        with self._lock:
            self._at_once -= 1

    def sleep(self, seconds: float) -> None:
        self._stopping.wait(seconds)


@contextlib.contextmanager
def openai_server(port: int = 0) -> Iterator[FakeOpenAI]:
    class Handler(_Handler):
        fake: FakeOpenAI

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            """A client that gave up is part of the play."""

    http = Server(("127.0.0.1", port), Handler)
    fake = Handler.fake = FakeOpenAI(f"http://127.0.0.1:{http.server_port}/v1")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        fake._stopping.set()
        http.shutdown()
        http.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: FakeOpenAI

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        problem = _refused(self.path, body)
        if problem is not None:
            self._send(400, {"error": {"message": problem, "type": "invalid_request_error"}})
            return
        bad = self.fake.arrive({k.lower(): v for k, v in self.headers.items()}, body)
        try:
            self.fake.sleep(self.fake.think)
            self._answer(bad, body)
        finally:
            self.fake.leave()

    def _answer(self, bad: Bad | None, body: dict[str, Any]) -> None:
        if bad is Bad.BUSY:
            self._send(429, {"error": {"message": "rate limit"}}, {"retry-after": self.fake.retry_after})
        elif bad is Bad.BROKEN:
            self._send(500, {"error": {"message": "out of memory"}})
        elif bad is Bad.SLOW:
            self.fake.sleep(self.fake.delay)
            self._send(200, _completion(body, None))
        elif bad is Bad.DRIPPING:
            self._drip(json.dumps(_completion(body, None)).encode())
        elif bad is Bad.CUT:
            self._send(200, _completion(body, None), cut=40)
        else:
            self._send(200, _completion(body, bad))

    def _send(self, status: int, content: object, headers: dict[str, str] | None = None, cut: int | None = None) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"content-type": "application/json", "content-length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[:cut])
        self.close_connection = cut is not None

    def _drip(self, data: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        for at in range(0, len(data), 8):
            self.fake.sleep(self.fake.delay / 20)
            self.wfile.write(data[at : at + 8])

    def log_message(self, *_: object) -> None:
        """Quiet."""


def _refused(path: str, body: dict[str, Any]) -> str | None:
    if path != "/v1/chat/completions":
        return f"no such path {path}"
    if body["model"] != MODEL:
        return f"no such model {body['model']}"
    known = {"model", "messages", "temperature", "max_completion_tokens", "response_format"}
    if not set(body) <= known:
        return f"unknown fields {set(body) - known}"
    form = body["response_format"]
    if form["type"] != "json_schema" or form["json_schema"]["strict"] is not True:
        return "response_format must be a strict json_schema"
    return _loose(form["json_schema"]["schema"])


def _loose(schema: Any) -> str | None:
    """What strict mode demands: every object closed, every property required."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and (
            schema.get("additionalProperties") is not False or set(schema["required"]) != set(schema["properties"])
        ):
            return "in strict mode objects are closed and all properties required"
        return next((told for value in schema.values() if (told := _loose(value))), None)
    return next((told for value in schema if (told := _loose(value))), None) if isinstance(schema, list) else None


def _completion(body: dict[str, Any], bad: Bad | None) -> dict[str, Any]:
    stage = body["response_format"]["json_schema"]["name"]
    said = body["messages"][1]["content"]
    asked = json.loads(said if isinstance(said, str) else said[0]["text"])
    message: dict[str, Any] = {"role": "assistant", "content": _content(stage, asked, bad), "refusal": None}
    if bad is Bad.EMPTY:
        message["content"] = None
    if bad is Bad.REFUSAL:
        message |= {"content": None, "refusal": "I cannot help with that."}
    if bad is Bad.HUGE:
        message["content"] += " " * 9_000_000
    reason = {Bad.TOKEN_LIMIT: "length", Bad.FILTERED: "content_filter"}.get(bad, "stop")
    choice = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": MODEL,
        "choices": [] if bad is Bad.NO_CHOICES else [choice],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def _content(stage: str, asked: dict[str, Any], bad: Bad | None) -> str:
    reply = {"extract": _extract, "refine": _refine, "augment": _augment}[stage](asked, bad)
    content = json.dumps(reply, ensure_ascii=False)
    if bad is Bad.NOT_JSON:
        return "Sure! The key elements are: " + content[:-1]
    if bad is Bad.SCHEMA:
        return json.dumps({"key_steps": reply})
    if bad is Bad.TOKEN_LIMIT:
        return content[: len(content) // 2]
    if bad is Bad.ONE_BACKSLASH:
        return content.replace("\\\\", "\\")
    if bad is Bad.FENCED:
        return f"```json\n{content}\n```"
    return content


def _extract(asked: dict[str, Any], bad: Bad | None) -> dict[str, Any]:
    sections = [{"section": s["name"], "elements": _sentences(s["text"])} for s in asked["sections"]]
    for section in sections:
        elements = section["elements"]
        if bad is Bad.DUPLICATES:
            section["elements"] = elements + [e.upper() for e in elements] + elements
        if bad is Bad.NOTHING:
            section["elements"] = []
        if bad is Bad.LANGUAGE:
            section["elements"] = ["蓝色的碗里有七个橙子" for _ in elements]
        if bad is Bad.INVENTED:
            section["elements"] = [*elements, "a red ball lies on the table", "7 - 3 = 5"]
        if bad is Bad.TOO_MANY:
            section["elements"] = [word for s in asked["sections"] for word in s["text"].split()]
    if bad is Bad.ENDLESS:
        sections = [{**sections[0], "elements": [f"x = {n}" for n in range(100_000)]}]
    if bad is Bad.LAST_SECTION:
        sections = sections[-1:]
    if bad is Bad.SHUFFLED:
        sections = [{**s, "elements": s["elements"][::-1]} for s in reversed(sections)]
    if bad is Bad.LEAKED:
        sections[-1]["elements"] += ["4", "The final answer is 4"]
    return {"sections": sections}


def _sentences(text: str) -> list[str]:
    return [s.strip(" .") for s in re.split(r"(?<=[.;])\s|\n", text) if len(s.split()) > 2 and not s.startswith("The question")][:5]


def _refine(asked: dict[str, Any], bad: Bad | None) -> dict[str, Any]:
    out = []
    for element in asked["elements"]:
        text = element["text"]
        equation = re.search(r"[\\\w{}]+(?: ?[-+*/] ?[\\\w{}]+)* = \d+", text)
        core = equation[0] if equation else re.sub(r"^(?:there are|we see that|the picture shows) ", "", text)
        if bad is Bad.LANGUAGE:
            core = "七个橙子"
        if bad is Bad.WRONG_NUMBERS:
            core = core.replace("7", "8")
        out.append({"id": element["id"], "text": core})
    return {"elements": _lose(out, bad)}


def _augment(asked: dict[str, Any], bad: Bad | None) -> dict[str, Any]:
    out = []
    for element in asked["elements"]:
        text, forms = element["text"], []
        equation = re.fullmatch(r"(\d+) - (\d+) = (\d+)", text)
        if equation:
            forms = [f"{equation[1]} minus {equation[2]} equals {equation[3]}", f"{equation[1]}-{equation[2]}={equation[3]}"]
        fraction = re.fullmatch(r"\\frac\{(\d+)\}\{(\d+)\} = (\d+)", text)
        if fraction:
            forms = [f"{fraction[1]}/{fraction[2]} = {fraction[3]}", f"\\frac{{{fraction[1]}}}{{{fraction[2]}}} is {fraction[3]}"]
        if bad is Bad.LANGUAGE:
            forms = ["七减三等于四"]
        if bad is Bad.WRONG_NUMBERS:
            forms = [*forms, "7 - 3 = 5", f"not {text}", f"{text} = 9"]
        if bad is Bad.LEAKED:
            forms = [*forms, "4", "answer: 4", "the answer is 4"]
        if bad is Bad.NAMED:
            forms = ["Anna stands there", "Anna", "the answer is tall Anna"]
        if bad is Bad.SHARED_FORM:
            forms = ["it is coloured brightly", *(e["text"] for e in asked["elements"])]
        if bad is Bad.VAGUE:
            forms = [*forms, "it", "fruit", "=", ""]
        if bad is Bad.DUPLICATES:
            forms = forms + forms + [text]
        if bad is Bad.MANY_FORMS:
            forms = [f"{text} {word}" for word in "indeed clearly surely truly really certainly plainly".split()]
        out.append({"id": element["id"], "equivalents": forms})
    return {"elements": _lose(out, bad)}


def _lose(items: list[dict[str, Any]], bad: Bad | None) -> list[dict[str, Any]]:
    return items[1:] if bad is Bad.LOST_IDS else items
