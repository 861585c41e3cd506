"""Both clients against a real service."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from keystep_client import (
    AsyncClient,
    Candidate,
    CandidateGroup,
    Client,
    Group,
    Item,
    PairsResult,
    Question,
    RejectedError,
    Rollout,
    TooLargeError,
)
from keystep_client.models import Evidence
from responses import mulberry
from running import Service, running

TEXT = mulberry("There are 5 cubes and 1 ball, 5 + 1 = 6.")
GROUP = Group(
    id="q", question="How many objects?", answer="6", key_steps=[["5 + 1 = 6", "five plus one is six"], "5 cubes"],
    rollouts=[Rollout(id="a", text=TEXT), Rollout(id="b", text=TEXT.replace("is: 6", "is: 7")), Rollout(id="c", text="6")],
)  # fmt: skip


def test_every_call_in_both_clients(service: Service) -> None:
    items = [Item(id="i", text="So the answer is (B).", answer="45", choices=["40", "45"])]
    questions = [Question(id="k", reference=TEXT)]

    async def asynchronous() -> list[object]:
        async with AsyncClient(service.url) as client:
            return [
                await client.score([GROUP], detail="evidence"),
                await client.verify(items),
                await client.key_steps(questions),
                await client.recipes(),
            ]

    with Client(service.url) as client:
        client.key_steps(questions)  # from here on cached, so that both see the same
        both = [client.score([GROUP], detail="evidence"), client.verify(items), client.key_steps(questions), client.recipes()]
    scored, verified, extracted, recipes = both
    assert both == asyncio.run(asynchronous())
    assert [r.reward for r in scored.groups[0].rollouts] == pytest.approx([2.1, 1.1, 1.0])
    assert isinstance(scored.groups[0].rollouts[0].evidence, Evidence)
    assert scored.groups[0].pair is not None
    assert scored.groups[0].pair.chosen == "a"
    assert verified.items[0].outcome == 1
    assert extracted.questions[0].key_steps
    assert {r.name for r in recipes.recipes} >= {"hardened", "paper", "official"}
    assert scored.recipe.hash in {r.hash for r in recipes.recipes}


def test_typed_and_plain_groups_are_the_same(service: Service) -> None:
    with Client(service.url) as client:
        assert client.score([GROUP]) == client.score([json.loads(GROUP.model_dump_json())])


def test_the_typed_models_hold_all_that_the_service_answers(service: Service) -> None:
    with Client(service.url) as client:
        result = client.score([GROUP], detail="evidence", recipe={"base": "hardened", "alpha": 0.2})
    raw = service.post(
        "/v1/score", {"groups": [GROUP.model_dump(exclude_unset=True)], "detail": "evidence", "recipe": {"base": "hardened", "alpha": 0.2}}
    ).json()
    assert json.loads(result.model_dump_json(exclude_unset=True)) == raw
    assert result.recipe.name == "hardened(alpha=0.2)"
    for model in (result, result.groups[0], *result.groups[0].rollouts, result.groups[0].rollouts[0].evidence):
        assert not model.model_extra, "the service answers a field that models.py does not name"


def test_pairs_in_both_clients(service: Service) -> None:
    scored = {"a": {"reward": 2.0, "outcome": 1.0}, "b": {"reward": 2.0, "outcome": 0.0}, "c": {"reward": None, "outcome": None}}
    candidates = [Candidate(id=name, text=f"Response {name}.", scores=scores) for name, scores in scored.items()]
    group = CandidateGroup(id="q", question="How many?", rollouts=candidates)

    async def asynchronous() -> PairsResult:
        async with AsyncClient(service.url) as client:
            return await client.pairs([group], by=("reward", "outcome"), form="trl_messages")

    with Client(service.url) as client:
        result = client.pairs([json.loads(group.model_dump_json())], by=["reward", "outcome"], form="trl_messages")
        tied = client.pairs([group])
    assert result == asyncio.run(asynchronous())
    (pair,) = result.pairs
    assert (pair["chosen_id"], pair["rejected_id"], pair["decided_by"]) == ("a", "b", "outcome")
    assert pair["chosen"] == [{"role": "assistant", "content": "Response a."}]
    assert result.statistics.undecided == 1
    assert (tied.pairs, tied.dropped, tied.statistics.length.chosen_longer) == ([], {"q": "tie"}, None)
    for model in (result, result.statistics, result.statistics.length):
        assert not model.model_extra, "the service answers a field that models.py does not name"


def test_bad_input_names_its_field(service: Service) -> None:
    with Client(service.url) as client, pytest.raises(RejectedError, match="colour") as caught:
        client.score([{"id": "q", "rollouts": [{"id": "a", "text": "5"}], "colour": 1}])
    assert caught.value.errors[0][0] == "groups.0.colour"


def test_too_large_names_the_limit(service: Service) -> None:
    with Client(service.url) as client, pytest.raises(TooLargeError, match="KEYSTEP_MAX_TEXT_CHARS"):
        client.verify([Item(id="i", text="x" * 400_001, answer="5")])


def test_one_client_for_many_threads_and_many_tasks(service: Service) -> None:
    with Client(service.url) as client, ThreadPoolExecutor(16) as threads:
        results = list(
            threads.map(
                lambda i: client.score([{"id": str(i), "answer": str(i), "rollouts": [{"id": "r", "text": f"\\boxed{{{i}}}"}]}]), range(64)
            )
        )
    assert [(r.groups[0].id, r.groups[0].rollouts[0].outcome) for r in results] == [(str(i), 1.0) for i in range(64)]

    async def tasks() -> list[float | None]:
        async with AsyncClient(service.url, connections=8) as client:
            found = await asyncio.gather(*(client.verify([{"id": "i", "text": str(i), "answer": "7"}]) for i in range(64)))
        return [v.items[0].outcome for v in found]

    assert asyncio.run(tasks()) == [float(i == 7) for i in range(64)]


def test_a_service_that_is_killed_and_comes_back_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as first, Client(first.url) as client, ThreadPoolExecutor(1) as thread:
        assert client.score([GROUP]).groups[0].rollouts[0].reward == pytest.approx(2.1)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        later = thread.submit(client.score, [GROUP])
        second = subprocess.Popen([sys.executable, "-m", "keystep", "serve", "--port", first.url.rpartition(":")[2]])
        try:
            assert later.result().groups[0].rollouts[0].reward == pytest.approx(2.1)
        finally:
            second.terminate()
            second.wait()
