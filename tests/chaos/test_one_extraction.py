"""Three replicas, 64 requests at once at each, a dozen questions: each question is extracted once."""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from keysteps.openai_server import MODEL, openai_server
from keysteps.test_llm import REFERENCE
from redis_server import running_redis
from running import running

QUESTIONS = [f"How many of kind {i}?" for i in range(12)]
RECIPE = {"base": "hardened", "extractor": f"llm/{MODEL}"}


def test_replicas_times_requests_make_one_extraction_a_question(tmp_path):
    with openai_server() as llm, running_redis(tmp_path) as redis, contextlib.ExitStack() as stack:
        llm.think = 0.05
        told = {"redis_url": redis.url, "llm_url": llm.url, "llm_model": MODEL, "processes": 1, "verifier_workers": 1}
        replicas = [stack.enter_context(running(tmp_path, **told)) for _ in range(3)]

        def ask(seed: int) -> dict[str, float]:
            asked = random.Random(seed).sample(QUESTIONS, len(QUESTIONS))
            groups = [
                {"id": q, "question": q, "reference": REFERENCE, "answer": "4", "rollouts": [{"id": q, "text": REFERENCE}]} for q in asked
            ]
            answer = replicas[seed % 3].post("/v1/score", {"recipe": RECIPE, "groups": groups}).raise_for_status().json()
            return {g["id"]: g["rollouts"][0]["reward"] for g in answer["groups"]}

        with ThreadPoolExecutor(192) as threads:
            answers = list(threads.map(ask, range(192)))
        stages = Counter(llm.stages())
    assert stages["extract"] == stages["refine"] == stages["augment"] == len(QUESTIONS)
    assert len(answers) == 192
    assert all(a == answers[0] for a in answers)
    assert None not in answers[0].values()
