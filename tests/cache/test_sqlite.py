"""The SQLite cache, real files, threads and processes; and that its failures cost time, not rewards."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from keystep.cache.sqlite import SqliteCache
from keystep.errors import CacheError, ComponentError
from keystep.keysteps.source import KeyStepSource, RulesExtractor
from keystep.nouns import KeyStep, Reason

TEXTS = [("How many?", f"There are {i} balls and {i} cubes. {i} + {i} = {2 * i}.") for i in range(3, 9)]


def test_what_is_put_is_got_also_after_a_restart(tmp_path):
    cache = SqliteCache(tmp_path / "deep" / "c.sqlite3")
    cache.put_many({f"k{i}": f"v{i}" for i in range(1500)})
    assert cache.get_many(["k1", "absent", "k1499"]) == {"k1": "v1", "k1499": "v1499"}
    assert len(cache.get_many([f"k{i}" for i in range(1500)])) == 1500
    cache.put_many({"k1": "new"})
    cache.close()
    assert SqliteCache(tmp_path / "deep" / "c.sqlite3").get_many(["k1"]) == {"k1": "new"}


def test_threads_and_processes_share_it(tmp_path):
    path = tmp_path / "c.sqlite3"
    program = "import sys; from pathlib import Path; from keystep.cache.sqlite import SqliteCache; c = SqliteCache(Path(sys.argv[1]))\nfor i in range(200): c.put_many({sys.argv[2] + str(i): 'x'})"
    others = [subprocess.Popen([sys.executable, "-c", program, str(path), name]) for name in ("a", "b")]
    cache = SqliteCache(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: cache.put_many({f"t{i}": "x"}), range(200)))
    assert [p.wait() for p in others] == [0, 0]
    assert len(cache.get_many([f"{who}{i}" for who in "abt" for i in range(200)])) == 600


def test_a_file_that_is_none_says_the_mend(tmp_path):
    (tmp_path / "c.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(CacheError, match="KEYSTEP_CACHE_PATH"):
        SqliteCache(tmp_path / "c.sqlite3")


def test_extraction_is_cached_by_content(tmp_path):
    source = KeyStepSource(RulesExtractor(), SqliteCache(tmp_path / "c.sqlite3"))
    degraded: set[str] = set()
    first = source.get_many(TEXTS, degraded)
    second = source.get_many([*reversed(TEXTS), ("Other question?", TEXTS[0][1])], degraded)
    assert [e.cached for e in first] == [False] * 6
    assert [e.cached for e in second] == [True] * 6 + [False]
    assert [e.key_steps for e in second[:6]] == [e.key_steps for e in reversed(first)]
    assert not degraded


@pytest.mark.parametrize("garbage", ["", "not json", "[]", '{"v": 2, "key_steps": []}', '{"v": 1, "key_steps": [[]]}', '{"v": 1}'])
def test_garbage_in_the_cache_changes_nothing(tmp_path, garbage):
    cache = SqliteCache(tmp_path / "c.sqlite3")
    honest = KeyStepSource(RulesExtractor()).get_many(TEXTS, set())
    source = KeyStepSource(RulesExtractor(), cache)
    source.get_many(TEXTS, set())
    cache._db.execute("UPDATE entries SET value = ?", (garbage,))
    degraded: set[str] = set()
    assert [e.key_steps for e in source.get_many(TEXTS, degraded)] == [e.key_steps for e in honest]
    assert degraded == {"cache"}
    assert [e.cached for e in source.get_many(TEXTS, set())] == [True] * 6  # and it has healed


def test_a_cache_that_is_gone_changes_nothing(tmp_path):
    cache = SqliteCache(tmp_path / "c.sqlite3")
    source = KeyStepSource(RulesExtractor(), cache)
    honest = source.get_many(TEXTS, set())
    cache.close()
    degraded: set[str] = set()
    assert [e.key_steps for e in source.get_many(TEXTS, degraded)] == [e.key_steps for e in honest]
    assert degraded == {"cache"}


class Unavailable(RulesExtractor):
    def extract(self, question: str, reference: str) -> tuple[KeyStep, ...]:
        raise ComponentError(Reason.EXTRACTOR_UNAVAILABLE)


def test_a_failed_extraction_is_named_and_never_kept(tmp_path):
    cache = SqliteCache(tmp_path / "c.sqlite3")
    failed = KeyStepSource(Unavailable(), cache).get_many(TEXTS, set())
    assert all((e.key_steps, e.reasons) == (None, (Reason.EXTRACTOR_UNAVAILABLE,)) for e in failed)
    assert [e.cached for e in KeyStepSource(RulesExtractor(), cache).get_many(TEXTS, set())] == [False] * 6
