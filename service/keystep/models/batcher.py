"""One model, one owner thread, micro-batches without a timer.

    submit(items) -> Future    from any thread; an item is a text, or whatever else its model reads
    owner: wait until something waits
           a round: items from every waiting request in turn, each item once, up to ROUND_BATCHES batches' worth
           the model cuts the round into batches by the token budget; run each
           resolve each request with its last row

A batch is taken the moment the model is free, from what waits by then: under load batches grow by themselves, and one
caller alone waits for nobody. Requests take turns, so a huge one does not hold up a small one.

Every future is resolved on every path. A batch that fails is run again item by item, so that an item fails only the requests
that hold it. When the owner ends, of itself or by close(), all that wait fail at once, and so does all that comes later.
"""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from threading import Condition, Event, Thread
from typing import Generic, Protocol, TypeVar

from keystep.errors import ComponentError
from keystep.nouns import Reason

Item = TypeVar("Item", bound=Hashable)
Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)
Result = TypeVar("Result")

# A round takes so many batches' worth of items, then looks at what came meanwhile.
ROUND_BATCHES = 8
# Items whose lengths are asked for in one call.
_AT_ONCE = 64

_log = logging.getLogger(__name__)


class Model(Protocol[Item, Row_co]):
    """Called from the owner thread alone."""

    def lengths(self, items: Sequence[Item]) -> list[int]:
        """Tokens of each item, as ``run`` will see them."""
        ...

    def cut(self, lengths: Mapping[Item, int], budget: int) -> Iterable[list[Item]]:
        """Items, with what ``lengths`` said of them, in batches of at most ``budget`` tokens; a longer item alone."""
        ...

    def run(self, batch: Sequence[Item]) -> Sequence[Row_co]:
        """One row an item, in order. The items of a batch are distinct, and as ``cut`` put them."""
        ...


