"""What runs in a worker process of the pool: read a task, do it under a CPU budget, answer; die when the parent dies.

A task is a JSON line [id, cpu_seconds, function name, arguments]; the answers are [id, "begun"] and then [id, result] or
[id, null, error text].
Text only, never pickle, so that nothing a model wrote can become code on either side.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import select
import signal
import sys
import traceback
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread
from typing import IO, Any

# Address space of one worker. A bomb that passes the size bounds meets this before it meets the machine's memory.
MEMORY_BYTES = 4 << 30
# How often an idle or busy worker looks whether its parent is still there (a forked copy of the parent may hold the pipe open).
_PARENT_CHECK_SECONDS = 1.0


def main() -> None:
    """Serve until the parent closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # The kernel ends a task that has used up its CPU time, even inside one long C call: SIGPROF's default is to terminate.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests, replies = _take_over_pipes()
    try:
        functions = _functions()
    except BaseException:  # noqa: BLE001  (whatever stops a worker from starting is the parent's to report)
        _send(replies, [None, None, traceback.format_exc()])
        return
    tasks: SimpleQueue[str] = SimpleQueue()
    Thread(target=_read, args=(requests, tasks, os.getppid()), daemon=True).start()
    _send(replies, [None, "ready"])
    while True:
        number, cpu_seconds, name, arguments = json.loads(tasks.get())
        _send(replies, [number, "begun"])
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        try:
            reply = [number, functions[name](*arguments)]
        except Exception:  # noqa: BLE001  (the parent turns it into one null with its reason and logs the text)
            reply = [number, None, traceback.format_exc()]
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(replies, reply)


def _functions() -> dict[str, Callable[..., Any]]:
    from keystep.verify import symbolic

    logging.disable(logging.CRITICAL)
    sys.setrecursionlimit(3000)
    symbolic.warm_up()
    return {"equal": symbolic.equal, "by_default": symbolic.by_default}


def _take_over_pipes() -> tuple[int, IO[str]]:
    """The pipe's two ends under private numbers; 0, 1 and 2 lead nowhere, so that no library prints into the protocol."""
    requests, replies = os.dup(0), os.fdopen(os.dup(1), "w", encoding="ascii")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return requests, replies


def _read(requests: int, tasks: SimpleQueue[str], parent: int) -> None:
    """Thread: lines of the pipe into the queue; the end of the pipe, or of the parent, is the end of this process."""
    rest = b""
    while True:
        ready, _, _ = select.select([requests], [], [], _PARENT_CHECK_SECONDS)
        if os.getppid() != parent:
            os._exit(0)
        if not ready:
            continue
        chunk = os.read(requests, 1 << 16)
        if not chunk:
            os._exit(0)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            tasks.put(line.decode("ascii"))


def _send(replies: IO[str], reply: list[Any]) -> None:
    replies.write(json.dumps(reply) + "\n")
    replies.flush()
