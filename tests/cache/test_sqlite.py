"""What is SQLite's own: a file that lasts, that processes share, and that may be none."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from keystep.cache.sqlite import SqliteCache
from keystep.errors import CacheError

WRITER = """
import sys
from pathlib import Path
from keystep.cache.sqlite import SqliteCache
cache = SqliteCache(Path(sys.argv[1]))
for i in range(200):
    cache.put_many({sys.argv[2] + str(i): "x"})
"""


def test_it_lasts(tmp_path):
    path = tmp_path / "deep" / "c.sqlite3"
    cache = SqliteCache(path)
    cache.put_many({"k": "v"})
    cache.close()
    assert SqliteCache(path).get_many(["k"]) == {"k": "v"}


def test_a_file_of_another_layout_is_emptied(tmp_path):
    path = tmp_path / "c.sqlite3"
    old = sqlite3.connect(path)
    old.execute("CREATE TABLE entries (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
    old.commit()
    old.close()
    cache = SqliteCache(path)
    cache.put_many({"k": "v"})
    assert SqliteCache(path).get_many(["k"]) == {"k": "v"}


def test_threads_and_processes_share_it(tmp_path):
    path = tmp_path / "c.sqlite3"
    others = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b")]
    cache = SqliteCache(path)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: cache.put_many({f"t{i}": "x"}), range(200)))
    assert [p.wait() for p in others] == [0, 0]
    assert len(cache.get_many([f"{who}{i}" for who in "abt" for i in range(200)])) == 600


def test_a_file_that_is_none_says_the_mend(tmp_path):
    (tmp_path / "c.sqlite3").write_bytes(b"this is no database" * 100)
    with pytest.raises(CacheError, match="KEYSTEP_CACHE_PATH"):
        SqliteCache(tmp_path / "c.sqlite3")


def test_a_closed_one_says_so(tmp_path):
    cache = SqliteCache(tmp_path / "c.sqlite3")
    cache.close()
    for call in (lambda: cache.get_many(["k"]), lambda: cache.put_many({"k": "v"}), lambda: cache.claim(["k"], "me", seconds=1)):
        with pytest.raises(CacheError):
            call()
