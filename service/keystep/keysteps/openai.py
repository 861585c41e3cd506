"""One call of the OpenAI chat-completions protocol, as vLLM, SGLang and OpenAI speak it: structured output, temperature 0.

    POST {url}/chat/completions  {"model", "messages", "temperature": 0, "max_completion_tokens", "response_format"}

What is worth a second try is tried again, with jitter and as Retry-After says: 408, 429, 5xx, a connection that fails or
breaks. A time-out is not: a model that is slow under load is not helped by the same question asked twice.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import stamina
from pydantic import BaseModel, ValidationError

from keystep.errors import ComponentError
from keystep.nouns import Reason

# Seconds: a server that asks for more patience is taken to be away.
_LONGEST_WAIT = 60.0
_JITTER = 0.5
_MAX_TOKENS = 4096
_MAX_BODY = 8 * 2**20
_AGAIN = frozenset({408, 429})


class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Tokens(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Completion(BaseModel):
    """The parts of the protocol's answer that are read; servers add others."""

    choices: list[_Choice]
    usage: _Tokens | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """content: '' when the server gave none.  cut: it ended at the token limit."""

    content: str
    cut: bool


@dataclass(frozen=True, slots=True)
class Usage:
    """requests: sent, retries included.  Tokens as the server counts them; what failed half-way is not told."""

    requests: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _RetryableError(Exception):
    """wait: seconds the server asks for, None when it does not say."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class ChatClient:
    """Thread-safe; connections are pooled, at most ``connections`` at once. Close it."""

    def __init__(self, url: str, model: str, *, api_key: str | None, timeout: float, retries: int, connections: int) -> None:
        """url: of the API's root ('http://host:8000/v1').  timeout: seconds one answer may take, whole.  retries: tries after the first."""
        self.model = model
        self._endpoint = url.rstrip("/") + "/chat/completions"
        self._timeout = timeout
        self._attempts = retries + 1
        self._lock = threading.Lock()
        self._closed = False
        self._counts = dict.fromkeys(asdict(Usage()), 0)
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {api_key}"} if api_key else {})
        self._http = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0), pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    @property
    def usage(self) -> Usage:
        """Since the client was made."""
        with self._lock:
            return Usage(**self._counts)

    def close(self) -> None:
        self._closed = True
        self._http.close()

    def complete(self, messages: Sequence[dict[str, Any]], *, name: str, schema: dict[str, Any]) -> Reply:
        """The first choice. Raises ComponentError: EXTRACTOR_UNAVAILABLE (no answer to be had), EXTRACTION_REFUSED."""
        body = json.dumps(
            {
                "model": self.model,
                "messages": list(messages),
                "temperature": 0,
                "max_completion_tokens": _MAX_TOKENS,
                "response_format": {"type": "json_schema", "json_schema": {"name": name, "strict": True, "schema": schema}},
            }
        ).encode()
        return self._read(self._send(body))

    def _send(self, body: bytes) -> bytes:
        try:
            for attempt in stamina.retry_context(
                on=_again, attempts=self._attempts, timeout=None, wait_initial=0.25, wait_max=8.0, wait_jitter=_JITTER
            ):
                with attempt, self._failures():
                    self._count(requests=1, retries=int(attempt.num > 1))
                    return self._once(body)
        except _RetryableError as error:
            tries = "once" if self._attempts == 1 else f"{self._attempts} times"
            raise _unavailable(f"{self._endpoint} was asked {tries} at most: {error}") from error
        raise AssertionError("stamina raises the last error itself")

    def _once(self, body: bytes) -> bytes:
        """One exchange. The time-out bounds the whole of it, not each read: a server that drips is as slow as one that waits."""
        until = time.monotonic() + self._timeout
        with self._http.stream("POST", self._endpoint, content=body) as answer:
            content = bytearray()
            for block in answer.iter_bytes():
                content += block
                if time.monotonic() > until:
                    raise httpx2.ReadTimeout("the answer drips")
                if len(content) > _MAX_BODY:
                    raise _unavailable(f"{self._endpoint} answers more than {_MAX_BODY} bytes")
            if answer.status_code in _AGAIN or answer.status_code >= 500:
                raise _RetryableError(f"HTTP {answer.status_code}", _retry_after(answer.headers.get("retry-after")))
            if answer.status_code != 200:
                raise _unavailable(f"{self._endpoint} answers HTTP {answer.status_code}: {_shown(content)}")
            return bytes(content)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Errors of the transport: the connection is tried again, the clock is not."""
        try:
            yield
        except (httpx2.ReadTimeout, httpx2.WriteTimeout) as error:
            raise _unavailable(f"{self._endpoint} gave no answer within {self._timeout:g} s; raise KEYSTEP_LLM_TIMEOUT_SECONDS") from error
        except httpx2.TransportError as error:
            raise _RetryableError(f"{type(error).__name__}: {error}") from error
        except RuntimeError as error:
            if not self._closed:
                raise
            raise _unavailable("closed while it was asked") from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise _unavailable(f"{self._endpoint} cannot be used: {error}") from error

    def _read(self, content: bytes) -> Reply:
        try:
            completion = _Completion.model_validate_json(content)
        except ValidationError:
            raise _unavailable(f"{self._endpoint} does not answer a chat completion: {_shown(content)}; check KEYSTEP_LLM_URL") from None
        if completion.usage is not None:
            self._count(prompt_tokens=completion.usage.prompt_tokens, completion_tokens=completion.usage.completion_tokens)
        if not completion.choices:
            return Reply("", cut=False)
        choice = completion.choices[0]
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise ComponentError(Reason.EXTRACTION_REFUSED, f"{self.model} refuses: {choice.message.refusal or 'content filter'}"[:300])
        return Reply(choice.message.content or "", cut=choice.finish_reason == "length")

    def _count(self, **more: int) -> None:
        with self._lock:
            for name, n in more.items():
                self._counts[name] += n


def _again(error: Exception) -> bool | float:
    """Whether to try again; a number is the seconds to wait."""
    if not isinstance(error, _RetryableError):
        return False
    if error.wait is None:
        return True
    # Many callers are told the same second: spread them.
    return error.wait + random.uniform(0, _JITTER) if error.wait <= _LONGEST_WAIT else False  # noqa: S311


def _retry_after(value: str | None) -> float | None:
    """Retry-After (RFC 9110, 10.2.3) in seconds from now: a number of them, or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _unavailable(message: str) -> ComponentError:
    return ComponentError(Reason.EXTRACTOR_UNAVAILABLE, message)


def _shown(content: bytes | bytearray) -> str:
    return repr(bytes(content[:200]).decode("utf-8", "replace"))
