"""make compose-test: the images built, the fleet up on real networks, scored against, trained against, a replica killed, taken down.

PYTHONPATH=tests python tests/deploy docker compose    (or podman-compose, with its options)
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx2
import orjson

from deploy.board import alerts, board_queries
from deploy.compose import Fleet, fleet, wait_for

EXAMPLES = Path(__file__).parents[2] / "clients/examples/groups.jsonl"
GIGABYTE = 10**9
GATEWAY = "http://gateway:8000"  # by the name it has on the fleet's own network


def main() -> None:
    command = sys.argv[1:]
    if not command:
        sys.exit("no compose command: install docker compose or podman-compose, or say make compose-test COMPOSE='...'")
    started = time.monotonic()
    with fleet(tuple(command)) as it, tempfile.TemporaryDirectory() as folder:
        it_comes_up(it)
        the_image_is_as_it_should_be(it)
        replicas_share_redis(it)
        the_batch_script_gets_the_same_rewards(it, Path(folder))
        both_trainers_train(it)
        a_killed_replica_costs_nothing(it, Path(folder))
        prometheus_answers_the_board(it)
    say(f"all of it in {time.monotonic() - started:.0f} s; taken down")


def it_comes_up(it: Fleet) -> None:
    wait_for("the gateway answers /readyz", lambda: httpx2.get(f"{it.url}/readyz").status_code == 200)
    wait_for("Prometheus reaches two replicas", lambda: len(it.healthy()) == 2)
    say(f"two replicas behind the gateway, both Prometheus targets up: {', '.join(sorted(it.healthy()))}")


def the_image_is_as_it_should_be(it: Fleet) -> None:
    replica = it.containers("keystep")[0]
    size = int(it.container("image", "inspect", "--format", "{{.Size}}", "keystep"))
    assert size < 2 * GIGABYTE, f"the image has {size / GIGABYTE:.2f} GB"
    check = "import os, pathlib\ntry: pathlib.Path('/opt/x').touch()\nexcept OSError as e: print(os.getuid(), e.strerror)"
    told = it.container("exec", replica, "python", "-c", check).strip()
    assert told == "10001 Read-only file system", told
    command = it.container("image", "inspect", "--format", "{{json .Config.Healthcheck.Test}}", "keystep")
    it.container("exec", replica, *orjson.loads(command)[1:])
    say(f"the image: {size / GIGABYTE:.2f} GB, user 10001, read-only root, its health check passes")


def replicas_share_redis(it: Fleet) -> None:
    """A job handed in at the gateway is the same job at each replica."""
    groups = [orjson.loads(line) for line in EXAMPLES.read_bytes().splitlines()[:5]]
    job = httpx2.post(f"{it.url}/v1/jobs", json={"groups": groups}, timeout=60).raise_for_status().json()
    ask = f"import json, urllib.request as u; print(json.load(u.urlopen('http://127.0.0.1:8000/v1/jobs/{job['id']}?wait=30'))['status'])"
    for replica in it.containers("keystep"):
        assert it.container("exec", replica, "python", "-c", ask).strip() == "done"
    (redis,) = it.containers("redis")
    policy = it.container("exec", redis, "redis-cli", "config", "get", "maxmemory-policy").split()[-1]
    assert policy == "volatile-lru", policy
    say(f"a job is known to both replicas; Redis gives way by {policy}")


def the_batch_script_gets_the_same_rewards(it: Fleet, folder: Path) -> None:
    here, there = folder / "here.jsonl", folder / "there.jsonl"
    score(EXAMPLES, here).wait()
    score(EXAMPLES, there, "--url", it.url).wait()
    assert here.read_bytes() == there.read_bytes()
    say(f"keystep score: {len(here.read_bytes().splitlines())} groups, byte for byte those of this process")


def both_trainers_train(it: Fleet) -> None:
    """keystep's own worker and TRL's GRPOTrainer, in the training image, their rewards from the gateway."""
    steps = 3
    asked = {
        "output": "runs/smoke",
        "steps": steps,
        "questions": 2,
        "model": {"tiny": {"hidden": 32, "layers": 1, "heads": 2}},
        "trackers": [],
    }
    asked |= {"data": {"task": "arithmetic", "difficulty": 2}, "sampling": {"rollouts": 4, "max_new_tokens": 34}}
    # JSON is YAML.
    config = json.dumps(asked | {"service": {"url": GATEWAY}})
    told = in_worker(it, f"echo '{config}' > smoke.yaml && keystep-train stepgrpo --config smoke.yaml >&2 && cat runs/smoke/metrics.jsonl")
    logged = [orjson.loads(line) for line in told if line.startswith('{"step"')]
    assert [step["step"] for step in logged] == list(range(1, steps + 1)), told
    assert all(step["rewards/undecided_share"] == 0 for step in logged), told
    say(f"training: {steps} steps of keystep-train, every reward decided")

    told = in_worker(it, f"python examples/trl_grpo.py --url {GATEWAY} --steps {steps}")
    logged = [line for line in told if line.startswith("{'rewards/keystep/mean'")]
    assert len(logged) == steps, told
    say(f"training: {steps} steps of TRL's GRPO, the last {logged[-1]}")


def in_worker(it: Fleet, command: str) -> list[str]:
    """The lines it writes to standard output."""
    return it.compose("--profile", "train", "run", "--rm", "--no-deps", "worker", "sh", "-c", command, capture=True).splitlines()


def a_killed_replica_costs_nothing(it: Fleet, folder: Path) -> None:
    """Killed while it is being asked: every reward is what it is without that."""
    many, out, whole = folder / "many.jsonl", folder / "out.jsonl", folder / "whole.jsonl"
    groups = [orjson.loads(line) for line in EXAMPLES.read_bytes().splitlines()]
    many.write_bytes(b"".join(orjson.dumps(g | {"id": f"{g['id']}-{n}"}) + b"\n" for n in range(8) for g in groups))
    process = score(many, out, "--url", it.url, "--batch", "4")
    wait_for("a quarter is scored", lambda: out.exists() and out.read_bytes().count(b"\n") > len(groups) * 2)
    victim = it.containers("keystep")[0]
    it.container("kill", victim)
    done = out.read_bytes().count(b"\n")
    wait_for("Prometheus misses the replica", lambda: len(it.healthy()) == 1, 60)
    assert process.wait(300) == 0
    score(many, whole).wait()
    assert out.read_bytes() == whole.read_bytes()
    it.container("start", victim)
    wait_for("the replica is back", lambda: len(it.healthy()) == 2)
    say(f"{victim} killed after {done} of {len(groups) * 8} groups: all scored, byte for byte as without; it is back")


def prometheus_answers_the_board(it: Fleet) -> None:
    queries = board_queries()
    known = [query for query in queries if it.query(query)]
    # Of what has not happened there is no figure: no degradation, no language model.
    silent = [query for query in queries if query not in known]
    assert len(known) >= 15, silent
    watched = it.alerts()
    assert watched == dict.fromkeys(alerts(), "ok"), watched
    say(f"Prometheus answers the board's {len(queries)} queries, {len(known)} of them with figures, and watches {len(watched)} alerts")


def score(source: Path, out: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "keystep", "score", str(source), "-o", str(out), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def say(what: str) -> None:
    print(f"compose-test: {what}", flush=True)


if __name__ == "__main__":
    main()
