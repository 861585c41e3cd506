"""A trainer's large body is read a slice at a time, and comes to what it comes to in one piece."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic_core import from_json

from http_groups import groups
from keystep.http import slices
from keystep.http.compat import bedrock, openrlhf, scoring
from keystep.wire.parsing import InvalidRequestError, parse

LONG = r"\\\"}]{[, \n é" * 3


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr(slices, "_LARGE_BYTES", 0)
    monkeypatch.setattr(slices, "_SLICE", 8)


def told(read, model, body: bytes):
    try:
        return read(model, body).model_dump()
    except InvalidRequestError as error:
        return error.errors, error.malformed, error.field


@pytest.mark.parametrize(
    "body",
    [
        '{"query": ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "c"], "labels": [{"answer": "6", "key_steps": []}, 5, null], "prompts": null}',
        f' {{"labels" : [ "{LONG}" , [1, [2, 3]], {{"a": [4, 5]}} ] ,\n"query":["{LONG}","{LONG}", "x"]}} ',
        '[{"id": "aaaaaaaaaa", "messages": []}, {"id": "bbbbbbbbbbb", "messages": [{"role": "user", "content": "b"}]}]',
    ],
)
def test_what_is_plain_is_read_in_slices(small_slices, body):
    assert slices.load(body.encode()) == json.loads(body)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "[1, 2",
        '{"query": []}',
        '{"query": ["aaaaaaaaaa",, "bbbbbbbbbb"]}',
        '{"query": ["aaaaaaaaaa", "bbbbbbbbbb",]}',
        '{"query": [,"aaaaaaaaaa", "bbbbbbbbbb"]}',
        '{"query": ["aaaaaaaaaa" "bbbbbbbbbb", "cccccccc"]}',
        '{"query": ["aaaaaaaaaa", "bbbbbbbbbb"}]',
        '{"query": ["aaaaaaaaaa", "bbbbbbbbbb"]}, []',
        '{"query": ["aaaaaaaaaa", "bbbbbbbbbb"], "query": []}',
        '{"query": ["aaaaaaaaaa", "bbbbbbbbbb"], "query": "x"}',
        '{"query": "x", "query": ["aaaaaaaaaa", "bbbbbbbbbb"]}',
        '{"query": ["aaaaaaaaaa", "bbbbbbbbbb"], "qu\\u0065ry": ["x"]}',
        '{"query": ["aaaaaaaaaa", "bbbbbbbbbb", 5]}',
        '{"query": {"a": ["aaaaaaaaaa", "bbbbbbbbbb"]}}',
        '{"query": ["aaaaaaaaaa", "bbbbbbbbbb',
        '[["aaaaaaaaaa"], ["bbbbbbbbbb"]]',
        pytest.param('{"query"' + ": []" * 400_000, id="a name of many lists, in no more time than one"),
    ],
)
def test_what_is_not_comes_to_the_same(small_slices, body):
    for model in (openrlhf.Request, bedrock.Request):
        assert told(scoring._parse, model, body.encode()) == told(parse, model, body.encode())


CHARACTERS = st.sampled_from([*b'"\\{}[],: \nquery5', 0, 0xC3, 0xFF])
WHOLE = f'{{"query": ["{LONG}", "bbbbbbbbbb", "c"], "prompts": ["a", "b", "c"], "labels": [[1, 2], {{"answer": "6"}}, null]}}'.encode()


@settings(max_examples=600)
@given(st.data())
def test_a_slip_anywhere_comes_to_the_same(data):
    body = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = bytes(data.draw(st.lists(CHARACTERS, max_size=2)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slices, "_LARGE_BYTES", 0)
        patch.setattr(slices, "_SLICE", 8)
        assert told(scoring._parse, openrlhf.Request, bytes(body)) == told(parse, openrlhf.Request, bytes(body))


def test_a_large_body_is_never_read_whole(monkeypatch):
    """It would hold up everything else."""
    read = []
    monkeypatch.setattr(slices, "from_json", lambda part: read.append(len(part)) or from_json(part))
    body = orjson.dumps({"query": ["x" * 1_000] * 4_000, "labels": ["y" * 100] * 4_000})
    assert scoring._parse(openrlhf.Request, body).model_dump(exclude_unset=True) == orjson.loads(body)
    assert len(read) > 10
    assert max(read) < 300_000


def test_a_large_batch_is_answered_as_its_parts_are(service):
    """Over 64 KiB it is read and answered beside the event loop; over 4 MiB, in slices."""
    rollouts = [(group["answer"], rollout["text"]) for group in groups(300) for rollout in group["rollouts"]]
    asked = {"query": [text + " " * 4_000 for _, text in rollouts], "prompts": [""] * len(rollouts), "labels": [a for a, _ in rollouts]}
    whole = service.post("/get_reward", asked)
    assert len(orjson.dumps(asked)) > slices._LARGE_BYTES
    parts = [
        service.post("/get_reward", {name: values[at : at + 50] for name, values in asked.items()}) for at in range(0, len(rollouts), 50)
    ]
    assert whole.json()["rewards"] == [reward for part in parts for reward in part.json()["rewards"]]
    assert len(set(whole.json()["rewards"])) > 1

    asked["labels"][-1] = {"answer": "6", "colour": 1}
    wrong = service.post("/get_reward", asked)
    assert wrong.status_code == 422
    assert f"labels.{len(rollouts) - 1}" in wrong.text
