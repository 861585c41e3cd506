"""The two small protocols through which the engine reaches the world: who extracts key steps, and where they are kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from keystep.nouns import KeyStep


class Extractor(Protocol):
    """Extracts key steps from a reference. address names all that decides its result but the text (name, version, model, prompt)."""

    @property
    def name(self) -> str: ...

    @property
    def address(self) -> str: ...

    def extract(self, question: str, reference: str) -> tuple[KeyStep, ...]:
        """Key steps in reference order. Raises ComponentError(EXTRACTOR_UNAVAILABLE) when it cannot tell."""
        ...


class Cache(Protocol):
    """Strings by content address. A cache that fails raises CacheError; callers go on without it and say so."""

    def get_many(self, keys: Sequence[str]) -> dict[str, str]:
        """What is there, by key; absent keys are absent."""
        ...

    def put_many(self, items: Mapping[str, str]) -> None: ...

    def close(self) -> None: ...
