"""Who may come in: sizes are checked before work, and bytes and rollouts, not requests, are counted while they are in flight."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import islice
from typing import TypeVar

from fastapi import Request

from keystep.errors import DrainingError, OverloadedError, TooLargeError
from keystep.http.keys import asker
from keystep.http.observing import mark
from keystep.http.turns import Turns
from keystep.metrics import Metrics
from keystep.settings import Settings

T = TypeVar("T")

_MIB = 1024 * 1024
# Objects of a body beyond those of its rollouts.
_MORE_OBJECTS = 4096
# A string (that does not end, it goes on to the end), or what opens an object.
_OBJECT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|\{', re.DOTALL)


class Admission:
    """Counts bytes and rollouts in flight; turns away what would be too many, and everything once the service drains."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._inflight = 0
        self._by_asker = Counter[bytes | None]()
        self._bytes = 0  # the event loop's alone
        self._turns = Turns()
        self.draining = False
        metrics.inflight.set_function(lambda: self._inflight)
        metrics.inflight_bytes.set_function(lambda: self._bytes)

    @property
    def busy(self) -> bool:
        """Whether any request is being worked on."""
        return self._inflight > 0

    def check_open(self) -> None:
        if self.draining:
            raise DrainingError("the service is stopping; send this to another replica or again in a moment")

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """The request's whole body, when it is its turn. Its bytes count as in flight from when they are announced until the
        block ends, so that a body for which there is no room is turned away before it is read. TooLargeError as soon as it is
        known to be too long."""
        told = request.headers.get("content-length", "")
        held = self._hold(0, int(told) if told.isdigit() else 0)
        try:
            chunks: list[bytes] = []
            size = 0
            async for chunk in request.stream():
                size += len(chunk)
                if size > held:
                    held = self._hold(held, size)
                chunks.append(chunk)
            await self._turns.mine()
            mark("body")
            yield b"".join(chunks)
        finally:
            self._bytes -= held

    def _hold(self, held: int, size: int) -> int:
        """Room for a body of which ``held`` bytes are counted already."""
        if size > self._settings.max_body_mib * _MIB:
            raise TooLargeError(f"the body is over {self._settings.max_body_mib} MiB; send smaller batches or raise KEYSTEP_MAX_BODY_MIB")
        others = self._bytes - held
        if others and others + size > self._settings.max_inflight_mib * _MIB:
            raise OverloadedError(
                f"{others} bytes of requests are in flight (KEYSTEP_MAX_INFLIGHT_MIB {self._settings.max_inflight_mib}); retry shortly"
            )
        self._bytes = others + size
        return size

    def check_objects(self, body: bytes, *, each: int = 3) -> None:
        """Before a body is parsed: many small objects take a hundred times their bytes.

        each: objects a rollout may come with; on the wire itself, its group, its scores.
        """
        most = each * self._settings.max_rollouts + _MORE_OBJECTS
        if len(body) <= most or body.count(b"{") <= most:
            return
        found = sum(token[0] == b"{" for token in _OBJECT.finditer(body))  # but those within strings
        if found > most:
            raise TooLargeError(
                f"the body has {found} objects; the most is {most}, {each} a rollout (KEYSTEP_MAX_ROLLOUTS {self._settings.max_rollouts}): split it"
            )

    def check_count(self, told: Iterable[T]) -> list[T]:
        """What a request asks for, taken no further than where it is too much."""
        taken = list(islice(told, self._settings.max_rollouts + 1))
        if len(taken) > self._settings.max_rollouts:
            raise TooLargeError(
                f"more than {self._settings.max_rollouts} in one request, the most there may be (KEYSTEP_MAX_ROLLOUTS): split it"
            )
        return taken

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
        who = asker()
        with self._lock:
            self._check_room(rollouts, who)
            self._inflight += rollouts
            self._by_asker[who] += rollouts
        try:
            yield
        finally:
            with self._lock:
                self._inflight -= rollouts
                self._by_asker[who] -= rollouts
                if not self._by_asker[who]:
                    del self._by_asker[who]

    def _check_room(self, rollouts: int, who: bytes | None) -> None:
        most, mine, most_of_one = self._settings.max_inflight, self._by_asker[who], self._settings.max_inflight_per_key
        if self._inflight and self._inflight + rollouts > most:
            raise OverloadedError(f"{self._inflight} rollouts are in flight (KEYSTEP_MAX_INFLIGHT {most}); retry shortly")
        if who is not None and most_of_one is not None and mine and mine + rollouts > most_of_one:
            raise OverloadedError(f"{mine} rollouts of this key are in flight (KEYSTEP_MAX_INFLIGHT_PER_KEY {most_of_one}); retry shortly")
