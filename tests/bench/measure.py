"""One measurement in a process of its own: ``measure.py SUBJECT SEED SIZE`` prints one JSON line.

{"items": n, "cpu": seconds of the measured process and all its children, "wall": seconds, "right": share judged right}

What is measured has been started and warmed on other content before; its input is built before the clock starts.
"""

import ast
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from keystep.garbage import collect_seldom
from rollouts import groups

GROUPS_PER_REQUEST = 16
REQUESTS_AT_ONCE = 4
WARM_QUESTIONS = 28
SHARED = Path(os.environ.get("KEYSTEP_SHARED", "../shared"))

Result = dict[str, float]


def tree_cpu(pid: int) -> float:
    """CPU seconds, user and system, of a process, its living descendants and those it has reaped."""
    process = psutil.Process(pid)
    return sum(sum(p.cpu_times()[:4]) for p in [process, *process.children(recursive=True)])


@contextmanager
def clock(result: Result, pid: int) -> Iterator[None]:
    collect_seldom()  # whoever is measured: what was loaded before costs nothing while the clock runs, and garbage next to nothing
    cpu, wall = tree_cpu(pid), time.perf_counter()
    yield
    result["wall"] = time.perf_counter() - wall
    result["cpu"] = tree_cpu(pid) - cpu


def requests(seed: int, questions: int, recipe: str) -> list[bytes]:
    made = groups(seed, questions)
    return [
        json.dumps({"recipe": recipe, "groups": made[i : i + GROUPS_PER_REQUEST]}).encode() for i in range(0, questions, GROUPS_PER_REQUEST)
    ]


