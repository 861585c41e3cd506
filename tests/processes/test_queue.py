"""Turns, chunks, retries and deadlines, without any process: the queue is a plain object."""

from __future__ import annotations

import gc
import random
import weakref
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep import scoring
from keystep.nouns import Outcome, Question, Reason, Rollout
from keystep.processes.messages import Piece
from keystep.processes.queue import Part, Queue, Ticket

NUMBERS = count()


def ticket(name: str, rollouts: int, *, length: int = 3_500, deadline: float | None = None) -> Ticket:
    """One group of so many rollouts, each of its own id."""
    made = Ticket(NUMBERS, deadline)
    part = Part(rollouts, list, lambda i, reason: scoring.nothing(f"{name}/{i}", reason))
    template = Piece((), (), Question(name), "{}", "rewards")
    made.add(part, template, [Rollout(f"{name}/{i}", "x" * length) for i in range(rollouts)])
    return made


def finish(queue: Queue, chunk: tuple[Piece, ...]) -> None:
    """What a process would report: here, a verdict that names the rollout."""
    for piece in chunk:
        for number, rollout in zip(piece.numbers, piece.rollouts, strict=True):
            queue.give(number, Outcome(1.0, rollout.id))


def ids(chunk: tuple[Piece, ...]) -> list[str]:
    return [r.id for piece in chunk for r in piece.rollouts]


def numbers(chunk: tuple[Piece, ...]) -> list[int]:
    return [n for piece in chunk for n in piece.numbers]


def answers(made: Ticket) -> list[str]:
    return [r.answer if isinstance(r, Outcome) else r.reward.reasons[0] for r in made.parts[0].future.result(0)]


def test_a_small_request_is_in_the_next_chunk_however_much_a_big_one_has_waiting():
    queue = Queue(1)
    queue.add(ticket("big", 8_192))
    queue.take()
    queue.add(ticket("small", 1))
    assert "small/0" in ids(queue.take())


@pytest.fixture
def no_collections() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collections")
@pytest.mark.parametrize("ended", ["scored", "dropped", "lost twice"])
def test_what_is_over_is_gone_without_a_collection(ended):
    """A circle would keep texts and results, and collections would hold up the event loop."""
    queue, made = Queue(1), ticket("q", 2)
    queue.add(made)
    if ended == "scored":
        finish(queue, queue.take())
    elif ended == "dropped":
        queue.drop(made, Reason.DEADLINE)
    else:
        queue.lost(numbers(queue.take()), ())
        while chunk := queue.take():
            queue.lost(numbers(chunk), ())
    assert made.done
    assert not queue.take()
    gone = weakref.ref(made)
    del made
    assert gone() is None


def test_requests_take_turns():
    queue = Queue(1)
    made = [ticket(name, 100) for name in "abc"]
    for each in made:
        queue.add(each)
    taken = [{i[0] for i in ids(queue.take())} for _ in range(3)]
    assert set.union(*taken) == set("abc")


def test_small_requests_that_wait_together_go_together():
    queue = Queue(1)
    for i in range(10):
        queue.add(ticket(str(i), 1))
    assert len(ids(queue.take())) == 10
    assert queue.take() == ()


def test_little_work_is_spread_over_the_processes():
    queue = Queue(2)
    for i in range(10):
        queue.add(ticket(str(i), 1))
    assert len(ids(queue.take())) == 5


def test_a_chunk_is_bounded_and_a_long_text_goes_by_itself():
    queue = Queue(1)
    queue.add(ticket("many", 1_000))
    assert len(ids(queue.take())) <= 32
    queue = Queue(1)
    queue.add(ticket("long", 3, length=400_000))
    assert [ids(queue.take()) for _ in range(4)] == [["long/0"], ["long/1"], ["long/2"], []]


