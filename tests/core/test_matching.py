"""The rows of the reward's probe table that concern matching, and what a match says of itself."""

import pytest

from keystep.core.matching import Matching, match, prepare
from keystep.nouns import Flag, KeyStep
from keystep.recipe import HARDENED, OFFICIAL, PAPER, Recipe


def found(key_steps: list[str | list[str]], text: str, recipe: Recipe = HARDENED, question: str = "") -> Matching:
    steps = tuple(KeyStep(s) if isinstance(s, str) else KeyStep(s[0], tuple(s[1:])) for s in key_steps)
    return match(prepare(steps, question), text, [(0, len(text))], recipe)


OVERVIEW: list[str | list[str]] = [
    ["AD is a median", "median is AD"],
    "equal area",
    ["AE is half of AD", "AE=1/2AD"],
    ["frac{12}{2} = 6", "12/2 = 6"],
    "E is the midpoint",
    ["frac{6}{2} = 3", "6/2 =3"],
]
PATH = (
    "The triangle is cut by the segment AD, and AD is a median of it. A median makes two parts of equal area, so triangle ABD has 12/ 2 = 6 square units. "
    "The question is about a part of ABD, which we do not reach here."
)


@pytest.mark.parametrize(("recipe", "matched"), [(HARDENED, 3), (PAPER, 3), (OFFICIAL, 2)])
def test_the_papers_overview_figure(recipe: Recipe, matched: int) -> None:
    result = found(OVERVIEW, PATH, recipe)
    assert sum(m.matched for m in result.matches) == matched
    assert result.k == matched / 6
    assert [m.matched for m in result.matches[:2]] == [True, True]


@pytest.mark.parametrize(
    ("key", "text", "official", "hardened"),
    [
        ("AD is a median", "It is not true that AD is a median.", True, False),
        ("6", "There are 60 apples.", True, False),
        ("6/3 = 2", "So 6/3 = 3.", False, False),
        ("6/3 = 2", "So 16/3 = 2 or so.", True, False),
        ("12/2 = 6", "So 12/ 2 = 6.", False, True),
        ("red", "One hundred was inferred.", True, False),
    ],
)
def test_probes(key: str, text: str, *, official: bool, hardened: bool) -> None:
    assert found([key], text, OFFICIAL).matches[0].matched is official
    assert found([key], text, HARDENED).matches[0].matched is hardened


@pytest.mark.parametrize(
    ("key", "text", "blocked"),
    [
        ("AD is a median", "It is not true that AD is a median.", "negated"),
        ("6/3 = 2", "It is false that 6/3 = 2.", "negated"),
        ("6/3 = 2", "So 6/3 = 3.", "other_result"),
        ("6/3 = 2", "6/3 = 2. Wait, that is wrong.", "retracted"),
        ("6/3 = 2", "Suppose 6/3 = 2.", "hypothetical"),
        ("The ball is red", "The ball is blue.", "other_colour"),
        ("The rope is 5 cm long", "The rope is 5 m long.", "other_unit"),
        ("There are 3 cubes", "There are 4 cubes.", "other_number"),
        ("E is the midpoint", "F is the midpoint.", "other_name"),
        ("The function is increasing", "The function is decreasing.", "opposite"),
        ("Anna is taller than Ben", "Ben is taller than Anna.", "roles_exchanged"),
        ("The ball is red", "Is the ball red?", "question"),
        ("Each child gets 6 / 3 = 2 apples.", "The rope is cut into 6 / 3 = 2 metre pieces.", "other_context"),
    ],
)
def test_a_miss_says_what_blocked_the_nearest_candidate(key: str, text: str, blocked: str) -> None:
    (m,) = found([key], text).matches
    assert (m.matched, m.score, m.blocked) == (False, 0.0, blocked)
    assert m.span is not None


@pytest.mark.parametrize(
    ("key", "text", "tier", "shown"),
    [
        ("16 - 3 - 4 = 9", "So 16 - 3 - 4 = 9 eggs.", "exact", "16 - 3 - 4 = 9"),
        ("16 - 3 - 4 = 9", "３＋４＝７, so 16 − 7 = 9 eggs.", "numeric", "16 − 7 = 9"),
        ("equal area", "They have equal area here.", "exact", "equal area"),
        ("equal area", "They have the same area.", "fuzzy", "same area"),
        ("angle 2 = 90 - 32", "Then \\angle 2 = 58^\\circ.", "numeric", "\\angle 2 = 58"),
    ],
)
def test_a_match_says_where_and_by_which_tier(key: str, text: str, tier: str, shown: str) -> None:
    (m,) = found([key], text).matches
    assert m.matched
    assert m.tier == tier
    assert m.form == key
    assert m.span is not None
    assert text[m.span[0] : m.span[1]].startswith(shown)


def test_scores_tell_the_routes_apart() -> None:
    key = "16 - 3 - 4 = 9"
    texts = ["16 - 3 - 4 = 9", "3 + 4 = 7. 16 - 7 = 9", "Of 16 eggs 3 and 4 go, so 9 stay.", "There are 16 eggs and 9 stay."]
    assert [found([key], t).k_soft for t in texts] == [1.0, 0.95, 0.75, 0.375]


def test_a_step_merged_into_a_longer_derivation_counts() -> None:
    result = found(["11 + 4 = 15", "36 - 15 = 21"], "36 - 11 = 25. 25 - 4 = 21.")
    assert [m.matched for m in result.matches] == [True, True]
    assert result.matches[0].score < result.matches[1].score


def test_earlier_key_steps_explain_later_ones() -> None:
    result = found(["3 + 4 = 7", "16 - 7 = 9"], "16 - 3 - 4 = 9 eggs remain.")
    assert result.matches[1].matched


def test_only_the_regions_are_searched_and_spans_index_the_text() -> None:
    text = "### Step 1:\nAD is a median.\n### The final answer is:\nAD is a median"
    prepared = prepare((KeyStep("AD is a median"),))
    at = text.index("AD")
    inside = match(prepared, text, [(at, at + 16)], HARDENED)
    assert inside.matches[0].span == (at, at + len("AD is a median"))
    assert match(prepared, text, [(0, at)], HARDENED).k == 0.0
    assert match(prepared, text, [], HARDENED).k == 0.0
    assert match(prepared, text, [], OFFICIAL).k == 0.0


def test_the_released_code_joins_step_bodies_with_one_space() -> None:
    prepared = prepare((KeyStep("first second"),))
    assert match(prepared, "First|SECOND", [(0, 5), (6, 12)], OFFICIAL).k == 1.0
    assert match(prepared, "First|SECOND", [(0, 5)], OFFICIAL).k == 0.0


@pytest.mark.parametrize("recipe", [HARDENED, PAPER, OFFICIAL])
def test_without_key_steps_k_is_zero(recipe: Recipe) -> None:
    result = found([], "anything", recipe)
    assert (result.matches, result.k, result.k_soft) == ((), 0.0, 0.0)


def test_the_threshold_is_the_recipes() -> None:
    text = "Of 16 eggs 3 and 4 go, so 9 stay."
    assert found(["16 - 3 - 4 = 9"], text).k == 1.0
    assert found(["16 - 3 - 4 = 9"], text, HARDENED.but(match_threshold=0.9)).k == 0.0


def test_denial_and_conflict_are_flagged() -> None:
    assert Flag.NEGATED_STEP in found(["AD is a median"], "AD is not a median.").flags
    assert Flag.CONFLICTING_STEP in found(["6/3 = 2"], "6/3 = 2, or 6/3 = 3.").flags
    assert found(["6/3 = 2"], "6/3 = 2.").flags == ()


def test_prepared_key_steps_are_kept() -> None:
    steps = (KeyStep("6/3 = 2"),)
    assert prepare(steps, "q") is prepare((KeyStep("6/3 = 2"),), "q")


@pytest.mark.parametrize(
    ("key", "text", "matched"),
    [("so it is", "And so it is.", True), ("so it is", "And so is it.", False), ("∴", "∴ done", True), ("...", "three dots ...", False)],
)
def test_a_form_without_content_matches_word_for_word_or_not_at_all(key: str, text: str, *, matched: bool) -> None:
    assert found([key], text).matches[0].matched is matched
