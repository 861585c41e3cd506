"""What the client does when the service does not behave: both clients, over real sockets."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from client.scripted import GROUP, SCORED, Answer, scripted
from keystep_client import (
    AsyncClient,
    BusyError,
    Client,
    ClientError,
    Group,
    ProtocolError,
    RejectedError,
    Rollout,
    ScoreResult,
    ServiceError,
    TooLargeError,
    UnreachableError,
)

Score = Callable[..., ScoreResult]


def _sync(url: str, **options: Any) -> ScoreResult:
    with Client(url, **options) as client:
        return client.score([GROUP])


def _async(url: str, **options: Any) -> ScoreResult:
    async def score() -> ScoreResult:
        async with AsyncClient(url, **options) as client:
            return await client.score([GROUP])

    return asyncio.run(score())


@pytest.fixture(params=[_sync, _async], ids=["sync", "async"])
def score(request: pytest.FixtureRequest) -> Score:
    return request.param


def problem(status: int, detail: str = "because", **more: object) -> dict[str, object]:
    return {"type": "about:blank", "title": "x", "status": status, "detail": detail, **more}


def test_an_undecided_reward_is_none(score: Score) -> None:
    with scripted(Answer(body=SCORED)) as server:
        rollout = score(server.url).groups[0].rollouts[0]
    assert (rollout.reward, rollout.outcome, rollout.step_rvr, rollout.reasons) == (None, None, 1.0, ["needs_judge"])


def test_fields_that_a_newer_service_adds_are_kept(score: Score) -> None:
    with scripted(Answer(body=SCORED | {"mood": "good"})) as server:
        assert score(server.url).model_extra == {"mood": "good"}


@pytest.mark.parametrize(
    "fault",
    [
        Answer(429, problem(429)),
        Answer(502, b"<html>bad gateway</html>"),
        Answer(503, problem(503)),
        Answer(0),
        Answer(body=SCORED, cut=20),
    ],
    ids=["429", "502", "503", "reset", "cut"],
)
def test_what_passes_is_tried_again_and_answered_once(score: Score, fault: Answer) -> None:
    with scripted(fault, Answer(body=SCORED)) as server:
        assert len(score(server.url).groups) == 1
        assert [body for _, body in server.seen] == [server.seen[0][1]] * 2


def test_retry_after_is_honoured(score: Score) -> None:
    with scripted(Answer(429, problem(429), {"retry-after": "1"}), Answer(body=SCORED)) as server:
        score(server.url)
        (first, _), (second, _) = server.seen
    assert second - first >= 1


def test_retry_after_may_be_a_date(score: Score) -> None:
    # HTTP dates have whole seconds: two ahead is at least one.
    when = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    with scripted(Answer(503, problem(503), {"retry-after": when}), Answer(body=SCORED)) as server:
        score(server.url)
        (first, _), (second, _) = server.seen
    assert second - first >= 0.9


def test_too_much_patience_asked_for_is_an_error(score: Score) -> None:
    with scripted(Answer(429, problem(429), {"retry-after": "3600"})) as server, pytest.raises(BusyError, match="later") as caught:
        score(server.url)
    assert caught.value.retry_after == 3600
    assert len(server.seen) == 1


def test_retries_end(score: Score) -> None:
    with scripted(Answer(429, problem(429, "full"))) as server, pytest.raises(BusyError, match="full"):
        score(server.url, retries=1)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (
            Answer(422, problem(422, "no such field", errors=[{"field": "groups.0.colour", "message": "no such field"}])),
            RejectedError,
            "no such field",
        ),
        (Answer(413, problem(413, "too long")), TooLargeError, "fewer rollouts"),
        (Answer(500, problem(500)), ServiceError, "log"),
        (Answer(504, b"<html>gateway time-out</html>"), ServiceError, "without a reason"),
        (Answer(404, b"not here"), ProtocolError, "keystep service"),
        (Answer(301, b"", {"location": "/elsewhere"}), ProtocolError, "301"),
        (Answer(200, b"<html>hello</html>"), ProtocolError, "check the URL"),
        (Answer(200, b"hello", {"content-encoding": "gzip"}), ProtocolError, "cannot be read"),
        (Answer(200, SCORED | {"groups": []}), ProtocolError, "other ids"),
    ],
    ids=["422", "413", "500", "504", "404", "301", "html", "gzip", "ids"],
)
def test_what_does_not_pass_is_said_at_once(score: Score, answer: Answer, error: type[ClientError], says: str) -> None:
    with scripted(answer) as server, pytest.raises(error, match=says):
        score(server.url)
    assert len(server.seen) == 1


def test_a_rejection_names_its_fields(score: Score) -> None:
    fault = {"field": "groups.0.colour", "message": "there is no such field"}
    with scripted(Answer(422, problem(422, errors=[fault]))) as server, pytest.raises(RejectedError) as caught:
        score(server.url)
    assert (caught.value.status, caught.value.errors) == (422, (("groups.0.colour", "there is no such field"),))


def test_nobody_listens(score: Score) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(UnreachableError, match="is the service running there"):
        score(url, retries=1)


def test_a_slow_answer_is_given_up_and_not_asked_for_again(score: Score) -> None:
    with scripted(Answer(body=SCORED, delay=1.0)) as server, pytest.raises(UnreachableError, match="deadline_ms"):
        score(server.url, timeout=0.2)
    assert len(server.seen) == 1


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://a", "", "http://", "http://a:b"])
def test_a_url_must_be_one(url: str) -> None:
    with pytest.raises(ValueError, match="http://127"):
        Client(url)


def test_only_what_was_set_travels() -> None:
    with scripted(Answer(body=SCORED)) as server, Client(server.url) as client:
        client.score([Group(id="q", rollouts=[Rollout(id="q/0", text="5")])])
        typed = server.seen[0][1]
    assert typed == b'{"recipe":"hardened","detail":"rewards","groups":[{"id":"q","rollouts":[{"id":"q/0","text":"5"}]}]}'
