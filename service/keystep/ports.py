"""The small protocols through which the engine reaches the world: who extracts key steps, and where they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from keystep.nouns import KeyStep


class Worked(NamedTuple):
    """A question with one reference that works it out. images: as the question has them."""

    question: str
    reference: str
    images: tuple[str, ...] = ()


class Extractor(Protocol):
    """Extracts key steps from a reference. Called from several threads at once."""

    @property
    def name(self) -> str:
        """What recipes call it."""
        ...

    @property
    def address(self) -> str:
        """All that decides its result but the text: name, version, model, prompts, parser."""
        ...

    @property
    def concurrency(self) -> int:
        """How many extractions one request may have under way at once; 0: it is local and cheap, nobody need wait for another's."""
        ...

    @property
    def sees(self) -> bool:
        """Whether it looks at pictures; if not, none decides its result."""
        ...

    def extract(self, question: str, reference: str, pictures: tuple[str, ...] = ()) -> tuple[KeyStep, ...]:
        """Key steps in reference order. pictures: data URLs. Raises ComponentError when it cannot tell."""
        ...

    def close(self) -> None:
        """Give up connections; what is under way ends in a ComponentError."""
        ...


class Cache(Protocol):
    """Strings by content address, and leases on work under way. Thread-safe. Raises CacheError where it fails.

    tests/cache/test_contract.py is what every implementation holds to.
    """

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """What is there and has not expired, by key; absent keys are absent."""
        ...

    def put_many(self, items: Mapping[str, str], *, seconds: float | None = None) -> None:
        """Stores, over what was there. seconds: how long it is kept; None: as long as the cache keeps anything."""
        ...

    def claim(self, keys: Sequence[str], owner: str, *, seconds: float) -> set[str]:
        """Leases the keys nobody else holds, and renews those that owner holds already; returns what owner now holds."""
        ...

    def release(self, keys: Sequence[str], owner: str) -> None:
        """Gives up what owner holds of these; leaves the leases of others."""
        ...

    def close(self) -> None: ...
