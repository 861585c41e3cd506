"""Over sixty bombs, and as many innocents, in one request to a running service, which answers /livez all the while."""

from __future__ import annotations

import threading
import time
from collections import Counter

import httpx2

from verify.bombs import BOMBS

REASONS = {"verifier_timeout", "verifier_crashed", "needs_judge"}


def test_the_innocents_are_right_and_the_service_lives(service):
    """Prints how long the batch took and how slowly /livez answered meanwhile; what is asserted is what was answered."""
    items = []
    for n, bomb in enumerate(BOMBS):
        items.append({"id": f"bomb-{n}", "text": f"The answer is \\boxed{{{bomb}}}", "answer": "\\frac{7}{3}"})
        text = f"so \\boxed{{\\sqrt{{2}} \\cdot \\sqrt{{{2 * n + 1}}}}}"
        items.append({"id": f"innocent-{n}", "text": text, "answer": f"\\sqrt{{{4 * n + 2}}}"})
    lived: list[tuple[int, float]] = []
    over = threading.Event()

    def watch() -> None:
        with httpx2.Client(timeout=60) as prober:  # one connection, so that what is measured is the service
            while not over.is_set():
                asked = time.perf_counter()
                lived.append((prober.get(service.url + "/livez").status_code, time.perf_counter() - asked))
                over.wait(0.02)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    answer = service.post("/v1/verify", {"recipe": "hardened", "items": items})
    took = time.perf_counter() - began
    over.set()
    watcher.join()
    print(f"\n{len(items)} items in {took:.2f} s; /livez {len(lived)} times, at worst {1000 * max(s for _, s in lived):.0f} ms")
    told = Counter(f"{a['outcome']} {' '.join(a['reasons'])}".strip() for a in answer.json()["items"][::2])
    print("bombs:", ", ".join(f"{count} x {what}" for what, count in told.most_common()))
    assert {status for status, _ in lived} == {200}
    answered = answer.raise_for_status().json()["items"]
    assert [a["id"] for a in answered] == [i["id"] for i in items]
    assert [a["outcome"] for a in answered[1::2]] == [1.0] * len(BOMBS)
    for said in answered[::2]:
        assert said["outcome"] == 0.0 or (said["outcome"] is None and REASONS & set(said["reasons"])), said
