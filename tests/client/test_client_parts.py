"""One call in several requests: divided on 413, bounded in flight, in the background, within a deadline, over replicas."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from client.scripted import GROUP, SCORED, Answer, scripted
from client.test_client_faults import problem
from keystep_client import AsyncClient, BusyError, Client, ProtocolError, ScoreResult, TooLargeError, UndecidedError, UnreachableError
from keystep_client.gate import Gate
from running import Service, running


def groups(n: int, rollouts: int = 1) -> list[dict[str, Any]]:
    """Group i's answer is i, and so is every even rollout's."""
    return [
        {"id": str(i), "answer": str(i), "rollouts": [{"id": str(j), "text": f"\\boxed{{{i + j % 2}}}"} for j in range(rollouts)]}
        for i in range(n)
    ]


def sync_score(url: str | list[str], asked: Any, *, options: dict[str, Any] | None = None, **more: Any) -> ScoreResult:
    with Client(url, **options or {}) as client:
        return client.score(asked, **more)


def async_score(url: str | list[str], asked: Any, *, options: dict[str, Any] | None = None, **more: Any) -> ScoreResult:
    async def score() -> ScoreResult:
        async with AsyncClient(url, **options or {}) as client:
            return await client.score(asked, **more)

    return asyncio.run(score())


Score = Callable[..., ScoreResult]


@pytest.fixture(params=[sync_score, async_score], ids=["sync", "async"])
def score(request: pytest.FixtureRequest) -> Score:
    return request.param


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A service that takes 10 rollouts a request."""
    with running(tmp_path_factory.mktemp("small"), max_rollouts=10, max_text_chars=1000) as it:
        yield it


def test_a_413_divides_the_call_and_the_result_is_one(score: Score, small: Service) -> None:
    result = score(small.url, groups(37, 3))
    assert [g.id for g in result.groups] == [str(i) for i in range(37)]
    assert all([r.outcome for r in g.rollouts] == [1, 0, 1] for g in result.groups)
    assert result.recipe.name == "hardened"


def test_one_group_too_large_is_said_and_not_tried_in_halves(score: Score, small: Service) -> None:
    with pytest.raises(TooLargeError, match="KEYSTEP_MAX_ROLLOUTS"):
        score(small.url, groups(1, 11))


def test_one_text_too_long_is_said_at_once() -> None:
    faults = [{"field": "groups.1.rollouts.0.text", "message": "too long"}]
    with scripted(Answer(413, problem(413, errors=faults))) as server, pytest.raises(TooLargeError):
        sync_score(server.url, groups(8))
    assert len(server.seen) == 1


def test_more_than_may_be_in_flight_goes_out_in_parts(score: Score, service: Service) -> None:
    whole = score(service.url, groups(20, 3))
    assert score(service.url, groups(20, 3), options={"inflight": 7}) == whole


def test_parts_of_two_recipes_are_no_result() -> None:
    other = SCORED | {"recipe": {"name": "hardened", "hash": "sha256:2"}, "groups": [SCORED["groups"][0] | {"id": "r"}]}
    with scripted(Answer(body=SCORED), Answer(body=other)) as server, pytest.raises(ProtocolError, match="two recipes"):
        sync_score(server.url, [GROUP, GROUP | {"id": "r"}], options={"inflight": 1})


def test_rollouts_in_flight_are_bounded_over_threads_and_tasks() -> None:
    with scripted(Answer(body=SCORED, delay=0.05)) as server:
        with Client(server.url, inflight=2) as client:
            futures = [client.submit([GROUP]) for _ in range(12)]
            assert [len(f.result().groups) for f in futures] == [1] * 12

        async def tasks() -> None:
            async with AsyncClient(server.url, inflight=2) as client:
                await asyncio.gather(*(client.submit([GROUP]) for _ in range(12)))

        asyncio.run(tasks())
        assert server.most_at_once == 2


def test_the_gate_is_fair_and_forgets_those_who_gave_up() -> None:
    gate = Gate(2)
    order: list[str] = []

    async def through(name: str, rollouts: int) -> None:
        async with gate.place_async(rollouts):
            order.append(name)
            await asyncio.sleep(0.01)

    async def play() -> None:
        async with gate.place_async(1):
            large = asyncio.create_task(through("large", 5))
            gone = asyncio.create_task(through("gone", 1))
            await asyncio.sleep(0)
            small_one = asyncio.create_task(through("small", 1))
            await asyncio.sleep(0.01)
            gone.cancel()
        await asyncio.gather(large, small_one)

    asyncio.run(asyncio.wait_for(play(), 5))
    assert order == ["large", "small"]
    with gate.place(2):
        pass


def test_scoring_overlaps_what_else_is_done(service: Service) -> None:
    with Client(service.url) as client:
        futures = [client.submit([group]) for group in groups(8)]
        assert [f.result().groups[0].rollouts[0].outcome for f in futures] == [1.0] * 8


