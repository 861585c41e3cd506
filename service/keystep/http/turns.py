"""Requests are taken up a few in each turn of the event loop, however many have come.

Between two turns the loop looks at its sockets. So whoever asks /livez while hundreds of requests have just arrived waits for a
few of them, and not for all.
"""

from __future__ import annotations

import asyncio
from collections import deque

# Reading a rollout takes the loop some tenths of a millisecond; a turn of its own, some hundredths.
_A_TURN = 4


class Turns:
    """For one event loop. No timer: while fewer come than a turn takes, nobody waits."""

    def __init__(self) -> None:
        self._left = _A_TURN
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turning = False

    async def mine(self) -> None:
        """Returns when it is the caller's turn: first come, first served."""
        if self._left and not self._waiting:
            self._left -= 1
            self._turn_soon()
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        await turn

    def _turn_soon(self) -> None:
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        self._turning = False
        self._left = _A_TURN
        while self._left and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # its client may have gone
                turn.set_result(None)
                self._left -= 1
        if self._left < _A_TURN:
            self._turn_soon()
