"""Real scoring processes: the engine's own results, whatever their number, through kills, deadlines and the front's end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from keystep import scoring, wire
from keystep.engine import build
from keystep.nouns import Group, KeyStep, Question, Reason, Rollout
from keystep.processes import dispatcher
from keystep.processes.scorer import Scorer
from keystep.recipe import HARDENED, resolve
from keystep.settings import Settings
from keystep.verify.verifier import VerifyItem
from responses import mulberry

EXAMPLES = Path(__file__).parents[2] / "clients" / "examples" / "groups.jsonl"


def groups() -> list[Group]:
    body = json.dumps({"groups": [json.loads(line) for line in EXAMPLES.read_text("utf-8").splitlines()]}).encode()
    return [wire.group_from(g) for g in wire.parse(wire.ScoreRequest, body).groups]


def made(processes: int) -> Scorer:
    return Scorer(build(Settings(cache_path=None, verifier_workers=1)), processes)


@pytest.fixture(scope="module")
def scorer() -> Iterator[Scorer]:
    it = made(2)
    it.start()
    yield it
    it.close()


def eventually(condition, seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("name", ["hardened", "paper", "official"])
def test_what_the_engine_gives_and_nothing_else(scorer, engine, name):
    recipe = resolve(name)
    assert scorer.score(groups(), recipe) == engine.score(groups(), recipe)


@pytest.mark.parametrize("processes", [1, 3])
def test_whatever_the_number_of_processes(engine, processes):
    other = made(processes)
    other.start()
    try:
        assert len(other.dispatcher.processes()) == processes
        assert other.score(groups(), HARDENED) == engine.score(groups(), HARDENED)
    finally:
        other.close()


def test_a_group_larger_than_a_chunk_is_put_together_again(scorer, engine):
    texts = [mulberry(f"There are {i} cubes.", f"{i} + 1 = {i + 1}.", answer=str(i % 9)) + " " * 2_000 for i in range(200)]
    group = Group(Question("q", "How many?", answer="6"), tuple(Rollout(str(i), text) for i, text in enumerate(texts)))
    assert scorer.score([group], HARDENED) == engine.score([group], HARDENED)


def test_without_evidence_the_same_line_of_the_wire(scorer):
    told = [
        [wire.group_to_json(g, "rewards") for g in scorer.score(groups(), HARDENED, evidence=evidence).groups] for evidence in (False, True)
    ]
    assert told[0] == told[1]


def test_outcomes_alone(scorer, engine):
    items = [VerifyItem(g.question, r.text) for g in groups() for r in g.rollouts]
    assert scorer.verify(items, HARDENED).result(60) == engine.verify(items, HARDENED)


def test_from_many_threads_at_once(scorer, engine):
    expected = engine.score(groups(), HARDENED).groups
    got: dict[int, object] = {}

    def ask(i: int) -> None:
        got[i] = scorer.score([groups()[i]], HARDENED).groups[0]

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(expected))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [got[i] for i in range(len(expected))] == expected


def test_killed_processes_cost_time_and_nothing_else(scorer, engine):
    many = [Group(Question(f"{g.id} {n}", g.question.text, answer=g.question.answer), g.rollouts) for n in range(8) for g in groups()]
    expected = engine.score(many, HARDENED)
    assert eventually(scorer.ready)
    before = set(scorer.dispatcher.processes())
    submitted = scorer.submit(many, HARDENED, evidence=True)
    assert eventually(submitted.groups[0].done)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert [f.result(120) for f in submitted.groups] == expected.groups
    assert eventually(lambda: len(scorer.dispatcher.processes()) == 2 and not before & set(scorer.dispatcher.processes()))
    assert scorer.dispatcher.restarts >= 2


# Takes a process long enough to be killed in.
SLOW = " ".join(f"We see that {i} + {i} = {2 * i}, so there are {2 * i} of them." for i in range(7_000))
HEAVY = Question("heavy", answer="6", key_steps=tuple(KeyStep(f"the {i} boxes weigh {i} * 3 = {3 * i} kg") for i in range(40)))


def test_what_kills_twice_is_null_and_it_alone(scorer):
    """A rollout whose process is killed whenever it is at it; its neighbour in the batch is scored."""
    neighbour = Group(Question("good", answer="6"), (Rollout("good", mulberry("x")),))
    # So slow that both processes have been replaced before it is done.
    submitted = scorer.submit([Group(HEAVY, (Rollout("heavy", SLOW * 12),)), neighbour], HARDENED, evidence=True)
    heavy, good = submitted.groups
    killed: set[int] = set()
    for _ in range(2):
        assert eventually(lambda: len(set(scorer.dispatcher.processes()) - killed) == 2)
        time.sleep(0.1)  # it has been taken, and takes longer
        assert not heavy.done()
        for pid in set(scorer.dispatcher.processes()) - killed:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
    assert heavy.result(60).rollouts[0].reward.reasons == (Reason.INTERNAL_ERROR,)
    assert heavy.result().rollouts[0].reward.total is None
    assert good.result(60).rollouts[0].reward.outcome == 1.0


def test_a_process_that_stands_still_is_replaced(scorer, monkeypatch):
    assert eventually(lambda: len(scorer.dispatcher.processes()) == 2)
    monkeypatch.setattr(dispatcher, "_STUCK_SECONDS", 2.0)
    stopped = scorer.dispatcher.processes()[0]
    os.kill(stopped, signal.SIGSTOP)
    rewards = [r.reward for g in scorer.score(groups(), HARDENED).groups for r in g.rollouts]
    assert all(Reason.INTERNAL_ERROR not in reward.reasons for reward in rewards)
    assert eventually(lambda: len(scorer.dispatcher.processes()) == 2 and stopped not in scorer.dispatcher.processes())


# Equal to the gold, each in its own way: only symbolic work can tell.
EQUAL = tuple(Rollout(str(i), mulberry("x", answer=f"$(x-{i})(x+{i})+{i * i}-1$")) for i in range(2, 402))


def test_the_answer_comes_at_the_deadline_and_the_rest_goes_on(scorer):
    """More symbolic work than the time holds: null with its reason, and a neighbour that needs none is not held up."""
    assert eventually(lambda: len(scorer.dispatcher.processes()) == 2)
    hard = Group(Question("hard", answer="$x^2-1$"), EQUAL)
    easy = Group(Question("easy", answer="6"), (Rollout("easy", mulberry("x")),))
    submitted = scorer.submit([hard], HARDENED, evidence=True, deadline=time.monotonic() + 0.3)
    assert scorer.score([easy], HARDENED).groups[0].rollouts[0].reward.outcome == 1.0
    rewards = [r.reward for r in submitted.groups[0].result(30).rollouts]
    assert Reason.DEADLINE in rewards[-1].reasons
    assert all(r.outcome == 1.0 or r == scoring.nothing("", Reason.DEADLINE).reward for r in rewards)
    assert eventually(lambda: scorer.dispatcher.size == 0)
    assert scorer.score(groups()[:1], HARDENED).groups[0].rollouts[0].reward.total is not None


def test_what_nobody_waits_for_is_not_begun(scorer):
    submitted = scorer.submit([Group(Question("q", answer="6"), tuple(Rollout(str(i), SLOW) for i in range(50)))], HARDENED, evidence=True)
    scorer.drop(submitted)
    assert submitted.groups[0].result(5).rollouts[-1].reward.total is None
    assert scorer.dispatcher.size == 0


def test_closing_answers_what_waits_and_leaves_no_process():
    it = made(1)
    it.start()
    pids = it.dispatcher.processes()
    submitted = it.submit([Group(Question("q", answer="6"), (Rollout("r", SLOW),))], HARDENED, evidence=True)
    it.close()
    assert submitted.groups[0].result(5).rollouts[0].reward.reasons == (Reason.INTERNAL_ERROR,)
    assert not any(alive(pid) for pid in pids)
    assert it.submit(groups()[:1], HARDENED, evidence=True).groups[0].result(5).rollouts[0].reward.total is None
    it.close()


FRONT = """
    import time
    from keystep.engine import build
    from keystep.processes.scorer import Scorer
    from keystep.settings import Settings
    scorer = Scorer(build(Settings(cache_path=None, verifier_workers=1)), 2)
    scorer.start()
    print(*scorer.dispatcher.processes(), flush=True)
    time.sleep(600)
"""


def test_no_process_outlives_a_killed_front():
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(FRONT)], stdout=subprocess.PIPE, text=True) as front:
        assert front.stdout is not None
        pids = [int(pid) for pid in front.stdout.readline().split()]
        assert len(pids) == 2
        front.kill()
    assert eventually(lambda: not any(alive(pid) for pid in pids))


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
