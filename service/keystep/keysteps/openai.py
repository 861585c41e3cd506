"""One call of the OpenAI chat-completions protocol, as vLLM, SGLang and OpenAI speak it: structured output, temperature 0.

    POST {url}/chat/completions  {"model", "messages", "temperature": 0, "max_completion_tokens", "response_format"}

What is worth a second try is tried again (posting.py).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from keystep.errors import ComponentError
from keystep.nouns import Reason
from keystep.posting import Poster, shown

_MAX_TOKENS = 4096


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


class ChatClient:
    """Thread-safe; connections are pooled, at most ``connections`` at once. Close it."""

    def __init__(self, url: str, model: str, *, api_key: str | None, timeout: float, retries: int, connections: int) -> None:
        """url: of the API's root ('http://host:8000/v1').  timeout: seconds one answer may take, whole.  retries: tries after the first."""
        self.model = model
        self._post = Poster(
            url.rstrip("/") + "/chat/completions",
            api_key=api_key,
            timeout=timeout,
            retries=retries,
            connections=connections,
            reason=Reason.EXTRACTOR_UNAVAILABLE,
            mend="raise KEYSTEP_LLM_TIMEOUT_SECONDS",
        )
        self._lock = threading.Lock()
        self._prompt_tokens = 0
        self._completion_tokens = 0

    @property
    def usage(self) -> Usage:
        """Since the client was made."""
        requests, retries = self._post.sent
        with self._lock:
            return Usage(requests, retries, self._prompt_tokens, self._completion_tokens)

    def close(self) -> None:
        self._post.close()

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
        return self._read(self._post.post(body))

    def _read(self, content: bytes) -> Reply:
        try:
            completion = _Completion.model_validate_json(content)
        except ValidationError:
            raise self._post.unavailable(
                f"{self._post.endpoint} does not answer a chat completion: {shown(content)}; check KEYSTEP_LLM_URL"
            ) from None
        if completion.usage is not None:
            with self._lock:
                self._prompt_tokens += completion.usage.prompt_tokens
                self._completion_tokens += completion.usage.completion_tokens
        if not completion.choices:
            return Reply("", cut=False)
        choice = completion.choices[0]
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise ComponentError(Reason.EXTRACTION_REFUSED, f"{self.model} refuses: {choice.message.refusal or 'content filter'}"[:300])
        return Reply(choice.message.content or "", cut=choice.finish_reason == "length")
