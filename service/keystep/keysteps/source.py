"""Key steps of a reference: looked up by content address, extracted where they are not there yet, then kept."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from keystep.errors import CacheError, ComponentError
from keystep.keysteps import rules
from keystep.nouns import KeyStep, Reason
from keystep.ports import Cache, Extractor

_log = logging.getLogger(__name__)

# Version of the stored value: {"v": 1, "key_steps": [[form, ...], ...]}.
_VALUE = 1


@dataclass(frozen=True, slots=True)
class Extracted:
    """key_steps is None when extraction failed; reasons then say why."""

    key_steps: tuple[KeyStep, ...] | None
    extractor: str
    cached: bool
    reasons: tuple[Reason, ...] = ()


class RulesExtractor:
    """The offline extractor (rules.py) as a port."""

    name = "rules"
    address = f"rules/{rules.VERSION}"

    def extract(self, question: str, reference: str) -> tuple[KeyStep, ...]:
        return rules.extract(question, reference)


class KeyStepSource:
    """An extractor with a cache before it. Without a cache it extracts every time."""

    def __init__(self, extractor: Extractor, cache: Cache | None = None) -> None:
        self._extractor = extractor
        self._cache = cache

    def close(self) -> None:
        if self._cache is not None:
            self._cache.close()

    def get_many(self, texts: Sequence[tuple[str, str]], degraded: set[str]) -> list[Extracted]:
        """Key steps for each (question, reference), in order. A failing cache adds 'cache' to degraded and changes nothing else."""
        keys = [self._key(question, reference) for question, reference in texts]
        stored = self._read(keys, degraded)
        fresh: dict[str, Extracted] = {}
        for key, (question, reference) in zip(keys, texts, strict=True):
            if key not in stored and key not in fresh:
                fresh[key] = self._extract(question, reference)
        self._write(fresh, degraded)
        return [stored.get(key) or fresh[key] for key in keys]

    def _key(self, question: str, reference: str) -> str:
        content = json.dumps([self._extractor.address, question, reference], separators=(",", ":"))
        return "keystep:v1:" + hashlib.sha256(content.encode()).hexdigest()

    def _extract(self, question: str, reference: str) -> Extracted:
        name = self._extractor.name
        try:
            return Extracted(self._extractor.extract(question, reference), name, cached=False)
        except ComponentError as error:
            return Extracted(None, name, cached=False, reasons=(error.reason,))

    def _read(self, keys: Sequence[str], degraded: set[str]) -> dict[str, Extracted]:
        if self._cache is None or not keys:
            return {}
        try:
            values = self._cache.get_many(list(dict.fromkeys(keys)))
            return {key: Extracted(_decode(value), self._extractor.name, cached=True) for key, value in values.items()}
        except (CacheError, ValueError, LookupError, TypeError) as error:
            _log.warning("key-step cache: %s", error)
            degraded.add("cache")
            return {}

    def _write(self, fresh: dict[str, Extracted], degraded: set[str]) -> None:
        values = {key: _encode(e.key_steps) for key, e in fresh.items() if e.key_steps is not None}
        if self._cache is None or not values:
            return
        try:
            self._cache.put_many(values)
        except CacheError as error:
            _log.warning("key-step cache: %s", error)
            degraded.add("cache")


def _encode(key_steps: tuple[KeyStep, ...]) -> str:
    return json.dumps({"v": _VALUE, "key_steps": [list(s.forms) for s in key_steps]}, separators=(",", ":"))


def _decode(value: str) -> tuple[KeyStep, ...]:
    content = json.loads(value)
    if content["v"] != _VALUE:
        raise ValueError(f"unknown version {content['v']!r} of a cached value")
    return tuple(KeyStep(forms[0], tuple(forms[1:])) for forms in content["key_steps"])
