"""What a pure function makes of each of many small texts, remembered for all rollouts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from mypy_extensions import mypyc_attr

V = TypeVar("V")


@mypyc_attr(native_class=False)
class Memo(dict[str, V]):
    """text -> what ``compute`` makes of it, filled as texts are met; emptied at ``limit`` of them, so that memory is bounded.

    A dict, so that ``map(memo.__getitem__, texts)`` runs at C speed. A text of more than ``longest`` characters is met once and
    not remembered. Shared between threads; whoever computes a value first, it is the same.
    """

    def __init__(self, compute: Callable[[str], V], limit: int = 65536, longest: int = 64) -> None:
        super().__init__()
        self._compute, self._limit, self._longest = compute, limit, longest

    def __missing__(self, text: str) -> V:
        value = self._compute(text)
        if len(text) <= self._longest:
            if len(self) >= self._limit:
                self.clear()
            self[text] = value
        return value
