"""The batcher over a real owner thread, with models small enough to see through."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event, get_ident

import pytest

from keystep.errors import ComponentError
from keystep.models.batcher import ROUND_BATCHES, Batcher, cut
from keystep.nouns import Reason


class Counting:
    """A row is (text, its length). A text's tokens are its characters. batches: as run.  gate: each batch waits for it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.gate = Event()
        self.gate.set()
        self.entered = Event()

    def lengths(self, texts: Sequence[str]) -> list[int]:
        self.threads.add(get_ident())
        if "no tokens" in texts:
            raise ValueError("no tokens")
        return [max(1, len(t)) for t in texts]

    def cut(self, lengths: dict[str, int], budget: int) -> Iterator[list[str]]:
        return cut(lengths, budget)

    def run(self, batch: Sequence[str]) -> list[tuple[str, int]]:
        self.threads.add(get_ident())
        self.batches.append(list(batch))
        self.entered.set()
        assert self.gate.wait(10)
        if "poison" in batch:
            raise RuntimeError("poison")
        if "exit" in batch:
            raise SystemExit
        return [(t, len(t)) for t in batch if t != "lost"]


@pytest.fixture
def model():
    return Counting()


@pytest.fixture
def batcher(model):
    it = Batcher(lambda: model, token_budget=32, name="counting")
    it.start()
    yield it
    model.gate.set()
    it.close()


def hold(batcher, model):
    """Keeps the owner busy; what is submitted now waits until model.gate.set()."""
    model.gate.clear()
    model.entered.clear()
    first = batcher.submit(["hold"])
    assert model.entered.wait(10)
    return first


def reason(future) -> Reason:
    with pytest.raises(ComponentError) as caught:
        future.result(10)
    return caught.value.reason


def test_rows_come_in_the_order_of_the_texts_whatever_order_they_ran_in(batcher, model):
    texts = ["ccc", "a", "bb", "a", "x" * 40]
    assert batcher.rows(texts) == [(t, len(t)) for t in texts]
    assert batcher.rows([]) == []
    ran = [t for b in model.batches for t in b]
    assert ran == sorted(ran, key=len)
    assert len(ran) == len(set(ran))


def test_all_that_waits_when_the_model_is_free_runs_together_once_each(batcher, model):
    hold(batcher, model)
    futures = [batcher.submit([f"t{i}", "same"]) for i in range(4)]
    model.gate.set()
    assert [f.result(10) for f in futures] == [[(f"t{i}", 2), ("same", 4)] for i in range(4)]
    assert model.batches[1:] == [["t0", "t1", "t2", "t3", "same"]]


def test_requests_that_come_together_run_together_though_the_model_is_free(batcher, model):
    for n in range(20):
        futures = batcher.submit_each([[f"{n} a"], [f"{n} b"], [], [f"{n} c", f"{n} a"]])
        assert [len(f.result(10)) for f in futures] == [1, 1, 0, 2]
        assert model.batches[n] == [f"{n} a", f"{n} b", f"{n} c"]


def test_no_batch_is_over_the_budget_but_a_single_long_text():
    lengths = {f"{i}": n for i, n in enumerate([5, 3, 9, 40, 1, 16, 16, 2, 33])}
    batches = list(cut(lengths, 32))
    assert sorted(t for b in batches for t in b) == sorted(lengths)
    assert [lengths[t] for b in batches for t in b] == sorted(lengths.values())
    assert all(len(b) == 1 or len(b) * max(lengths[t] for t in b) <= 32 for b in batches)
    # None could have taken the next one's first text as well.
    assert all((len(b) + 1) * lengths[after[0]] > 32 for b, after in pairwise(batches))


def test_a_small_request_does_not_wait_for_the_whole_of_a_huge_one(batcher, model):
    hold(batcher, model)
    huge = batcher.submit([f"{i:016}" for i in range(64 * ROUND_BATCHES)])
    small = batcher.submit(["a small one, but longer"])
    model.gate.set()
    assert len(huge.result(10)) == 64 * ROUND_BATCHES
    assert small.done()
    # Though sorted last in its round: two of the huge one's texts make a batch, and a round is 64 texts.
    assert model.batches.index(["a small one, but longer"]) <= 1 + 32
    assert len(model.batches) > 256


def test_one_thread_owns_the_model_whoever_asks(batcher, model):
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda i: batcher.rows([f"{i}", f"{i % 7}"]), range(300)))
    assert found == [[(f"{i}", len(str(i))), (f"{i % 7}", 1)] for i in range(300)]
    assert len(model.threads) == 1
    assert get_ident() not in model.threads


@pytest.mark.parametrize("bad", ["poison", "no tokens", "lost"])
def test_a_text_that_fails_fails_only_the_requests_that_hold_it(batcher, model, bad):
    hold(batcher, model)
    good, ill = batcher.submit(["a", "b"]), batcher.submit(["a", bad])
    model.gate.set()
    assert good.result(10) == [("a", 1), ("b", 1)]
    assert reason(ill) == Reason.MODEL_UNAVAILABLE
    assert batcher.alive()
    assert batcher.rows(["c"]) == [("c", 1)]


# An owner that dies does so with a traceback: that is what is tried here.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_owner_fails_who_waits_and_who_comes(batcher, model):
    model.gate.clear()
    running = batcher.submit(["exit"])
    assert model.entered.wait(10)
    waiting = batcher.submit(["a"])
    assert batcher.alive()
    model.gate.set()
    assert reason(running) == reason(waiting) == Reason.MODEL_UNAVAILABLE
    assert not batcher.alive()
    assert reason(batcher.submit(["b"])) == Reason.MODEL_UNAVAILABLE


def test_closing_fails_what_waits_and_ends_the_thread(batcher, model):
    held = hold(batcher, model)
    waiting = batcher.submit(["a"])
    with ThreadPoolExecutor(1) as pool:
        closed = pool.submit(batcher.close)
        model.gate.set()
        closed.result(10)
    assert held.result(10) == [("hold", 4)]
    assert reason(waiting) == Reason.MODEL_UNAVAILABLE
    assert not batcher.alive()
    assert reason(batcher.submit(["b"])) == Reason.MODEL_UNAVAILABLE
    batcher.close()


def test_a_deadline_ends_the_waiting_and_gives_the_texts_up(batcher, model):
    hold(batcher, model)
    with pytest.raises(ComponentError) as caught:
        batcher.rows(["late"], deadline=time.monotonic() + 0.02)
    assert caught.value.reason == Reason.DEADLINE
    model.gate.set()
    assert batcher.rows(["c"]) == [("c", 1)]
    assert ["late"] not in model.batches


def test_before_the_start_and_after_a_failed_one_nothing_hangs():
    def load():
        raise OSError("no such model")

    batcher = Batcher(load, token_budget=8, name="none")
    assert not batcher.alive()
    assert reason(batcher.submit(["a"])) == Reason.MODEL_UNAVAILABLE
    with pytest.raises(ComponentError, match="no such model"):
        batcher.start()
    assert not batcher.alive()
    assert reason(batcher.submit(["a"])) == Reason.MODEL_UNAVAILABLE
    batcher.close()