def test_closing_cancels_what_has_not_begun() -> None:
    with scripted(Answer(body=SCORED, delay=0.2)) as server:
        with Client(server.url, connections=1) as client:
            futures = [client.submit([GROUP]) for _ in range(3)]
            while not server.seen:
                time.sleep(0.01)
        assert futures[0].result().groups
        assert futures[2].cancelled()

        async def leave() -> asyncio.Task[ScoreResult]:
            async with AsyncClient(server.url) as client:
                task = client.submit([GROUP])
                await asyncio.sleep(0.05)
            return task

        assert asyncio.run(leave()).cancelled()


def test_a_deadline_shrinks_with_each_try(score: Score) -> None:
    with scripted(Answer(503, problem(503), {"retry-after": "1"}), Answer(body=SCORED)) as server:
        score(server.url, [GROUP], deadline_ms=60_000)
        first, second = (json.loads(body)["deadline_ms"] for _, body in server.seen)
    assert 50_000 < second <= first - 1000 < 60_000


def test_past_its_deadline_a_call_is_not_tried_again(score: Score) -> None:
    with scripted(Answer(429, problem(429), {"retry-after": "2"})) as server, pytest.raises(BusyError):
        score(server.url, [GROUP], deadline_ms=500)
    assert len(server.seen) <= 2


def test_what_waits_too_long_at_home_comes_back_undecided_not_lost(service: Service) -> None:
    with Client(service.url, inflight=1) as client:
        result = client.score([g | {"answer": f"$x^2-{i}$"} for i, g in enumerate(groups(40))], deadline_ms=1)
    assert [g.id for g in result.groups] == [str(i) for i in range(40)]
    assert result.groups[-1].rollouts[0].reasons == ["deadline"]


def test_a_dead_replica_is_stepped_over(score: Score, service: Service, tmp_path: Path) -> None:
    with running(tmp_path) as other:
        gone = other.url
    result = score([gone, service.url], groups(6), options={"inflight": 1})
    assert [g.rollouts[0].outcome for g in result.groups] == [1.0] * 6


def test_several_replicas_share_the_calls() -> None:
    with scripted(Answer(body=SCORED)) as one, scripted(Answer(body=SCORED)) as two, Client([one.url, two.url + "/"]) as client:
        for _ in range(6):
            client.score([GROUP])
        assert (len(one.seen), len(two.seen)) == (3, 3)


def test_the_key_travels_as_bearer_token(score: Score) -> None:
    with scripted(Answer(body=SCORED)) as server:
        score(server.url, [GROUP], options={"api_key": "secret"})
        assert server.headers[0]["authorization"] == "Bearer secret"


def test_a_key_in_the_url_is_sent_and_never_told(score: Score) -> None:
    with scripted(Answer(body=SCORED)) as server:
        score(server.url.replace("://", "://keystep:secret@"), [GROUP])
        assert server.headers[0]["authorization"] == "Basic " + base64.b64encode(b"keystep:secret").decode()
    with pytest.raises(UnreachableError) as caught:
        score(server.url.replace("://", "://keystep:secret@"), [GROUP], options={"retries": 0})
    assert "secret" not in str(caught.value)


def test_a_missing_key_is_said_with_the_mend(score: Score) -> None:
    with scripted(Answer(401, problem(401, "no key"))) as server, pytest.raises(Exception, match="api_key"):
        score(server.url, [GROUP])


@pytest.mark.parametrize(("undecided", "given"), [(None, None), (-1.0, -1.0), (0.0, 0.0)])
def test_what_stands_for_an_undecided_reward_is_the_callers_choice(undecided: float | None, given: float | None) -> None:
    result = ScoreResult.model_validate(SCORED)
    assert result.rewards(undecided=undecided) == result.groups[0].rewards(undecided=undecided) == [given]
    with pytest.raises(UndecidedError, match=r"1 of 1 .* 'q/0': needs_judge") as caught:
        result.rewards(undecided="raise")
    assert caught.value.rollouts == (("q/0", ("needs_judge",)),)
    with pytest.raises(TypeError, match="undecided"):
        result.rewards()  # type: ignore[call-arg]


def test_decided_rewards_pass_every_policy(service: Service) -> None:
    result = sync_score(service.url, groups(2, 2))
    assert result.rewards(undecided="raise") == result.rewards(undecided=None) == [1.0, 0.0] * 2


@pytest.mark.parametrize("option", ["connections", "inflight", "retries"])
def test_options_are_bounded(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} is -1"):
        Client("http://127.0.0.1:1", **{option: -1})
    with pytest.raises(ValueError, match="no URL"):
        Client([])


def test_a_wait_that_is_interrupted_gives_its_place_up() -> None:
    gate = Gate(1)
    with gate.place(1):
        thread = threading.Thread(target=lambda: gate.place(1).__enter__(), daemon=True)
        thread.start()
        thread.join(0.05)
        assert thread.is_alive()
    thread.join(5)
    assert not thread.is_alive()


def test_nobody_listens_anywhere(score: Score) -> None:
    with scripted(Answer()) as gone:
        url = gone.url
    with pytest.raises(UnreachableError, match="service running there"):
        score([url, url], [GROUP], options={"retries": 1})
