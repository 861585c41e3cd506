"""Workers that may be killed: what a task costs, whom it costs, and who is left when the parent is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from keystep.nouns import Question, Reason
from keystep.recipe import OFFICIAL
from keystep.verify import symbolic
from keystep.verify.pool import Pool, Reply
from keystep.verify.verifier import Verifier, VerifyItem

EQUAL = ("equal", "\\frac{1}{2}", "0.5", 6)
# Passes sympy's parser and never ends; sent here around the bounds that would stop it.
ENDLESS = ("equal", "1", "\\binom{10^9}{5*10^8}", 6)


@pytest.fixture(scope="module")
def pool():
    it = Pool(2)
    it.start()
    yield it
    it.close()


def ask(pool: Pool, task, cpu_seconds=5.0) -> Reply:
    return pool.submit(*task, cpu_seconds=cpu_seconds).result(60)


def eventually(condition, seconds=30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.05)
    return False


def test_a_task_is_done(pool):
    assert pool.ready()
    assert ask(pool, EQUAL) == Reply("done", True)


def test_a_timeout_costs_one_task_and_the_others_go_on(pool):
    endless = pool.submit(*ENDLESS, cpu_seconds=0.5)
    others = [pool.submit(*EQUAL, cpu_seconds=5.0) for _ in range(20)]
    assert endless.result(60) == Reply("timeout")
    assert {f.result(60) for f in others} == {Reply("done", True)}
    assert eventually(pool.ready)


def test_a_killed_worker_costs_its_task_and_is_replaced(pool):
    assert eventually(pool.ready)
    before = set(pool.processes())
    running = pool.submit(*ENDLESS, cpu_seconds=30.0)
    assert eventually(running.running)
    time.sleep(0.3)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert running.result(60) == Reply("crashed")
    assert {ask(pool, EQUAL) for _ in range(4)} == {Reply("done", True)}
    assert eventually(lambda: pool.ready() and not before & set(pool.processes()))


def test_a_worker_killed_while_idle_costs_nothing(pool):
    assert eventually(pool.ready)
    for pid in pool.processes():
        os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: not pool.ready())
    assert [ask(pool, EQUAL) for _ in range(4)] == [Reply("done", True)] * 4


def test_an_exception_in_a_task_is_that_tasks_alone(pool):
    assert ask(pool, ("equal", "1", None, 6)).status == "failed"
    assert ask(pool, EQUAL) == Reply("done", True)


def test_a_cancelled_task_is_never_begun(pool):
    busy = [pool.submit(*ENDLESS, cpu_seconds=0.5) for _ in range(2)]
    waiting = pool.submit(*ENDLESS, cpu_seconds=600.0)
    assert waiting.cancel()
    assert [f.result(60).status for f in busy] == ["timeout", "timeout"]
    assert ask(pool, EQUAL) == Reply("done", True)


def test_closing_ends_what_runs_and_what_waits():
    pool = Pool(1)
    pool.start()
    tasks = [pool.submit(*ENDLESS, cpu_seconds=600.0) for _ in range(3)]
    assert eventually(tasks[0].running)
    (pid,) = pool.processes()
    pool.close()
    assert {f.result(10).status for f in tasks} == {"closed"}
    assert not alive(pid)
    assert ask(pool, EQUAL) == Reply("closed")


def test_a_pool_closed_while_it_starts():
    pool = Pool(2)
    waiting = pool.submit(*EQUAL, cpu_seconds=5.0)
    pool.close()
    assert waiting.result(10).status in ("closed", "done")


PARENT = """
    import sys, time
    from keystep.verify.pool import Pool
    pool = Pool(2)
    pool.start()
    pool.submit("equal", "1", "\\\\binom{10^9}{5*10^8}", 6, cpu_seconds=600.0)
    print(*pool.processes(), flush=True)
    time.sleep(600)
"""


def test_no_worker_outlives_a_killed_parent():
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(PARENT)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(workers) == 2
        parent.kill()
    assert eventually(lambda: not any(alive(pid) for pid in workers))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


UNGUARDED = """
    print("ran", flush=True)
    from keystep.verify.pool import Pool
    pool = Pool(1)
    pool.start()
    print(pool.submit("equal", "2", "4/2", 6, cpu_seconds=5.0).result().value, flush=True)
    pool.close()
"""


@pytest.mark.parametrize("how", ["standard input", "script without a guard"])
def test_workers_do_not_run_the_callers_main_again(how, tmp_path):
    code = textwrap.dedent(UNGUARDED)
    (tmp_path / "script.py").write_text(code)
    command = [sys.executable, "-"] if how == "standard input" else [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(
        command, input=code if command[-1] == "-" else None, capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path
    )
    assert done.stdout.split() == ["ran", "True"]
    assert done.stderr == ""


def test_an_interrupt_at_the_terminal_is_not_the_workers(pool):
    assert eventually(pool.ready)
    pids = pool.processes()
    for pid in pids:
        os.kill(pid, signal.SIGINT)
    assert ask(pool, EQUAL) == Reply("done", True)
    assert pool.processes() == pids


def test_threads_share_a_pool(pool):
    replies: list[Reply] = []
    threads = [threading.Thread(target=lambda: replies.append(ask(pool, EQUAL))) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert replies == [Reply("done", True)] * 32


@pytest.mark.parametrize(
    "task", [("equal", "\\frac{\\sqrt{3}}{2}", "\\sqrt{\\frac{3}{4}}", 6), ("by_default", "So it is $\\frac{6}{3}$.", "$2$")]
)
def test_no_comparison_sets_a_wall_clock(monkeypatch, task):
    """A busy machine must not turn a yes into a no: only the pool's CPU budget ends a comparison."""

    def alarm(seconds):
        raise AssertionError(f"an alarm in {seconds} s of wall-clock time")

    monkeypatch.setattr(signal, "alarm", alarm)
    monkeypatch.setattr(signal, "setitimer", alarm)
    assert getattr(symbolic, task[0])(*task[1:]) is True


def test_the_official_recipe_gives_null_for_what_never_ends():
    verifier = Verifier(workers=1, cpu_seconds=0.5)
    (found,) = verifier.verify([VerifyItem(Question("q", answer="1"), "The answer is $\\binom{10^9}{5*10^8}$.")], OFFICIAL)
    verifier.close()
    assert (found.value, found.reasons) == (None, (Reason.VERIFIER_TIMEOUT,))
