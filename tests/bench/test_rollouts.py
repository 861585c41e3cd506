"""The benchmark measures on what it says: fresh, the same for everybody, of the stated size, valid on the wire."""

import json
from statistics import mean

from bench.rollouts import groups
from keystep.wire.parsing import parse
from keystep.wire.requests import ScoreRequest


def texts(made):
    return [r["text"] for g in made for r in g["rollouts"]]


def test_a_seed_gives_the_same_rollouts_and_another_seed_none_of_them():
    assert groups(1, 20) == groups(1, 20)
    assert not set(texts(groups(1, 100))) & set(texts(groups(2, 100)))


def test_sizes_are_as_stated():
    made = texts(groups(3, 100))
    assert len(set(made)) == 400
    assert all(300 <= len(text.split()) <= 800 for text in made)
    assert 3200 < mean(map(len, made)) < 3700


def test_the_service_takes_them():
    made = groups(4, 20)
    assert len(parse(ScoreRequest, json.dumps({"groups": made}).encode()).groups) == 20
    assert all(len(g["rollouts"]) == 4 and g["key_steps"] for g in made)
    answers = {g["answer"] for g in made}
    assert any("%" in a for a in answers)
    assert any("sqrt" in a for a in answers)
    assert answers & {"Yes", "No"}
