"""What waits and what is under way, without any I/O or clock: turns, chunks, retries, deadlines.

    Ticket   one request: its units, its parts, its deadline
    Part     what one future waits for: the results of one group
    unit     some rollouts of one question (a Piece): as much of a group as goes to a process at once
    chunk    what a process is given at a time: a unit of every ticket in turn, up to a weight

Tickets take turns, so that a small request waits for a few chunks and never for a batch of thousands; small ones that wait
together go together, without a timer. A rollout is a pure function of its content: what a dead process had is done again by
another. Whoever was being worked on when it died is done again alone, and where that kills too it is null, and it alone.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from itertools import count, islice
from typing import Any

from keystep.nouns import Outcome, Reason, Rollout, ScoredRollout
from keystep.processes.messages import Piece

Result = ScoredRollout | Outcome

# Weights are characters, and a rollout's own cost in them. A chunk of the heaviest kind takes some tens of milliseconds, which
# is what a small request waits for at most; a unit is what of one group stays together, for its question is read once.
_ROLLOUT_WEIGHT = 500
_UNIT_WEIGHT = 32_000
_CHUNK_WEIGHT = 64_000
_FEW = 64


class Part:
    """size: results it waits for.  finish: makes the future's value of them.  missing: what stands where one cannot be had."""

    def __init__(self, size: int, finish: Callable[[list[Any]], Any], missing: Callable[[int, Reason], Result]) -> None:
        self.future: Future[Any] = Future()
        self.future.set_running_or_notify_cancel()  # given up as a whole, by its ticket, or not at all
        self._results: list[Result | None] = [None] * size
        self._left = size
        self._finish = finish
        self._missing = missing

    def give(self, index: int, result: Result) -> None:
        """A result that is there already, or comes too late, changes nothing."""
        if self._results[index] is None:
            self._results[index] = result
            self._left -= 1
            if self._left == 0:
                self._resolve()

    def _resolve(self) -> None:
        try:
            self.future.set_result(self._finish(self._results))
        except Exception as error:  # noqa: BLE001 - a defect of ours: the one who waits for it is told, and nobody else
            self.future.set_exception(error)

    def miss(self, index: int, reason: Reason) -> None:
        self.give(index, self._missing(index, reason))

    def miss_rest(self, reason: Reason) -> None:
        for index in range(len(self._results)):
            self.miss(index, reason)

    @property
    def done(self) -> bool:
        return self._left == 0


class Ticket:
    """One request. deadline: on the caller's clock; what is not there by then is null.  numbers: fresh ones for its rollouts.
    items: those that are not there yet."""

    def __init__(self, numbers: Iterator[int], deadline: float | None) -> None:
        self.deadline = deadline
        self.units: deque[Piece] = deque()
        self.items: dict[int, Item] = {}
        self.parts: list[Part] = []
        self._numbers = numbers

    def add(self, part: Part, template: Piece, rollouts: Sequence[Rollout], first: int = 0) -> None:
        """The part's results from index first on are those of these rollouts of the template's question."""
        if not self.parts or self.parts[-1] is not part:
            self.parts.append(part)
        for unit in _units(rollouts):
            piece = replace(template, numbers=tuple(islice(self._numbers, len(unit))), rollouts=tuple(unit))
            self.units.append(piece)
            self.items.update((number, Item(self, part, first + i, piece)) for i, number in enumerate(piece.numbers))
            first += len(unit)

    @property
    def done(self) -> bool:
        return all(part.done for part in self.parts)


@dataclass(slots=True, eq=False)
class Item:
    """One rollout under its number. struck: a process died working on it."""

    ticket: Ticket
    part: Part
    index: int
    unit: Piece
    struck: bool = False


