"""An extractor that takes its time and writes down every extraction it begins; and a program that asks for many at once.

python counting.py REDIS_URL LOG QUESTIONS REQUESTS: prints what the requests got, as one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from keystep.cache.memory import MemoryCache
from keystep.cache.redis import RedisCache
from keystep.cache.tiers import TieredCache
from keystep.keysteps.source import KeyStepSource
from keystep.nouns import KeyStep


class Counting:
    name = "counting"
    address = "counting/1"
    sees = False

    def __init__(self, log: Path, *, seconds: float = 0.02, concurrency: int = 8) -> None:
        self._log = log
        self._seconds = seconds
        self.concurrency = concurrency

    def extract(self, question: str, reference: str, pictures: tuple[str, ...] = ()) -> tuple[KeyStep, ...]:
        with self._log.open("a") as log:  # one short write to a file opened for appending: atomic between processes
            log.write(f"{os.getpid()} {reference}\n")
        time.sleep(self._seconds)
        return (KeyStep(f"{reference} = 1"),)

    def close(self) -> None:
        """Holds nothing."""


def calls(log: Path) -> list[tuple[int, str]]:
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(pid), reference) for pid, reference in (line.split() for line in lines)]


def main() -> None:
    url, log, questions, requests = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    source = KeyStepSource(Counting(log), TieredCache(MemoryCache(10_000), RedisCache(url, ttl=3600, timeout=5)))
    asked = [("?", f"r{i}") for i in range(questions)]

    def ask(seed: int) -> dict[str, str]:
        mine = random.Random(seed).sample(asked, len(asked))
        got = source.get_many(mine, set())
        return {reference: e.key_steps[0].text for (_, reference), e in zip(mine, got, strict=True) if e.key_steps}

    with ThreadPoolExecutor(requests) as pool:
        answers = list(pool.map(ask, range(requests)))
    print(json.dumps(answers[0] if all(a == answers[0] for a in answers) else None))


if __name__ == "__main__":
    main()
