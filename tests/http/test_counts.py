"""How many there are is known before anything is made of them: many small values take a hundred times their bytes."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from keystep.errors import TooLargeError
from keystep.http.admission import Admission
from keystep.metrics import Metrics
from keystep.settings import Settings

MANY = 60_000


@pytest.fixture
def admission(tmp_path):
    return Admission(Settings(max_rollouts=2, cache_path=tmp_path / "cache.sqlite3"), Metrics())


def test_objects_are_counted_before_a_body_is_parsed(admission):
    many = json.dumps([{}] * 4_103).encode()
    with pytest.raises(TooLargeError, match=r"has 4103 objects; the most is 4102, 3 a rollout \(KEYSTEP_MAX_ROLLOUTS 2\)"):
        admission.check_objects(many)
    admission.check_objects(many, each=4)


def test_braces_within_strings_are_no_objects(admission):
    admission.check_objects(json.dumps({"text": '\\frac{1}{2} "{" \\' * 5_000}).encode())
    admission.check_objects(b'"' + b"{" * 10_000)


def test_what_is_asked_is_taken_no_further_than_there_may_be(admission):
    assert admission.check_count(iter("ab")) == ["a", "b"]
    taken = iter("abcdef")
    with pytest.raises(TooLargeError, match="more than 2 in one request"):
        admission.check_count(taken)
    assert list(taken) == ["d", "e", "f"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/score", {"groups": [{"id": "q", "rollouts": [{"id": "r", "text": ""}] * MANY}]}),
        ("/v1/score/stream", {"groups": [{"id": "q", "rollouts": [{"id": "r", "text": ""}] * MANY}]}),
        ("/v1/jobs", {"groups": [{"id": "q", "rollouts": [{"id": "r", "text": ""}] * MANY}]}),
        ("/v1/verify", {"items": [{"id": "i", "text": "", "answer": "6"}] * MANY}),
        ("/v1/key-steps", {"questions": [{"id": "q"}] * MANY}),
        ("/v1/pairs", {"groups": [{"id": "q", "question": "?", "rollouts": [{"id": "r", "text": "", "scores": {}}] * MANY}]}),
        ("/get_reward", {"query": [""] * MANY}),
        ("/classify", {"input": [""] * MANY}),
        ("/v1/score/evaluation", {"messages": [""] * MANY}),
        ("/compat/bedrock", [{"id": "r", "messages": []}] * MANY),
    ],
)
def test_too_many_are_turned_away_on_every_route(service, path, body):
    answer = service.post(path, body)
    assert (answer.status_code, "KEYSTEP_MAX_ROLLOUTS" in answer.json()["detail"]) == (413, True)


def test_little_is_held_of_what_is_too_much(admission):
    body = b'{"groups":[{"id":"q","rollouts":[%b]}]}' % b",".join([b'{"id":"1","text":""}'] * 100_000)
    tracemalloc.start()
    with pytest.raises(TooLargeError):
        admission.check_objects(body)
    assert tracemalloc.get_traced_memory()[1] < len(body)
    tracemalloc.stop()
