"""One model, one owner thread, micro-batches without a timer.

    submit(texts) -> Future    from any thread
    owner: wait until something waits
           a round: texts from every waiting request in turn, each text once, up to ROUND_BATCHES batches' worth
           sort the round by length, cut it by the token budget, run each batch
           resolve each request with its last row

A batch is taken the moment the model is free, from what waits by then: under load batches grow by themselves, and one
caller alone waits for nobody. Requests take turns, so a huge one does not hold up a small one.

Every future is resolved on every path. A batch that fails is run again text by text, so that a text fails only the requests
that hold it. When the owner ends, of itself or by close(), all that wait fail at once, and so does all that comes later.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice
from threading import Condition, Event, Thread
from typing import Generic, Protocol, TypeVar

from keystep.errors import ComponentError
from keystep.nouns import Reason

Row = TypeVar("Row")
Row_co = TypeVar("Row_co", covariant=True)
Result = TypeVar("Result")

# A round takes so many batches' worth of texts, then looks at what came meanwhile.
ROUND_BATCHES = 8
# Texts whose lengths are asked for in one call.
_AT_ONCE = 64

_log = logging.getLogger(__name__)


class Model(Protocol[Row_co]):
    """Called from the owner thread alone."""

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, as ``run`` will see them."""
        ...

    def run(self, batch: Sequence[str]) -> Sequence[Row_co]:
        """One row a text, in order. The texts of a batch are distinct and sorted by length."""
        ...


class _Request(Generic[Row]):
    """What one caller waits for. todo: texts not taken into a round yet.  wanted: texts that have no row yet."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.future: Future[list[Row]] = Future()
        self.texts = list(texts)
        self.todo = iter(dict.fromkeys(texts))
        self.wanted = set(texts)
        self.rows: dict[str, Row] = {}

    def give(self, text: str, row: Row) -> None:
        self.rows[text] = row
        self.wanted.remove(text)
        if not self.wanted and self._undone():
            self.future.set_result([self.rows[t] for t in self.texts])

    def fail(self, error: ComponentError) -> None:
        if self._undone():
            self.future.set_exception(error)

    def _undone(self) -> bool:
        return not self.future.done() and self.future.set_running_or_notify_cancel()


class Batcher(Generic[Row]):
    """load: makes the model, on the owner thread.  token_budget: most tokens of a batch, padding counted; a longer text runs
    alone.  name: of the model, in messages."""

    def __init__(self, load: Callable[[], Model[Row]], *, token_budget: int, name: str) -> None:
        self._load = load
        self._budget = token_budget
        self._name = name
        self._changed = Condition()
        self._arrived: list[_Request[Row]] = []
        self._waiting: list[_Request[Row]] = []  # the owner's
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

    def submit(self, texts: Sequence[str]) -> Future[list[Row]]:
        """One row a text, in order; a text that stands twice, or in several requests that wait, is run once.

        Fails with ComponentError (MODEL_UNAVAILABLE). What is cancelled is given up at the next round.
        """
        request = _Request[Row](texts)
        with self._changed:
            if self._gone is not None:
                request.fail(self._gone)
            elif not request.texts:
                request.future.set_result([])
            else:
                self._arrived.append(request)
                self._changed.notify()
        return request.future

    def rows(self, texts: Sequence[str], *, deadline: float | None = None) -> list[Row]:
        """``submit``, waited for. deadline: time.monotonic() past which it raises ComponentError (DEADLINE)."""
        future = self.submit(texts)
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

    def _round(self, model: Model[Row]) -> None:
        lengths: dict[str, int] = {}
        turns = _in_turn(self._waiting)
        while sum(lengths.values()) < ROUND_BATCHES * self._budget and (texts := list(islice(turns, _AT_ONCE))):
            lengths.update(self._isolated(model.lengths, texts))
        for batch in cut(lengths, self._budget):
            if self._closing:
                return
            for text, row in self._isolated(model.run, batch):
                for request in self._waiting:
                    if text in request.wanted:
                        request.give(text, row)

    def _isolated(self, call: Callable[[Sequence[str]], Sequence[Result]], texts: list[str]) -> list[tuple[str, Result]]:
        """(text, its result). Where the call fails, text by text; a text that fails alone fails the requests that want it."""
        try:
            return list(zip(texts, call(texts), strict=True))
        except Exception as error:  # noqa: BLE001 - one bad text never fails its batch
            if len(texts) > 1:
                return [pair for text in texts for pair in self._isolated(call, [text])]
            _log.exception("the model %s failed on a text", self._name)
            failure = self._unavailable(f"failed on a text: {error}")
            for request in self._waiting:
                if texts[0] in request.wanted:
                    request.fail(failure)
            return []


def _in_turn(waiting: Sequence[_Request[Row]]) -> Iterator[str]:
    """A text of each request, then the next of each: what none has taken yet."""
    turns = deque(waiting)
    while turns:
        request = turns.popleft()
        text = next((t for t in request.todo if t in request.wanted), None)
        if text is not None:
            turns.append(request)
            yield text


def cut(lengths: Mapping[str, int], budget: int) -> Iterator[list[str]]:
    """Texts by length, in batches of at most ``budget`` tokens with every row as long as the longest."""
    batch: list[str] = []
    for text in sorted(lengths, key=lambda t: lengths[t]):
        if batch and (len(batch) + 1) * lengths[text] > budget:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch
