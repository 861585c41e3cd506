import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.errors import InputError
from keystep.keysteps.formats import read_raw, read_steps, write_raw, write_steps
from keystep.nouns import KeyStep

words = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1).filter(lambda s: bool(s.strip()))


def test_the_raw_string_is_read_with_either_separator() -> None:
    raw = 'Key Elements:\nImage Description: ["a cube", "red"]; Rationales: ["count [all]"];\n Step 1: ["\\frac{6}{3} = 2"], Step 2: [\'it is "6"\']; Step 3: []'
    assert [k.text for k in read_raw(raw)] == ["a cube", "red", "count [all]", "\\frac{6}{3} = 2", 'it is "6"']


def test_a_raw_string_cut_short_gives_what_is_whole() -> None:
    assert [k.text for k in read_raw('Step 1: ["one", "two')] == ["one"]


def test_a_raw_string_without_sections_is_refused() -> None:
    with pytest.raises(InputError, match="no section"):
        read_raw("nothing here")


@given(st.lists(words.map(str.strip), max_size=5))
def test_the_raw_string_round_trips(forms: list[str]) -> None:
    assert [k.text for k in read_raw(write_raw({"Step 1": [KeyStep(f) for f in forms]}))] == forms


@given(st.lists(st.lists(words, min_size=1, max_size=3), max_size=5))
def test_steps_round_trip_as_object_and_as_json(groups: list[list[str]]) -> None:
    steps = tuple(KeyStep(g[0], tuple(g[1:])) for g in groups)
    written = write_steps(steps)
    assert read_steps(written) == read_steps(json.dumps(written)) == steps


def test_a_group_is_a_string_or_a_list_of_alternatives() -> None:
    assert read_steps({"Steps": ["a", ["b", "c"]]}) == (KeyStep("a"), KeyStep("b", ("c",)))
    assert write_steps((KeyStep("a"), KeyStep("b", ("c",)))) == {"Steps": ["a", ["b", "c"]]}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ("{", "key_steps"),
        ({"steps": []}, "key_steps"),
        ({"Steps": "a"}, "key_steps"),
        ({"Steps": ["a", []]}, "key_steps.Steps.1"),
        ({"Steps": [["a", ""]]}, "key_steps.Steps.0"),
        ({"Steps": [3]}, "key_steps.Steps.0"),
    ],
)
def test_what_is_wrong_is_named(value: object, field: str) -> None:
    with pytest.raises(InputError) as error:
        read_steps(value)  # type: ignore[arg-type]
    assert error.value.field == field
