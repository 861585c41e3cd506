"""Chunks of a long input, a few of them under way at once, results in input order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

# One chunk is worked on while the next is read and sent.
_AHEAD = 2


def in_chunks(found: Iterable[T], size: int, work: Callable[[list[T]], R]) -> Iterator[R]:
    """work(chunk) for every size items, on threads; what has not begun is dropped when the caller stops early."""
    left = iter(found)
    under_way: deque[Future[R]] = deque()
    with ThreadPoolExecutor(_AHEAD, thread_name_prefix="keystep-batch") as threads:
        try:
            while chunk := list(islice(left, size)):
                under_way.append(threads.submit(work, chunk))
                if len(under_way) >= _AHEAD:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
