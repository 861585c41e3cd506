"""Redis slow, stopped, garbling, overwritten, full, killed, back empty: rewards are those of an undisturbed run, `degraded` says
that something is missing, /metrics counts it, and it passes by itself. One service through it all; prints how long each took."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

import pytest
import redis

from redis_server import Redis, free_port, running_redis
from responses import mulberry
from running import Service, running
from tcp_proxy import Proxy, proxy_to

_fresh = count()


def batch(n: int = 6) -> dict:
    """Groups whose references nobody has seen before: their key steps have to be looked up, and extracted."""
    return {"groups": [_group(next(_fresh)) for _ in range(n)]}


def _group(i: int) -> dict:
    reference = mulberry(f"There are {i} cubes and {i + 1} balls.", f"{i} + {i + 1} = {2 * i + 1}.", answer=str(2 * i + 1))
    texts = [reference, reference.replace("cubes", "spheres"), f"It is {2 * i + 1}.", f"{i} + {i + 1} = {2 * i}"]
    return {
        "id": f"g{i}",
        "question": f"How many objects are in picture {i}?",
        "reference": reference,
        "answer": str(2 * i + 1),
        "rollouts": [{"id": f"g{i}/{j}", "text": text} for j, text in enumerate(texts)],
    }


@dataclass
class House:
    """service: asks Redis through proxy, and keeps nothing in memory.  undisturbed: another one, without Redis."""

    service: Service
    undisturbed: Service
    redis: Redis
    proxy: Proxy
    admin: redis.Redis
    seen: list[dict] = field(default_factory=list)

    def score(self, body: dict) -> tuple[list[str], float]:
        """What is degraded, and the seconds it took. The rewards are held to the undisturbed ones."""
        began = time.monotonic()
        answer = self.service.post("/v1/score", body).raise_for_status().json()
        took = time.monotonic() - began
        assert answer["groups"] == self.undisturbed.post("/v1/score", body).json()["groups"]
        assert all(r["reward"] is not None for g in answer["groups"] for r in g["rollouts"])
        return answer["degraded"], took

    def degraded_so_far(self) -> float:
        lines = self.service.get("/metrics").text.splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith('keystep_degraded_total{what="cache"}'))

    def is_well(self) -> bool:
        return self.score(batch())[0] == []

    def recover(self) -> float:
        """Seconds until nothing is degraded, and an extraction is found again."""
        began = time.monotonic()
        while not self.is_well():
            assert time.monotonic() - began < 60, "it does not pass by itself"
            time.sleep(0.1)
        known = batch()
        self.score(known)
        questions = [{"id": g["id"], "question": g["question"], "reference": g["reference"]} for g in known["groups"]]
        answer = self.service.post("/v1/key-steps", {"questions": questions}).json()
        assert [q["cached"] for q in answer["questions"]] == [True] * len(questions)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def house(service, tmp_path_factory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    with running_redis(folder) as server, proxy_to(server.url) as proxy, redis.Redis.from_url(server.url) as admin:
        told = {"processes": 1, "verifier_workers": 1, "cache_entries": 1, "redis_url": proxy.url(server.url)}
        with running(folder, **told) as it:
            yield House(it, service, server, proxy, admin)


def stopped(house: House) -> None:
    house.redis.process.send_signal(signal.SIGSTOP)


def going_on(house: House) -> None:
    house.redis.process.send_signal(signal.SIGCONT)


def slow(house: House) -> None:
    house.proxy.delay = 1.0


def garbling(house: House) -> None:
    house.proxy.garbage = True


def honest(house: House) -> None:
    house.proxy.delay, house.proxy.garbage = 0.0, False


def full(house: House) -> None:
    house.admin.config_set("maxmemory-policy", "noeviction")
    house.admin.config_set("maxmemory", 1)


def roomy(house: House) -> None:
    house.admin.config_set("maxmemory", 0)


FAULTS: dict[str, tuple[Callable[[House], None], Callable[[House], None]]] = {
    "1 s a call": (slow, honest),
    "stopped (SIGSTOP)": (stopped, going_on),
    "garbage": (garbling, honest),
    "over its memory limit": (full, roomy),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_rewards_are_the_same_and_it_passes_by_itself(house, fault):
    begin, end = FAULTS[fault]
    assert house.is_well()
    known = batch()
    house.score(known)
    before = house.degraded_so_far()
    begin(house)
    try:
        told = [house.score(body) for body in (batch(), known, batch(), batch())]
    finally:
        end(house)
    degraded = [what for what, _ in told]
    assert degraded.count(["cache"]) >= 2, degraded
    assert house.degraded_so_far() >= before + 2
    print(f"\n{fault}: answers took {', '.join(f'{s:.2f}' for _, s in told)} s; well again {house.recover():.1f} s after it ended")


def test_keys_that_were_overwritten(house):
    known = batch()
    house.score(known)
    for i, key in enumerate(house.admin.keys("keystep:v1:*")):
        if i % 3 == 0:
            house.admin.set(key, '{"v": 2, "key_steps": [["7 + 7 = 14"]], "sum": "0"}')
        elif i % 3 == 1:
            house.admin.set(key, b"\xff\xfe garbage")
        else:
            house.admin.delete(key)
            house.admin.lpush(key, "x")
    assert house.score(known)[0] == ["cache"]
    print(f"\noverwritten: well again {house.recover():.1f} s after")
    house.score(known)  # one of them was still in memory, where there is room for one, and is found out only now
    assert house.score(known)[0] == []


def test_killed_and_back_empty(tmp_path, service):
    port = free_port()
    with running_redis(tmp_path, port=port) as server, running(tmp_path, processes=1, verifier_workers=1, redis_url=server.url) as it:
        house = House(it, service, server, Proxy(0, 0), redis.Redis())
        assert house.is_well()
        server.process.kill()
        server.process.wait()
        assert [house.score(batch())[0] for _ in range(3)] == [["cache"]] * 3
        with running_redis(tmp_path, port=port):
            print(f"\nkilled: well again {house.recover():.1f} s after it was back, empty")


def test_a_service_starts_without_it(tmp_path, service):
    with running(tmp_path, processes=1, verifier_workers=1, redis_url=f"redis://127.0.0.1:{free_port()}") as it:
        assert House(it, service, None, None, None).score(batch())[0] == ["cache"]
