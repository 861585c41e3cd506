"""JSON posted to another machine, with patience: what language models and remote reward models are asked through.

What is worth a second try is tried again, with jitter and as Retry-After says: 408, 429, 5xx, a connection that fails or
breaks. A time-out is not: a model that is slow under load is not helped by the same question asked twice.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

import httpx2
import stamina

from keystep.errors import ComponentError
from keystep.nouns import Reason

# Seconds: a server that asks for more patience is taken to be away.
_LONGEST_WAIT = 60.0
_JITTER = 0.5
_MAX_BODY = 8 * 2**20
_AGAIN = frozenset({408, 429})


class _RetryableError(Exception):
    """wait: seconds the server asks for, None when it does not say."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


class RefusedError(ComponentError):
    """The server understood, and says no (a 4xx that no second try mends). status: HTTP's."""

    def __init__(self, reason: Reason, message: str, status: int) -> None:
        super().__init__(reason, message)
        self.status = status


class Poster:
    """One endpoint. Thread-safe; connections are pooled, at most ``connections`` at once. Close it."""

    def __init__(
        self, endpoint: str, *, api_key: str | None, timeout: float, retries: int, connections: int, reason: Reason, mend: str
    ) -> None:
        """timeout: seconds one answer may take, whole.  retries: tries after the first.  reason: of what fails.  mend: what to do
        about answers that come too late."""
        self.endpoint = endpoint
        self._reason = reason
        self._mend = mend
        self._timeout = timeout
        self._attempts = retries + 1
        self._lock = threading.Lock()
        self._closed = False
        self._requests = 0
        self._retries = 0
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {api_key}"} if api_key else {})
        self._http = httpx2.Client(
            headers=headers,
            timeout=httpx2.Timeout(timeout, connect=min(timeout, 10.0), pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    @property
    def sent(self) -> tuple[int, int]:
        """(requests, of which retries) so far."""
        with self._lock:
            return self._requests, self._retries

    def close(self) -> None:
        self._closed = True
        self._http.close()

    def post(self, body: bytes) -> bytes:
        """The body of the 200. Raises ComponentError; RefusedError where the request itself is to blame."""
        try:
            for attempt in stamina.retry_context(
                on=_again, attempts=self._attempts, timeout=None, wait_initial=0.25, wait_max=8.0, wait_jitter=_JITTER
            ):
                with attempt, self._failures():
                    with self._lock:
                        self._requests += 1
                        self._retries += attempt.num > 1
                    return self._once(body)
        except _RetryableError as error:
            tries = "once" if self._attempts == 1 else f"{self._attempts} times"
            raise self.unavailable(f"{self.endpoint} was asked {tries} at most: {error}") from error
        raise AssertionError("stamina raises the last error itself")

    def unavailable(self, message: str) -> ComponentError:
        return ComponentError(self._reason, message)

    def _once(self, body: bytes) -> bytes:
        """One exchange. The time-out bounds the whole of it, not each read: a server that drips is as slow as one that waits."""
        until = time.monotonic() + self._timeout
        with self._http.stream("POST", self.endpoint, content=body) as answer:
            content = bytearray()
            for block in answer.iter_bytes():
                content += block
                if time.monotonic() > until:
                    raise httpx2.ReadTimeout("the answer drips")
                if len(content) > _MAX_BODY:
                    raise self.unavailable(f"{self.endpoint} answers more than {_MAX_BODY} bytes")
            if answer.status_code in _AGAIN or answer.status_code >= 500:
                raise _RetryableError(f"HTTP {answer.status_code}", _retry_after(answer.headers.get("retry-after")))
            if answer.status_code != 200:
                raise RefusedError(self._reason, f"{self.endpoint} answers HTTP {answer.status_code}: {shown(content)}", answer.status_code)
            return bytes(content)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Errors of the transport: the connection is tried again, the clock is not."""
        try:
            yield
        except (httpx2.ReadTimeout, httpx2.WriteTimeout) as error:
            raise self.unavailable(f"{self.endpoint} gave no answer within {self._timeout:g} s; {self._mend}") from error
        except httpx2.TransportError as error:
            raise _RetryableError(f"{type(error).__name__}: {error}") from error
        except RuntimeError as error:
            if not self._closed:
                raise
            raise self.unavailable("closed while it was asked") from error
        except (httpx2.RequestError, httpx2.InvalidURL) as error:
            raise self.unavailable(f"{self.endpoint} cannot be used: {error}") from error


def shown(content: bytes | bytearray) -> str:
    """The beginning of an answer, for a message."""
    return repr(bytes(content[:200]).decode("utf-8", "replace"))


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
