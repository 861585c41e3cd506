"""One caller has a piece of work done; the others who want it wait for that one. Within this process; leases do it across them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Whoever is handed a new future must see to it that it is settled on every path; abandon() does that for what is left."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._flights: dict[str, Future[T]] = {}

    def join(self, keys: Iterable[str]) -> tuple[dict[str, Future[T]], dict[str, Future[T]]]:
        """(mine, theirs): new futures that the caller must have settled, and those of work that is under way."""
        mine: dict[str, Future[T]] = {}
        theirs: dict[str, Future[T]] = {}
        with self._lock:
            for key in keys:
                if key in self._flights:
                    theirs[key] = self._flights[key]
                else:
                    mine[key] = self._flights[key] = Future()
        return mine, theirs

    def settle(self, key: str, value: T) -> None:
        with self._lock:
            future = self._flights.pop(key)
        future.set_result(value)

    def abandon(self, mine: Mapping[str, Future[T]], value: T) -> None:
        """Settle with value what nobody has settled yet."""
        for key, future in mine.items():
            if not future.done():
                self.settle(key, value)
