"""Killable workers for what may never end: one process a worker, one keeper thread a process, one queue of tasks.

    submit() -> Future of a Reply          a task's clock starts when a worker takes it, and counts CPU time
    a task that uses up its CPU budget     the kernel ends that worker; the task gets 'timeout', a new worker starts
    a worker that dies otherwise           the task gets 'crashed', a new worker starts
    the other tasks                        go on in the other workers, and in the new one

Workers are started as programs of their own (never forked, and not by multiprocessing, whose spawn would import the
caller's __main__ again): they hold nothing of the parent and work from scripts, servers, notebooks and standard input.
They leave when the parent closes their pipe, however it ends.
"""

from __future__ import annotations

import json
import logging
import selectors
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Literal

logger = logging.getLogger(__name__)

_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from keystep.verify.worker import main; main()"
# A worker that neither answers nor uses CPU (stopped, swapped out) is given up after this many times its CPU budget.
_WALL_FACTOR = 20.0
# Starting includes importing sympy; a machine under full load takes many times what an idle one takes.
_START_SECONDS = 120.0
# sympy's caches grow: a worker is replaced after this many tasks.
_TASKS_PER_WORKER = 5_000


Status = Literal["done", "timeout", "crashed", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Reply:
    """status: 'done' (value is the function's), 'timeout', 'crashed', 'failed' (the function raised) or 'closed'."""

    status: Status
    value: Any = None


@dataclass(frozen=True, slots=True)
class _Task:
    cpu_seconds: float
    name: str
    arguments: tuple[Any, ...]
    future: Future[Reply]


class Pool:
    """workers: how many processes. Nothing is started before start() or the first submit()."""

    def __init__(self, workers: int) -> None:
        self._size = workers
        self._tasks: SimpleQueue[_Task | None] = SimpleQueue()
        self._lock = Lock()
        self._keepers: list[_Keeper] = []
        self._closed = False

    def start(self) -> None:
        """Start the workers and return when all are warm. Raises RuntimeError when a worker cannot start at all."""
        for keeper in self._ensure():
            keeper.warm.wait()
            if keeper.start_error is not None:
                raise RuntimeError(f"a verifier worker could not start: {keeper.start_error}")

    def ready(self) -> bool:
        """True while every worker is up and warm."""
        return bool(self._keepers) and all(k.pid is not None for k in self._keepers)

    def submit(self, name: str, *arguments: Any, cpu_seconds: float) -> Future[Reply]:
        """Run a worker function by name. The future's result is always a Reply, never an exception."""
        future: Future[Reply] = Future()
        if self._ensure():
            self._tasks.put(_Task(cpu_seconds, name, arguments, future))
        else:
            future.set_result(Reply("closed"))
        return future

    def close(self) -> None:
        """Stop all workers at once; tasks that wait or run get 'closed'. Idempotent."""
        with self._lock:
            self._closed = True
            keepers, self._keepers = self._keepers, []
        for keeper in keepers:
            keeper.stop()
        for _ in keepers:
            self._tasks.put(None)
        for keeper in keepers:
            keeper.thread.join()

    def processes(self) -> list[int]:
        """Process ids of the running workers."""
        return [k.pid for k in self._keepers if k.pid is not None]

    def _ensure(self) -> list[_Keeper]:
        """The keepers, made if there are none yet; none once closed."""
        with self._lock:
            if not self._keepers and not self._closed:
                self._keepers = [_Keeper(self._tasks) for _ in range(self._size)]
            return list(self._keepers)


class _Keeper:
    """One thread that owns one worker process at a time, and replaces it when it died or has done its share."""

    def __init__(self, tasks: SimpleQueue[_Task | None]) -> None:
        self.warm = Event()
        self.start_error: str | None = None
        self._tasks = tasks
        self._worker: _Worker | None = None
        self._stopping = False
        self.thread = Thread(target=self._run, name="keystep-verify", daemon=True)
        self.thread.start()

    @property
    def pid(self) -> int | None:
        """Of a worker that is up and warm, else None."""
        worker = self._worker
        return worker.pid if worker is not None and worker.warm and worker.alive() else None

    def stop(self) -> None:
        self._stopping = True
        if (worker := self._worker) is not None:
            worker.kill()

    def _kill_if_stopping(self) -> None:
        """stop() may have come while a process was being made."""
        if self._stopping and self._worker is not None:
            self._worker.kill()

    def _run(self) -> None:
        self._renew()
        self.warm.set()
        while (task := self._tasks.get()) is not None:
            if not task.future.set_running_or_notify_cancel():
                continue  # nobody waits any more
            reply = self._do(task)
            task.future.set_result(Reply("closed") if self._stopping else reply)
            if self._worker is not None and (not self._worker.alive() or self._worker.done >= _TASKS_PER_WORKER):
                self._renew()
        if self._worker is not None:
            self._worker.dispose()

    def _do(self, task: _Task) -> Reply:
        """A worker that died before it began the task was not killed by it: the task goes to the next one, once."""
        for attempt in range(2):
            if attempt or self.pid is None:
                self._renew()
            if self._worker is not None and (reply := self._worker.do(task)) is not None:
                return reply
        return Reply("crashed")

    def _renew(self) -> None:
        """A new worker in place of the old; none, and start_error, when it does not come up."""
        if self._worker is not None:
            self._worker.dispose()
            self._worker = None
        if self._stopping:
            return
        worker = self._worker = _Worker()
        self._kill_if_stopping()
        self.start_error = worker.wait_warm()
        if self.start_error is not None:
            worker.dispose()
            self._worker = None
            if not self._stopping:
                logger.error("a verifier worker could not start: %s", self.start_error)


class _Worker:
    """One process and the line protocol spoken with it. Used by its keeper's thread only, but for kill() and alive()."""

    def __init__(self) -> None:
        # A process group of its own: the terminal's Ctrl-C is the parent's to handle.
        self._process = subprocess.Popen(
            [sys.executable, "-c", _BOOT, json.dumps([str(Path(p).absolute()) for p in sys.path])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            bufsize=0,
            process_group=0,
        )
        self.pid = self._process.pid
        self.done = 0
        self.warm = False
        self._rest = b""

    def alive(self) -> bool:
        return self._process.poll() is None

    def wait_warm(self) -> str | None:
        """None when warm, else why it did not start."""
        line = self._read_line(_START_SECONDS)
        if line is None:
            return f"no word from it (exit code {self._process.poll()})"
        _, state, *error = json.loads(line)
        self.warm = state == "ready"
        return None if self.warm else error[0]

    def do(self, task: _Task) -> Reply | None:
        """The reply to a task; None when the worker was gone before it began."""
        line = json.dumps([self.done, task.cpu_seconds, task.name, task.arguments]) + "\n"
        try:
            self._write(line.encode("ascii"))
        except BrokenPipeError:
            return None
        if self._read_line(_START_SECONDS) is None:  # "begun"
            self.kill()
            return None
        answer = self._read_line(task.cpu_seconds * _WALL_FACTOR)
        self.done += 1
        if answer is None:
            return Reply(self._why_silent())
        _, value, *error = json.loads(answer)
        if error:
            logger.error("a verifier task failed: %s", error[0])
            return Reply("failed")
        return Reply("done", value)

    def kill(self) -> None:
        self._process.kill()

    def dispose(self) -> None:
        """Kill it, if it still runs, and let go of its pipes."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _why_silent(self) -> Literal["timeout", "crashed"]:
        """A worker that still runs stands still; one that is gone tells by its signal whether its time was up."""
        if self.alive():
            try:
                self._process.wait(1.0)  # its pipe closed a moment before it ended
            except subprocess.TimeoutExpired:
                self.kill()
                return "timeout"
        return "timeout" if self._process.returncode == -signal.SIGPROF else "crashed"

    def _write(self, line: bytes) -> None:
        assert self._process.stdin is not None
        view = memoryview(line)
        while view:
            view = view[self._process.stdin.write(view) :]

    def _read_line(self, seconds: float) -> bytes | None:
        """One line, or None when the pipe ended or the time passed."""
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:  # not select(): a busy server has descriptors beyond its limit
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while b"\n" not in self._rest:
                left = end - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return None
                chunk = self._process.stdout.read(1 << 16)
                if not chunk:
                    return None
                self._rest += chunk
        line, self._rest = self._rest.split(b"\n", 1)
        return line