def test_what_a_process_was_at_is_done_again_alone_and_what_lay_ready_as_it_was():
    queue = Queue(1)
    made = ticket("a", 12)
    queue.add(made)
    first, second = queue.take(), queue.take()
    queue.lost(numbers(first), numbers(second))
    again = [queue.take() for _ in ids(first)]
    assert [ids(chunk) for chunk in again] == [[i] for i in ids(first)]
    rest = queue.take()
    assert sorted(ids(rest)) == sorted(ids(second))
    for chunk in (*again, rest):
        finish(queue, chunk)
    assert answers(made) == [f"a/{i}" for i in range(12)]


def test_what_kills_in_company_and_alone_is_null_and_it_alone():
    queue = Queue(1)
    made = ticket("a", 4)
    queue.add(made)
    chunk = queue.take()
    queue.lost(numbers(chunk), [])
    for i in range(4):
        alone = queue.take()
        if i == 2:
            queue.lost(numbers(alone), [])
        else:
            finish(queue, alone)
    assert answers(made) == ["a/0", "a/1", Reason.INTERNAL_ERROR, "a/3"]
    assert queue.size == 0


def test_at_the_deadline_what_is_there_is_kept_and_the_rest_is_null():
    queue = Queue(1)
    made, other = ticket("a", 40, deadline=10.0), ticket("b", 1)
    queue.add(made)
    first = queue.take()
    finish(queue, first)
    queue.add(other)
    assert queue.next_deadline() == 10.0
    assert not queue.expire(9.9)
    assert queue.expire(10.0)
    assert answers(made) == [*ids(first), *[Reason.DEADLINE] * (40 - len(ids(first)))]
    assert ids(queue.take()) == ["b/0"]
    assert queue.next_deadline() is None


def test_a_result_that_comes_too_late_or_twice_changes_nothing():
    queue = Queue(1)
    made = ticket("a", 1, deadline=1.0)
    queue.add(made)
    chunk = queue.take()
    queue.expire(2.0)
    finish(queue, chunk)
    assert answers(made) == [Reason.DEADLINE]


def test_a_defect_in_putting_a_group_together_is_told_to_its_caller_alone():
    queue = Queue(1)
    made, other = ticket("a", 1), ticket("b", 1)
    made.parts[0]._finish = lambda results: results[99]
    queue.add(made)
    queue.add(other)
    finish(queue, queue.take())
    with pytest.raises(IndexError):
        made.parts[0].future.result(0)
    assert answers(other) == ["b/0"]


@given(st.randoms(use_true_random=False), st.integers(1, 3), st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_every_rollout_is_answered_once_and_in_its_place(r: random.Random, processes: int, sizes: list[int]):
    """Chunks come back in any order, and processes die with them: a result is right, or it is null of one that died twice."""
    queue = Queue(processes)
    made = [ticket(str(n), size) for n, size in enumerate(sizes)]
    for each in made:
        queue.add(each)
    out: list[tuple[Piece, ...]] = []
    while not all(each.done for each in made):
        if chunk := queue.take():
            out.append(chunk)
        if out and (len(out) > 4 or not chunk or r.random() < 0.5):
            taken = out.pop(r.randrange(len(out)))
            if r.random() < 0.2:
                queue.lost(numbers(taken), [])
            elif r.random() < 0.2:
                queue.lost([], numbers(taken))
            else:
                finish(queue, taken)
    for name, each in enumerate(made):
        for i, answer in enumerate(answers(each)):
            assert answer in (f"{name}/{i}", Reason.INTERNAL_ERROR)
    assert queue.size == 0


@pytest.mark.parametrize("reason", [Reason.DEADLINE, Reason.INTERNAL_ERROR])
def test_dropping_all_answers_all(reason):
    queue = Queue(2)
    made = [ticket("a", 30), ticket("b", 2, deadline=1.0)]
    for each in made:
        queue.add(each)
    queue.take()
    queue.drop_all(reason)
    assert [set(answers(each)) for each in made] == [{reason}, {reason}]