class Queue:
    """processes: how many share the work."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._turns: deque[Ticket] = deque()
        self._alone: deque[int] = deque()
        self._items: dict[int, Item] = {}
        self._deadlines: list[tuple[float, int, Ticket]] = []
        self._arrived = count()
        self._weight = 0  # of the units that wait

    def add(self, ticket: Ticket) -> None:
        self._items.update(ticket.items)
        self._weight += sum(_weight(unit.rollouts) for unit in ticket.units)
        self._turns.append(ticket)
        if ticket.deadline is not None:
            if len(self._deadlines) > 2 * len(self._items) + _FEW:
                # Most have been answered long before their deadlines: let go of them.
                self._deadlines = [entry for entry in self._deadlines if not entry[2].done]
                heapq.heapify(self._deadlines)
            heapq.heappush(self._deadlines, (ticket.deadline, next(self._arrived), ticket))

    def take(self) -> tuple[Piece, ...]:
        """The next chunk; none when nothing waits. Little work is cut so that every process has some of it."""
        while self._alone:
            number = self._alone.popleft()
            if number in self._items:
                return (_only(self._items[number].unit, [number]),)
        limit = min(_CHUNK_WEIGHT, self._weight / self._processes)
        chunk: list[Piece] = []
        weight = 0
        while self._turns and (not chunk or weight < limit):
            ticket = self._turns.popleft()
            if not ticket.units:
                continue
            unit = ticket.units.popleft()
            self._turns.append(ticket)
            weight += _weight(unit.rollouts)
            chunk.append(unit)
        self._weight -= weight
        return tuple(chunk)

    def give(self, number: int, result: Result) -> None:
        if (item := self._end(number)) is not None:
            item.part.give(item.index, result)

    def lost(self, worked_on: Iterable[int], untouched: Iterable[int]) -> None:
        """A process died with these. worked_on: what it was at; alone again, or null where it was alone already."""
        for number in worked_on:
            item = self._items.get(number)
            if item is not None and item.struck:
                self._end(number)
                item.part.miss(item.index, Reason.INTERNAL_ERROR)
            elif item is not None:
                item.struck = True
                self._alone.append(number)
        for number in untouched:
            if (item := self._items.get(number)) is not None:
                unit = _only(item.unit, [number])
                item.ticket.units.appendleft(unit)
                self._weight += _weight(unit.rollouts)
                if item.ticket not in self._turns:
                    self._turns.append(item.ticket)

    def next_deadline(self) -> float | None:
        while self._deadlines and self._deadlines[0][2].done:
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def expire(self, now: float) -> bool:
        """What is not there by its deadline is null. True where there was any."""
        expired = False
        while (deadline := self.next_deadline()) is not None and deadline <= now:
            self.drop(heapq.heappop(self._deadlines)[2], Reason.DEADLINE)
            expired = True
        return expired

    def drop(self, ticket: Ticket, reason: Reason) -> None:
        """What of the ticket is not there yet is null, and is not begun."""
        for unit in ticket.units:
            self._weight -= _weight(unit.rollouts)
        ticket.units.clear()
        for number in list(ticket.items):
            self._end(number)
        for part in ticket.parts:
            part.miss_rest(reason)

    def drop_all(self, reason: Reason) -> None:
        while self._items:
            self.drop(next(iter(self._items.values())).ticket, reason)

    def _end(self, number: int) -> Item | None:
        """The item, which is under way no more. Its ticket lets go of it, for it knows its ticket: in a circle both, with the
        rollout's text and its result, would be there until they are collected."""
        item = self._items.pop(number, None)
        if item is not None:
            del item.ticket.items[number]
        return item

    def wanted(self, numbers: Iterable[int]) -> bool:
        """Whether anybody still waits for any of these."""
        return any(number in self._items for number in numbers)

    @property
    def size(self) -> int:
        """Rollouts not answered yet."""
        return len(self._items)


def _units(rollouts: Sequence[Rollout]) -> Iterable[list[Rollout]]:
    unit: list[Rollout] = []
    weight = 0
    for rollout in rollouts:
        own = _weight([rollout])
        if unit and weight + own > _UNIT_WEIGHT:
            yield unit
            unit, weight = [], 0
        unit.append(rollout)
        weight += own
    if unit:
        yield unit


def _weight(rollouts: Iterable[Rollout]) -> int:
    return sum(_ROLLOUT_WEIGHT + len(r.text) for r in rollouts)


def _only(unit: Piece, numbers: Sequence[int]) -> Piece:
    """Those of the unit's rollouts that have these numbers."""
    kept = [unit.numbers.index(n) for n in numbers]
    return replace(unit, numbers=tuple(numbers), rollouts=tuple(unit.rollouts[i] for i in kept))