def in_process(recipe: str) -> Callable[[int, int], Result]:
    def measure(seed: int, rollouts: int) -> Result:
        from keystep.engine import build
        from keystep.recipe import RECIPES
        from keystep.settings import Settings
        from keystep.wire.parsing import parse
        from keystep.wire.requests import ScoreRequest, group_from

        def batches(seed: int, questions: int) -> list[Any]:
            return [[group_from(g) for g in parse(ScoreRequest, body).groups] for body in requests(seed, questions, recipe)]

        engine = build(Settings(cache_path=None, **(_embedder() if recipe == "semantic" else {})))
        engine.start()
        try:
            for batch in batches(seed + 1_000_000, WARM_QUESTIONS):
                engine.score(batch, RECIPES[recipe])
            fresh = batches(seed, rollouts // 4)
            result: Result = {}
            with clock(result, os.getpid()):
                scored = [engine.score(batch, RECIPES[recipe]) for batch in fresh]
        finally:
            engine.close()
        return result | _judged([r.reward.outcome for s in scored for g in s.groups for r in g.rollouts])

    return measure


def _embedder() -> dict[str, Any]:
    """The settings of the weights that the tests use."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from keystep.recipe import SEMANTIC
    from models.minilm import folder

    return {"embedder": SEMANTIC.embedder, "embedder_path": folder()}


def on_all_cores(seed: int, rollouts: int) -> Result:
    """Batches of 512 on the scoring processes, several under way at once, without HTTP; as many rollouts as are asked for, fourfold."""
    from keystep.engine import build
    from keystep.processes.scorer import Scorer
    from keystep.recipe import HARDENED
    from keystep.settings import Settings
    from keystep.wire.parsing import parse
    from keystep.wire.requests import ScoreRequest, group_from

    settings = Settings(cache_path=None)
    scorer = Scorer(build(settings), settings.processes)
    scorer.start()
    try:
        scorer.score(
            [group_from(g) for body in requests(seed + 1_000_000, WARM_QUESTIONS, "hardened") for g in parse(ScoreRequest, body).groups],
            HARDENED,
        )
        made = [group_from(g) for body in requests(seed, rollouts, "hardened") for g in parse(ScoreRequest, body).groups]
        batches = [made[i : i + 128] for i in range(0, len(made), 128)]
        result: Result = {}
        with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool, clock(result, os.getpid()):
            scored = list(pool.map(lambda batch: scorer.score(batch, HARDENED, evidence=False), batches))
    finally:
        scorer.close()
    return result | _judged([r.reward.outcome for s in scored for g in s.groups for r in g.rollouts])


def over_http(recipe: str) -> Callable[[int, int], Result]:
    def measure(seed: int, rollouts: int) -> Result:
        import httpx2

        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        environment = os.environ | {"KEYSTEP_PORT": str(port), "KEYSTEP_CACHE_PATH": "", "KEYSTEP_LOG_LEVEL": "warning"}
        server = subprocess.Popen([sys.executable, "-m", "keystep", "serve"], env=environment)
        client = httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=300)

        def post(body: bytes) -> list[float | None]:
            answer = client.post("/v1/score", content=body, headers={"content-type": "application/json"}).raise_for_status().json()
            return [r["outcome"] for g in answer["groups"] for r in g["rollouts"]]

        try:
            _wait_until_ready(client, server)
            with ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
                list(pool.map(post, requests(seed + 1_000_000, WARM_QUESTIONS, recipe)))
                fresh = requests(seed, rollouts // 4, recipe)
                result: Result = {}
                with clock(result, server.pid):
                    outcomes = [o for answer in pool.map(post, fresh) for o in answer]
        finally:
            client.close()
            server.terminate()
            server.wait(60)
        return result | _judged(outcomes)

    return measure


def _wait_until_ready(client: Any, server: subprocess.Popen[bytes]) -> None:
    import httpx2

    for _ in range(600):
        if server.poll() is not None:
            raise SystemExit(f"keystep serve ended with {server.returncode}")
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx2.TransportError:  # not listening yet
            pass
        time.sleep(0.1)
    raise SystemExit("keystep serve was not ready within 60 s")


def trl(seed: int, rollouts: int) -> Result:
    from trl.rewards import accuracy_reward

    def arguments(seed: int, questions: int) -> tuple[list[list[dict[str, str]]], list[str]]:
        made = [(r["text"], g["answer"]) for g in groups(seed, questions) for r in g["rollouts"]]
        # Golds as LaTeX: bare ones it cannot parse, and then gives None without reading the rollout.
        return [[{"role": "assistant", "content": text}] for text, _ in made], [f"${gold}$" for _, gold in made]

    accuracy_reward(*arguments(seed + 1_000_000, WARM_QUESTIONS))
    completions, golds = arguments(seed, rollouts // 4)
    result: Result = {}
    with clock(result, os.getpid()):
        rewards = accuracy_reward(completions, golds)
    return result | _judged(rewards)


def _judged(outcomes: Sequence[float | None]) -> Result:
    return {
        "items": len(outcomes),
        "right": sum(o == 1 for o in outcomes) / len(outcomes),
        "null": sum(o is None for o in outcomes) / len(outcomes),
    }


def responses(data: str, size: int) -> list[dict[str, Any]]:
    """Real responses, evenly spread: question, text, answer, choices, profile."""
    rows = [json.loads(line) for line in (SHARED / "data" / data).read_text("utf-8").splitlines()]
    if data.startswith("qwen-math"):
        found = [(q["question"], text, q["gt"], None, "math") for q in rows for text in q["code"]]
    else:
        found = [(q["question"], q["response"], q["answer"], tuple(ast.literal_eval(q["options"])), "mmmu_pro") for q in rows]
    names = ("question", "text", "answer", "choices", "profile")
    return [dict(zip(names, x, strict=True)) for x in found[:: max(1, len(found) // size)]]


def verify_keystep(data: str) -> Callable[[int, int], Result]:
    def measure(_seed: int, size: int) -> Result:
        from keystep.nouns import Question
        from keystep.recipe import HARDENED
        from keystep.settings import Settings
        from keystep.verify.verifier import Verifier, VerifyItem

        settings = Settings(cache_path=None)
        items = [
            VerifyItem(Question(str(i), x["question"], answer=x["answer"], choices=x["choices"], profile=x["profile"]), x["text"])
            for i, x in enumerate(responses(data, size))
        ]
        verifier = Verifier(workers=settings.verifier_workers, cpu_seconds=settings.verifier_cpu_seconds)
        verifier.start()
        try:
            result: Result = {}
            with clock(result, os.getpid()):
                outcomes = verifier.verify(items, HARDENED)
        finally:
            verifier.close()
        return result | _judged([o.value for o in outcomes])

    return measure


def verify_math_verify(data: str) -> Callable[[int, int], Result]:
    def measure(_seed: int, size: int) -> Result:
        from math_verify import parse, verify

        items = responses(data, size)
        verify(parse(r"$\frac{1}{2}$"), parse(r"\boxed{\sqrt{\frac14}}"))
        result: Result = {}
        with clock(result, os.getpid()):
            verdicts = [float(verify(parse(f"${x['answer']}$"), parse(x["text"]))) for x in items]
        return result | _judged(verdicts)

    return measure


def matching(_seed: int, size: int) -> Result:
    """Key steps by rule from the reference, prepared once a question; every response is then parsed and matched anew."""
    from keystep.core.matching import match, prepare
    from keystep.keysteps.rules import extract
    from keystep.recipe import HARDENED

    rows = [json.loads(line) for line in (SHARED / "data" / QWEN).read_text("utf-8").splitlines()]
    work = [(extract(q["question"], q["gt_cot"]), q["question"], [t for t in q["code"] if len(t) <= MATCHED_CHARACTERS]) for q in rows]
    fresh = work[-size // 8 :]
    result: Result = {}
    with clock(result, os.getpid()):
        for key_steps, question, texts in fresh:
            prepared = prepare(key_steps, question)
            for text in texts:
                match(prepared, text, [(0, len(text))], HARDENED)
    return result | {"items": sum(len(texts) for *_, texts in fresh)}


# So that the mean is near 960 characters.
MATCHED_CHARACTERS = 1400
QWEN, MMMU = "qwen-math/math_cot_100.jsonl", "mmmu-pro/gpt-4o_standard_cot.jsonl"
SUBJECTS: dict[str, Callable[[int, int], Result]] = {
    "hardened in process": in_process("hardened"),
    "semantic in process": in_process("semantic"),
    "hardened over HTTP": over_http("hardened"),
    "official in process": in_process("official"),
    "official over HTTP": over_http("official"),
    "hardened on all cores": on_all_cores,
    "trl accuracy_reward": trl,
    "keystep, Qwen MATH": verify_keystep(QWEN),
    "math-verify, Qwen MATH": verify_math_verify(QWEN),
    "keystep, MMMU-Pro": verify_keystep(MMMU),
    "math-verify, MMMU-Pro": verify_math_verify(MMMU),
    "matching": matching,
}

if __name__ == "__main__":
    subject, seed, size = sys.argv[1:]
    print(json.dumps(SUBJECTS[subject](int(seed), int(size))))
