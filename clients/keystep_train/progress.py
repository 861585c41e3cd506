"""Progress on standard error: tqdm, which everything else here already brings."""

from __future__ import annotations

from collections.abc import Iterator

from tqdm import tqdm


def progress(what: str, done: int, steps: int, *, shown: bool) -> Iterator[int]:
    """The numbers of the steps still to do."""
    yield from tqdm(range(done, steps), desc=what, initial=done, total=steps, disable=not shown, unit="step")
