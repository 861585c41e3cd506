"""Key steps of a reference: looked up by content address, extracted once where they are not there yet, then kept.

One extraction per question, however many requests and replicas ask: within the process by single flight, across replicas by
leases in the shared cache. A local extractor costs less than asking who else is at it, so it skips both.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, replace

from keystep.cache.singleflight import SingleFlight
from keystep.cache.tiers import DEGRADED, TieredCache
from keystep.errors import ComponentError
from keystep.keysteps import rules
from keystep.keysteps.pictures import pictures
from keystep.nouns import KeyStep, Reason
from keystep.ports import Extractor, Worked

_log = logging.getLogger(__name__)

# Version of the stored value: {"v": 2, "key_steps": [[form, ...], ...], "sum": ...} or {"v": 2, "failed": reason, "sum": ...}.
# The sum is over the key too: another key's value, as a confused connection or proxy hands it out, is garbage like any other.
_VALUE = 2
# A failure is remembered this long (seconds), so that a dead extractor is not asked for the same question by every request.
_FAILED_SECONDS = 10.0
# A lease outlives its owner by at most this (seconds); a living owner renews it each lap.
_LEASE_SECONDS = 6.0
_LAP_SECONDS = 1.0
_POLL_SECONDS = 0.05
_LEADERS = 64


@dataclass(frozen=True, slots=True)
class Extracted:
    """key_steps is None when extraction failed; reasons then say why."""

    key_steps: tuple[KeyStep, ...] | None
    extractor: str
    cached: bool
    reasons: tuple[Reason, ...] = ()


# What waiters get: the result, and what was degraded while it was made.
Flown = tuple[Extracted, frozenset[str]]


class RulesExtractor:
    """The offline extractor (rules.py) as a port."""

    name = "rules"
    address = f"rules/{rules.VERSION}"
    concurrency = 0
    sees = False

    def extract(self, question: str, reference: str, pictures: tuple[str, ...] = ()) -> tuple[KeyStep, ...]:  # noqa: ARG002 - it is blind
        return rules.extract(question, reference)

    def close(self) -> None:
        """Holds nothing."""


class KeyStepSource:
    """One extractor with a cache before it. Thread-safe."""

    def __init__(self, extractor: Extractor, cache: TieredCache) -> None:
        self.extractor = extractor
        self._cache = cache
        self._owner = uuid.uuid4().hex
        self._flights: SingleFlight[Flown] = SingleFlight()
        if extractor.concurrency:
            self._workers = ThreadPoolExecutor(extractor.concurrency, "keystep-extract")
            # A leader only waits: for its extractions, or for another replica's. It goes on when its caller's deadline has passed.
            self._leaders = ThreadPoolExecutor(_LEADERS, "keystep-lead")

    def close(self) -> None:
        if self.extractor.concurrency:
            self._workers.shutdown(wait=False, cancel_futures=True)
            self._leaders.shutdown(wait=False, cancel_futures=True)
        self.extractor.close()

    def get_many(self, texts: Sequence[Worked], degraded: set[str], *, deadline: float | None = None) -> list[Extracted]:
        """Key steps for each, in order.

        A failing cache adds 'cache' to degraded and changes nothing else. What is not there by deadline (time.monotonic()) is
        None with reason deadline; its extraction goes on and is kept.
        """
        found: list[Extracted] = []
        for flight in self.begin(texts, deadline=deadline):
            try:
                extracted, without = flight.result(None if deadline is None else max(0.0, deadline - time.monotonic()))
            except FutureTimeoutError:
                extracted, without = self.late
            degraded |= without
            found.append(extracted)
        return found

    def begin(self, texts: Sequence[Worked], *, deadline: float | None = None) -> list[Future[Flown]]:
        """A future for each, in order: settled already where it was known, or made here.

        Takes as long as the cache does to answer, or a local extractor to work; that one stops at deadline (time.monotonic()).
        """
        keys = [self._key(*text) for text in texts]
        wanted = dict(zip(keys, texts, strict=True))
        degraded: set[str] = set()
        there = self._read(list(wanted), degraded)
        missing = {key: text for key, text in wanted.items() if key not in there}
        under_way: dict[str, Future[Flown]] = {}
        if missing and self.extractor.concurrency:
            under_way = self._extract_once(missing)
        elif missing:
            there |= self._extract_here(missing, degraded, deadline)
        without = frozenset(degraded)
        return [under_way[key] if key in under_way else _settled((there[key], without)) for key in keys]

    @property
    def late(self) -> Flown:
        """What stands in the place of an extraction that is not there by the deadline."""
        return self._failed(Reason.DEADLINE), frozenset()

    def keep(self, made: Mapping[Worked, tuple[KeyStep, ...]], degraded: set[str]) -> None:
        """Stores what an extractor of this very address made elsewhere."""
        self._write({self._key(*text): Extracted(steps, self.extractor.name, cached=False) for text, steps in made.items()}, degraded)

    def _key(self, question: str, reference: str, images: tuple[str, ...] = ()) -> str:
        content: list[object] = [self.extractor.address, question, reference]
        if shown := self._shown(images):
            content.append([hashlib.sha256(picture.encode()).hexdigest() for picture in shown])
        return "keystep:v1:" + hashlib.sha256(_json(content).encode()).hexdigest()

    def _shown(self, images: tuple[str, ...]) -> tuple[str, ...]:
        return pictures(images) if self.extractor.sees else ()

    def _extract_here(self, missing: dict[str, Worked], degraded: set[str], deadline: float | None) -> dict[str, Extracted]:
        fresh: dict[str, Extracted] = {}
        for key, text in missing.items():
            if deadline is not None and time.monotonic() > deadline:
                break
            fresh[key] = self._extract(*text)
        self._write(fresh, degraded)
        return {key: fresh[key] if key in fresh else self._failed(Reason.DEADLINE) for key in missing}

    def _extract_once(self, missing: dict[str, Worked]) -> dict[str, Future[Flown]]:
        mine, theirs = self._flights.join(missing)
        if mine:
            self._leaders.submit(self._lead, mine, {key: missing[key] for key in mine})
        return mine | {key: _of_another(flight) for key, flight in theirs.items()}

    def _lead(self, mine: dict[str, Future[Flown]], todo: dict[str, Worked]) -> None:
        degraded: set[str] = set()
        try:
            for key, extracted in self._extract_leased(todo, degraded):
                self._flights.settle(key, (extracted, frozenset(degraded)))
        finally:
            self._flights.abandon(mine, (self._failed(Reason.INTERNAL_ERROR), frozenset(degraded)))

    def _extract_leased(self, todo: dict[str, Worked], degraded: set[str]) -> Iterator[tuple[str, Extracted]]:
        """Extract what this process may lease, and wait for what another holds until it is there or its lease has run out."""
        running: dict[Future[Extracted], str] = {}
        while todo or running:
            held = self._cache.claim([*todo, *running.values()], self._owner, degraded, seconds=_LEASE_SECONDS)
            # Between our reading and our claiming somebody may have finished: look again before working.
            stored = self._read(list(todo), degraded)
            self._cache.release([key for key in stored if key in held], self._owner, degraded)
            for key, extracted in stored.items():
                del todo[key]
                yield key, extracted
            for key in [key for key in todo if key in held]:
                running[self._workers.submit(self._extract_and_keep, key, todo.pop(key), degraded)] = key
            # Somebody else's work is looked for often; our own tells us when it is done.
            finished = wait(running, timeout=_POLL_SECONDS if todo else _LAP_SECONDS, return_when=FIRST_COMPLETED).done
            if not running and todo:
                time.sleep(_POLL_SECONDS)
            for future in finished:
                yield running.pop(future), future.result()

    def _extract_and_keep(self, key: str, text: Worked, degraded: set[str]) -> Extracted:
        """Kept by the thread that made it, at once: a process that dies loses only what it has under way."""
        extracted = self._extract(*text)
        self._write({key: extracted}, degraded)
        self._cache.release([key], self._owner, degraded)
        return extracted

    def _extract(self, question: str, reference: str, images: tuple[str, ...] = ()) -> Extracted:
        name = self.extractor.name
        try:
            return Extracted(self.extractor.extract(question, reference, self._shown(images)), name, cached=False)
        except ComponentError as error:
            return self._failed(error.reason)
        except Exception:  # noqa: BLE001 - a defect of an extractor costs its question, not the batch
            _log.exception("extractor %s failed", name)
            return self._failed(Reason.INTERNAL_ERROR)

    def _failed(self, reason: Reason) -> Extracted:
        return Extracted(None, self.extractor.name, cached=False, reasons=(reason,))

    def _read(self, keys: Sequence[str], degraded: set[str]) -> dict[str, Extracted]:
        found: dict[str, Extracted] = {}
        good: dict[str, str] = {}
        for key, value in self._cache.get_many(keys, degraded).items():
            try:
                found[key] = self._decode(key, value)
            except (ValueError, LookupError, TypeError):
                degraded.add(DEGRADED)
                continue
            if found[key].key_steps is not None:
                good[key] = value
        self._cache.keep(good)
        return found

    def _write(self, fresh: dict[str, Extracted], degraded: set[str]) -> None:
        good = {key: _encode(key, e) for key, e in fresh.items() if e.key_steps is not None}
        failed = {key: _encode(key, e) for key, e in fresh.items() if e.key_steps is None}
        if good:
            self._cache.put_many(good, degraded)
        if failed:
            self._cache.put_many(failed, degraded, seconds=_FAILED_SECONDS)

    def _decode(self, key: str, value: str) -> Extracted:
        content = json.loads(value)
        if content["v"] != _VALUE or content.pop("sum") != _sum(key, content):
            raise ValueError("not what was stored under this key")
        if "failed" in content:
            return Extracted(None, self.extractor.name, cached=True, reasons=(Reason(content["failed"]),))
        key_steps = tuple(KeyStep(forms[0], tuple(forms[1:])) for forms in content["key_steps"])
        return Extracted(key_steps, self.extractor.name, cached=True)


def _settled(flown: Flown) -> Future[Flown]:
    future: Future[Flown] = Future()
    future.set_result(flown)
    return future


def _of_another(flight: Future[Flown]) -> Future[Flown]:
    """The same, for whoever did not begin it: known already, as far as he is concerned."""
    future: Future[Flown] = Future()

    def pass_on(done: Future[Flown]) -> None:
        extracted, without = done.result()
        future.set_result((extracted if extracted.key_steps is None else replace(extracted, cached=True), without))

    flight.add_done_callback(pass_on)
    return future


def _encode(key: str, extracted: Extracted) -> str:
    content: dict[str, object] = {"v": _VALUE}
    if extracted.key_steps is None:
        content["failed"] = extracted.reasons[0]
    else:
        content["key_steps"] = [list(s.forms) for s in extracted.key_steps]
    return _json(content | {"sum": _sum(key, content)})


def _sum(key: str, content: dict[str, object]) -> str:
    return hashlib.blake2b(f"{key} {_json(content)}".encode(), digest_size=8).hexdigest()


def _json(content: object) -> str:
    return json.dumps(content, separators=(",", ":"))