class _Request(Generic[Item, Row]):
    """What one caller waits for. todo: items not taken into a round yet.  wanted: items that have no row yet."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.future: Future[list[Row]] = Future()
        self.items = list(items)
        self.todo = iter(dict.fromkeys(items))
        self.wanted = set(items)
        self.rows: dict[Item, Row] = {}

    def give(self, item: Item, row: Row) -> None:
        self.rows[item] = row
        self.wanted.remove(item)
        if not self.wanted and self._undone():
            self.future.set_result([self.rows[i] for i in self.items])

    def fail(self, error: ComponentError) -> None:
        if self._undone():
            self.future.set_exception(error)

    def _undone(self) -> bool:
        return not self.future.done() and self.future.set_running_or_notify_cancel()


class Batcher(Generic[Item, Row]):
    """load: makes the model, on the owner thread.  token_budget: most tokens of a batch; a longer item runs
    alone.  name: of the model, in messages."""

    def __init__(self, load: Callable[[], Model[Item, Row]], *, token_budget: int, name: str) -> None:
        self._load = load
        self._budget = token_budget
        self._name = name
        self._changed = Condition()
        self._arrived: list[_Request[Item, Row]] = []
        self._waiting: list[_Request[Item, Row]] = []  # the owner's
        self._gone: ComponentError | None = self._unavailable("is not started")  # why nothing is run now
        self._closing = False
        self._settled = Event()
        self._owner = Thread(target=self._own, name=f"keystep-model {name}", daemon=True)

    def start(self) -> None:
        """Load the model; returns when it is ready. Raises ComponentError (MODEL_UNAVAILABLE) when it cannot be had."""
        self._owner.start()
        self._settled.wait()
        if self._gone is not None:
            raise self._gone

    def alive(self) -> bool:
        """True from when the model is loaded until its owner ends."""
        return self._gone is None

    def close(self) -> None:
        """Stop after the batch under way; what still waits fails. Idempotent."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._owner.ident is not None:
            self._owner.join()

    def submit(self, items: Sequence[Item]) -> Future[list[Row]]:
        """One row an item, in order; an item that stands twice, or in several requests that wait, is run once.

        Fails with ComponentError (MODEL_UNAVAILABLE). What is cancelled is given up at the next round.
        """
        return self.submit_each([items])[0]

    def submit_each(self, requests: Sequence[Sequence[Item]]) -> list[Future[list[Row]]]:
        """``submit`` of several that arrive together, so that no round begins with a part of them; what fails one fails no other."""
        arrived = [_Request[Item, Row](items) for items in requests]
        with self._changed:
            for request in arrived:
                if self._gone is not None:
                    request.fail(self._gone)
                elif not request.items:
                    request.future.set_result([])
                else:
                    self._arrived.append(request)
            self._changed.notify()
        return [request.future for request in arrived]

    def rows(self, items: Sequence[Item], *, deadline: float | None = None) -> list[Row]:
        """``submit``, waited for. deadline: time.monotonic() past which it raises ComponentError (DEADLINE)."""
        future = self.submit(items)
        try:
            return future.result(None if deadline is None else max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            future.cancel()
            raise ComponentError(Reason.DEADLINE) from None

    def _unavailable(self, what: str) -> ComponentError:
        return ComponentError(Reason.MODEL_UNAVAILABLE, f"the model {self._name} {what}")

    # On the owner thread ----------------------------------------------------------------------------------------------

    def _own(self) -> None:
        gone = self._unavailable("ended")
        try:
            model = self._load()
            self._gone = None
            self._settled.set()
            while self._take():
                self._round(model)
            gone = self._unavailable("is closed")
        except ComponentError as error:
            gone = error
        except Exception as error:  # noqa: BLE001 - whatever ends the owner is told to all who wait
            _log.exception("the owner of the model %s ended", self._name)
            gone = self._unavailable(f"ended: {error}")
        finally:
            with self._changed:
                self._gone = gone
                self._waiting += self._arrived
            self._settled.set()
            for request in self._waiting:
                request.fail(gone)

    def _take(self) -> bool:
        """Blocks until something waits; lets go of what is done. False when closing."""
        self._waiting = [r for r in self._waiting if not r.future.done()]
        with self._changed:
            while not self._waiting and not self._arrived and not self._closing:
                self._changed.wait()
            self._waiting += self._arrived
            self._arrived.clear()
            return not self._closing

    def _round(self, model: Model[Item, Row]) -> None:
        lengths: dict[Item, int] = {}
        wanting: dict[Item, list[_Request[Item, Row]]] = defaultdict(list)
        for request in self._waiting:
            for item in request.wanted:
                wanting[item].append(request)
        turns = _in_turn(self._waiting)
        while sum(lengths.values()) < ROUND_BATCHES * self._budget and (items := list(islice(turns, _AT_ONCE))):
            lengths.update(self._isolated(model.lengths, items, wanting))
        for batch in model.cut(lengths, self._budget):
            if self._closing:
                return
            for item, row in self._isolated(model.run, batch, wanting):
                for request in wanting[item]:
                    request.give(item, row)

    def _isolated(
        self, call: Callable[[Sequence[Item]], Sequence[Result]], items: list[Item], wanting: Mapping[Item, list[_Request[Item, Row]]]
    ) -> list[tuple[Item, Result]]:
        """(item, its result). Where the call fails, item by item; an item that fails alone fails the requests that want it."""
        try:
            return list(zip(items, call(items), strict=True))
        except Exception as error:  # noqa: BLE001 - one bad item never fails its batch
            if len(items) > 1:
                return [pair for item in items for pair in self._isolated(call, [item], wanting)]
            _log.exception("the model %s failed on an item", self._name)
            failure = self._unavailable(f"failed on an item: {error}")
            for request in wanting[items[0]]:
                request.fail(failure)
            return []


def _in_turn(waiting: Sequence[_Request[Item, Row]]) -> Iterator[Item]:
    """An item of each request, then the next of each: what none has taken yet."""
    turns = deque(waiting)
    while turns:
        request = turns.popleft()
        item = next((i for i in request.todo if i in request.wanted), None)
        if item is not None:
            turns.append(request)
            yield item


def cut(lengths: Mapping[Item, int], budget: int) -> Iterator[list[Item]]:
    """Items by length, in batches of at most ``budget`` tokens with every row as long as the longest."""
    batch: list[Item] = []
    for item in sorted(lengths, key=lambda i: lengths[i]):
        if batch and (len(batch) + 1) * lengths[item] > budget:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
