"""A large body is read a group at a time, and comes to what it comes to when it is read whole: the same request, or the same error."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keystep import wire
from keystep.http import pieces
from keystep.wire.parsing import InvalidRequestError

A = '{"id": "a", "rollouts": [{"id": "1", "text": "x"}]}'
B = '{"id": "b", "rollouts": [{"id": "1", "text": "y"}]}'
TEXT = r'"\\\"}]{[, \"groups\": [{}] \n é"'
TRICKY = f'{{"id": "c", "key_steps": [["1", "2"], "3"], "question": {TEXT}, "rollouts": [{{"id": "1", "text": {TEXT}}}, {{"id": "2", "text": ""}}]}}'


@pytest.fixture(autouse=True)
def every_body_is_large(monkeypatch):
    monkeypatch.setattr(pieces, "_LARGE_BYTES", 0)


def told(read, body: bytes):
    try:
        return read(body)
    except InvalidRequestError as error:
        return error.errors, error.malformed, error.field


def whole(body: bytes) -> wire.ScoreRequest:
    return wire.parse(wire.ScoreRequest, body)


@pytest.mark.parametrize(
    ("body", "groups"),
    [
        (f'{{"groups": [{A}, {B}]}}', 2),
        (f' {{ "recipe" :\t{{"base": "hardened"}},\n "groups" : [ {A}\n,\r\n{B} , {TRICKY} ] , "deadline_ms": 5}} ', 3),
        (f'{{"groups": [{A}], "groups": [{B}]}}', 0),
        (f'{{"recipe": "groups", "groups": [{A},{B}], "detail": "evidence"}}', 2),
        (f'{{"recipe": {{"base": "hardened", "groups": [{A}]}}, "groups": [{B}]}}', 1),
    ],
)
def test_what_is_plain_is_cut_at_its_groups(body, groups):
    spans = pieces.cuts(body.encode())
    assert [json.loads(body.encode()[a:b])["id"] for a, b in spans] == [g["id"] for g in json.loads(body)["groups"]][:groups]
    assert told(pieces.parse, body.encode()) == told(whole, body.encode())


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        f"[{A}]",
        "{}",
        '{"groups": []}',
        '{"groups": [] }, []',
        f'{{"groups": [{A} {B}]}}',
        f'{{"groups": [{A},, {B}]}}',
        f'{{"groups": [{A}, {B},]}}',
        f'{{"groups": [{A}, 5, {B}]}}',
        f'{{"groups": [5, {A}, {B}]}}',
        f'{{"groups": [{A}, [{B}]]}}',
        f'{{"groups": [{A}, {A}]}}',
        f'{{"groups": [{A}, {B}}}',
        f'{{"groups": {{"x": {A}, "y": {B}}}}}',
        f'{{"groups": [{A}, {B}], "groups": []}}',
        f'{{"groups": [], "groups": [{A}, {B}]}}',
        f'{{"groups": [{A}, {B}], "groups": 5}}',
        f'{{"groups": [{A}, {B}], "gr\\u006fups": [{A}]}}',
        f'{{"gr\\u006fups": [{A}, {B}]}}',
        f'{{"groups": [{A}, {B}], "colour": 1}}',
        f'{{"groups": [{A}, {B[:-1]}, "colour": 1}}], "recipe": 5}}',
        f'{{"groups": [{A}, {B}]}}x',
        f'{{"groups": [{A}, {B[:-3]}',
        pytest.param('{"groups": [{"id": "' + r"\"" * 500_000, id="a string that never ends"),
        pytest.param('{"groups"' + ": []" * 400_000, id="a name of many lists, in no more time than one"),
    ],
)
def test_what_is_not_comes_to_the_same(body):
    assert told(pieces.parse, body.encode()) == told(whole, body.encode())


CHARACTERS = st.sampled_from([*b'"\\{}[],: \ngroups5', 0, 0xC3, 0xFF])


@settings(max_examples=600)
@given(st.data())
def test_a_slip_anywhere_comes_to_the_same(data):
    body = bytearray(f'{{"recipe": "paper", "groups": [{A}, {TRICKY}, {B}], "deadline_ms": 7}}'.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at : at + data.draw(st.integers(0, 2))] = bytes(data.draw(st.lists(CHARACTERS, max_size=2)))
    assert told(pieces.parse, bytes(body)) == told(whole, bytes(body))


def test_a_large_body_is_never_read_whole(monkeypatch):
    """It would hold up everything else."""
    read = []
    for model in (wire.ScoreRequest, wire.GroupIn):
        monkeypatch.setattr(model, "model_validate_json", lambda body, mine=model.model_validate_json: read.append(len(body)) or mine(body))
    made = [{"id": str(i), "rollouts": [{"id": "1", "text": "x" * 1_000}]} for i in range(200)]
    request = pieces.parse(json.dumps({"groups": made}).encode())
    assert [group.id for group in request.groups] == [group["id"] for group in made]
    assert max(read) < 2_000
