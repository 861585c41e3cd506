"""Extracted once, kept, and never wrong because something underneath failed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from counting import Counting, calls
from keystep.cache.memory import MemoryCache
from keystep.cache.redis import RedisCache
from keystep.cache.sqlite import SqliteCache
from keystep.cache.tiers import TieredCache
from keystep.errors import ComponentError
from keystep.keysteps.source import KeyStepSource, RulesExtractor
from keystep.nouns import KeyStep, Reason
from redis_server import running_redis

TEXTS = [("How many?", f"There are {i} balls and {i} cubes. {i} + {i} = {2 * i}.") for i in range(3, 9)]
MANY = [("?", f"r{i}") for i in range(50)]


def rules(backing=None) -> KeyStepSource:
    return KeyStepSource(RulesExtractor(), TieredCache(MemoryCache(1000), backing))


def test_extraction_is_cached_by_content(tmp_path):
    source = rules(SqliteCache(tmp_path / "c.sqlite3"))
    degraded: set[str] = set()
    first = source.get_many(TEXTS, degraded)
    second = source.get_many([*reversed(TEXTS), ("Other question?", TEXTS[0][1])], degraded)
    assert [e.cached for e in first] == [False] * 6
    assert [e.cached for e in second] == [True] * 6 + [False]
    assert [e.key_steps for e in second[:6]] == [e.key_steps for e in reversed(first)]
    again = rules(SqliteCache(tmp_path / "c.sqlite3")).get_many(TEXTS, degraded)
    assert [e.cached for e in again] == [True] * 6  # also after a restart
    assert not degraded


class OtherModel(RulesExtractor):
    address = "rules/other"


def test_another_extractor_has_its_own_entries(tmp_path):
    cache = TieredCache(MemoryCache(1000))
    KeyStepSource(RulesExtractor(), cache).get_many(TEXTS, set())
    assert [e.cached for e in KeyStepSource(OtherModel(), cache).get_many(TEXTS, set())] == [False] * 6


@pytest.mark.parametrize(
    "garbage",
    [
        "",
        "not json",
        "[]",
        "7",
        '{"v": 1, "key_steps": []}',
        '{"v": 2, "key_steps": [["a"]]}',
        '{"v": 2}',
        '{"v": 2, "failed": "deadline", "sum": "0"}',
    ],
)
def test_garbage_in_the_cache_changes_nothing(tmp_path, garbage):
    honest = rules().get_many(TEXTS, set())
    backing = SqliteCache(tmp_path / "c.sqlite3")
    rules(backing).get_many(TEXTS, set())
    backing._db.all("UPDATE entries SET value = ?", (garbage,))
    degraded: set[str] = set()
    assert [e.key_steps for e in rules(backing).get_many(TEXTS, degraded)] == [e.key_steps for e in honest]
    assert degraded == {"cache"}
    assert [e.cached for e in rules(backing).get_many(TEXTS, set())] == [True] * 6  # and it has healed


def test_the_value_of_another_key_is_garbage(tmp_path):
    """As a connection hands out whose answers have slipped by one."""
    backing = SqliteCache(tmp_path / "c.sqlite3")
    rules(backing).get_many(TEXTS, set())
    (first, second) = backing._db.all("SELECT key, value FROM entries LIMIT 2")
    backing.put_many({first[0]: second[1], second[0]: first[1]})
    degraded: set[str] = set()
    assert [e.key_steps for e in rules(backing).get_many(TEXTS, degraded)] == [e.key_steps for e in rules().get_many(TEXTS, set())]
    assert degraded == {"cache"}


def test_a_cache_that_is_gone_changes_nothing(tmp_path):
    honest = rules().get_many(TEXTS, set())
    with running_redis(tmp_path) as server:
        backing = RedisCache(server.url, ttl=60, timeout=0.2, rest=0.3)
        port = int(server.url.rpartition(":")[2].partition("/")[0])
        rules(backing).get_many(TEXTS[:3], set())
    degraded: set[str] = set()
    assert [e.key_steps for e in rules(backing).get_many(TEXTS, degraded)] == [e.key_steps for e in honest]
    assert degraded == {"cache"}
    with running_redis(tmp_path, port=port):  # back again, empty: the circuit closes by itself
        time.sleep(0.4)
        degraded = set()
        rules(backing).get_many(TEXTS, degraded)
        assert not degraded
        assert [e.cached for e in rules(backing).get_many(TEXTS, degraded)] == [True] * 6


def test_a_stalled_redis_costs_its_time_out_once(tmp_path):
    with running_redis(tmp_path) as server:
        backing = RedisCache(server.url, ttl=60, timeout=0.2, rest=30)
        server.process.send_signal(signal.SIGSTOP)
        degraded: set[str] = set()
        first = rules(backing).get_many(TEXTS, degraded)
        server.process.send_signal(signal.SIGCONT)
    assert [e.key_steps for e in first] == [e.key_steps for e in rules().get_many(TEXTS, set())]
    assert degraded == {"cache"}


class Unavailable(RulesExtractor):
    def extract(self, question: str, reference: str, pictures: tuple[str, ...] = ()) -> tuple[KeyStep, ...]:
        raise ComponentError(Reason.EXTRACTOR_UNAVAILABLE)


class Broken(RulesExtractor):
    def extract(self, question: str, reference: str, pictures: tuple[str, ...] = ()) -> tuple[KeyStep, ...]:
        raise ZeroDivisionError


@pytest.mark.parametrize(("extractor", "reason"), [(Unavailable(), Reason.EXTRACTOR_UNAVAILABLE), (Broken(), Reason.INTERNAL_ERROR)])
def test_a_failure_is_named_and_kept_only_briefly(monkeypatch, extractor, reason):
    monkeypatch.setattr("keystep.keysteps.source._FAILED_SECONDS", 0.2)
    source = KeyStepSource(extractor, TieredCache(MemoryCache(1000)))
    got = [source.get_many(TEXTS, set()), source.get_many(TEXTS, set())]
    time.sleep(0.3)
    got.append(source.get_many(TEXTS, set()))
    assert [[e.cached for e in batch] for batch in got] == [[False] * 6, [True] * 6, [False] * 6]
    assert all((e.key_steps, e.reasons) == (None, (reason,)) for batch in got for e in batch)


def test_one_extraction_however_many_threads_ask(tmp_path):
    source = KeyStepSource(Counting(tmp_path / "log"), TieredCache(MemoryCache(1000)))
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: source.get_many(MANY, set()), range(32)))
    assert len(calls(tmp_path / "log")) == len(MANY)
    assert all([e.key_steps for e in a] == [e.key_steps for e in answers[0]] for a in answers)
    source.close()


def test_a_deadline_leaves_the_extraction_to_go_on(tmp_path):
    source = KeyStepSource(Counting(tmp_path / "log", seconds=0.5), TieredCache(MemoryCache(1000)))
    asked_for_little = source.get_many(MANY[:1], set(), deadline=time.monotonic() + 0.1)
    assert (asked_for_little[0].key_steps, asked_for_little[0].reasons) == (None, (Reason.DEADLINE,))
    assert source.get_many(MANY[:1], set())[0].key_steps == (KeyStep("r0 = 1"),)
    assert len(calls(tmp_path / "log")) == 1
    source.close()


def ask(url: str, log: Path, questions: int, requests: int) -> subprocess.Popen[str]:
    program = [sys.executable, str(Path(__file__).with_name("counting.py")), url, str(log), str(questions), str(requests)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def test_four_processes_of_64_requests_extract_each_question_once(tmp_path):
    with running_redis(tmp_path) as server:
        processes = [ask(server.url, tmp_path / "log", 200, 64) for _ in range(4)]
        answers = [json.loads(p.communicate(timeout=120)[0]) for p in processes]
    assert answers == [{f"r{i}": f"r{i} = 1" for i in range(200)}] * 4
    made = calls(tmp_path / "log")
    assert sorted(reference for _, reference in made) == sorted(f"r{i}" for i in range(200))


def test_a_process_killed_with_leases_costs_no_more_than_what_it_had_in_flight(tmp_path):
    with running_redis(tmp_path) as server:
        victim = ask(server.url, tmp_path / "log", 200, 64)
        while len(calls(tmp_path / "log")) < 20:
            time.sleep(0.005)
        survivors = [ask(server.url, tmp_path / "log", 200, 16) for _ in range(2)]
        while len(calls(tmp_path / "log")) < 40:
            time.sleep(0.005)
        victim.kill()
        victim.communicate()
        answers = [json.loads(p.communicate(timeout=120)[0]) for p in survivors]
        stored = RedisCache(server.url, ttl=1)._link.use(lambda r: r.keys("keystep:v1:*"))
    assert answers == [{f"r{i}": f"r{i} = 1" for i in range(200)}] * 2
    assert len(stored) == 200
    assert 200 <= len(calls(tmp_path / "log")) <= 200 + 8  # its extractor had 8 at once


def test_no_waiter_is_left_hanging_when_the_leader_breaks(tmp_path, monkeypatch):
    source = KeyStepSource(Counting(tmp_path / "log", seconds=0.2), TieredCache(MemoryCache(1000)))
    monkeypatch.setattr(source, "_write", lambda *_: (_ for _ in ()).throw(MemoryError()))
    answers: list = []
    threads = [threading.Thread(target=lambda: answers.append(source.get_many(MANY[:2], set()))) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(30)
    assert len(answers) == 3
    assert all(e.reasons == (Reason.INTERNAL_ERROR,) for a in answers for e in a)
    source.close()
