"""Who may come in: sizes are checked before work, and rollouts, not requests, are counted while work is under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import Request

from keystep.errors import DrainingError, OverloadedError, TooLargeError
from keystep.metrics import Metrics
from keystep.settings import Settings


async def read_body(request: Request, settings: Settings) -> bytes:
    """The whole body, or TooLargeError as soon as it is known to be too long: by its header, else by counting."""
    limit = settings.max_body_mib * 1024 * 1024
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > limit:
        raise _too_long(settings)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise _too_long(settings)
        chunks.append(chunk)
    return b"".join(chunks)


def _too_long(settings: Settings) -> TooLargeError:
    return TooLargeError(f"the body is over {settings.max_body_mib} MiB; send smaller batches or raise KEYSTEP_MAX_BODY_MIB")


class Admission:
    """Counts rollouts in flight; turns away what would be too many, and everything once the service drains."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._lock = threading.Lock()
        self._inflight = 0
        self.draining = False

    def check_open(self) -> None:
        if self.draining:
            raise DrainingError("the service is stopping; send this to another replica or again in a moment")

    def check_text(self, field: str, text: str | None) -> None:
        if text is not None and len(text) > self._settings.max_text_chars:
            raise TooLargeError(
                f"{field} has {len(text)} characters; the most is {self._settings.max_text_chars} (KEYSTEP_MAX_TEXT_CHARS)", field=field
            )

    def check_key_steps(self, field: str, forms: int) -> None:
        if forms > self._settings.max_key_steps:
            raise TooLargeError(
                f"{field} has {forms} forms; the most is {self._settings.max_key_steps} (KEYSTEP_MAX_KEY_STEPS)", field=field
            )

    @contextmanager
    def admit(self, rollouts: int, field: str) -> Iterator[None]:
        """Holds a place for so many rollouts (or items) while the block runs."""
        if rollouts > self._settings.max_rollouts:
            raise TooLargeError(
                f"{rollouts} in one request; the most is {self._settings.max_rollouts} (KEYSTEP_MAX_ROLLOUTS): split it", field=field
            )
        with self._lock:
            if self._inflight and self._inflight + rollouts > self._settings.max_inflight:
                raise OverloadedError(
                    f"{self._inflight} rollouts are in flight (KEYSTEP_MAX_INFLIGHT {self._settings.max_inflight}); retry shortly"
                )
            self._inflight += rollouts
            self._metrics.inflight.set(self._inflight)
        try:
            yield
        finally:
            with self._lock:
                self._inflight -= rollouts
                self._metrics.inflight.set(self._inflight)
