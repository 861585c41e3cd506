"""However many come at once, the event loop looks up in between: that is what /livez lives on."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys

import pytest
import uvloop

from keystep.http.serve import doors
from keystep.http.turns import Turns


def test_a_turn_of_the_loop_takes_up_a_few_requests_in_order():
    async def run() -> tuple[list[int], int]:
        turns, served, most = Turns(), [], 0

        async def request(i: int) -> None:
            await turns.mine()
            served.append(i)

        tasks = [asyncio.create_task(request(i)) for i in range(100)]
        while len(served) < 100:
            before = len(served)
            await asyncio.sleep(0)
            most = max(most, len(served) - before)
        await asyncio.gather(*tasks)
        await asyncio.wait_for(turns.mine(), 60)  # and whoever comes later, alone, does not wait
        return served, most

    served, most = uvloop.run(run())
    assert served == list(range(100))
    assert 1 < most <= 10


def test_who_has_gone_keeps_nobody_from_their_turn():
    async def run() -> list[int]:
        turns, served = Turns(), []

        async def request(i: int) -> None:
            await turns.mine()
            served.append(i)

        tasks = [asyncio.create_task(request(i)) for i in range(40)]
        await asyncio.sleep(0)
        for task in tasks[10:30]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return served

    assert uvloop.run(run()) == [*range(10), *range(30, 40)]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port has one door")
def test_connections_come_in_through_many_doors():
    """100 wait at the port before anybody looks: they are in after a few turns of the loop, not after 100."""

    async def run() -> int:
        loop = asyncio.get_running_loop()
        port = bound()
        opened = doors(port)
        for door in opened:
            door.listen(200)
        clients = [socket.create_connection(port.getsockname()) for _ in range(100)]
        came = 0

        class Guest(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                nonlocal came
                came += 1
                transport.close()

        servers = [await loop.create_server(Guest, sock=door) for door in opened]
        turns = 0
        while came < 100:
            await asyncio.sleep(0)
            turns += 1
        for closed in (*servers, *clients):
            closed.close()
        return turns

    assert uvloop.run(run()) < 50


def test_the_port_stays_one_services():
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(door) for door in doors(bound())]
        for door in opened:
            door.listen()
        with pytest.raises(OSError, match="in use"):
            bound(opened[0].getsockname()[1])


def bound(number: int = 0) -> socket.socket:
    """As uvicorn binds a port."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind(("127.0.0.1", number))
    except OSError:
        made.close()
        raise
    return made
