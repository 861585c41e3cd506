import pytest

from keystep.core.matching import Matching, match, prepare
from keystep.nouns import Flag, KeyStep
from keystep.recipe import HARDENED

KEYS = ("AD is a median", "equal area", "AE is half of AD", "12/2 = 6", "E is the midpoint", "6/2 = 3")
GENUINE = "AD is a median, so it makes two triangles of equal area."
QUESTION = "How many square units does the shaded part of the triangle ABC have in the picture?"


def found(text: str, keys: tuple[str, ...] = KEYS, question: str = "", stuffing: str = "absent") -> Matching:
    return match(prepare(tuple(KeyStep(k) for k in keys), question), text, [(0, len(text))], HARDENED.but(stuffing=stuffing))


@pytest.mark.parametrize(
    "dump",
    [
        "\n".join(KEYS),
        ", ".join(KEYS),
        "; ".join(KEYS),
        '["' + '", "'.join(KEYS) + '"]',
        " | ".join(KEYS),
        "Key steps: " + ", ".join(KEYS),
        "\n".join(f"- {k}" for k in KEYS),
        "\n".join(f"{i}. {k.upper()}" for i, k in enumerate(KEYS, 1)),
    ],
)
def test_a_dumped_list_counts_as_absent_and_is_flagged(dump: str) -> None:
    genuine = found(GENUINE)
    stuffed = found(f"{GENUINE}\n\n{dump}\n")
    assert Flag.STEP_STUFFING in stuffed.flags
    assert genuine.flags == ()
    assert stuffed.k == genuine.k == 2 / 6
    assert stuffed.excluded
    assert found(dump).k == 0.0


def test_the_recipe_may_only_flag() -> None:
    stuffed = found("\n".join(KEYS), stuffing="flag_only")
    assert Flag.STEP_STUFFING in stuffed.flags
    assert stuffed.k == 1.0


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("16 - 3 - 4 = 9\n9 * 2 = 18\n18 + 2 = 20", ("16 - 3 - 4 = 9", "9 * 2 = 18", "18 + 2 = 20")),
        ("12 / 2 = 6, 6 / 2 = 3, 3 + 1 = 4", ("12 / 2 = 6", "6 / 2 = 3", "3 + 1 = 4")),
        ("AD is a median. The two parts have equal area. E is the midpoint of AD, so AE is half of AD.", KEYS),
        (
            "There are 3 red cubes. There are 2 blue balls. There is 1 cone. So 3 + 2 + 1 = 6.",
            ("There are 3 red cubes", "There are 2 blue balls", "There is 1 cone", "3 + 2 + 1 = 6"),
        ),
    ],
)
def test_terse_is_not_stuffed(text: str, keys: tuple[str, ...]) -> None:
    result = found(text, keys)
    assert result.flags == ()
    assert result.k >= 4 / 6


def test_every_operator_between_two_numbers_is_enumeration() -> None:
    keys = ("8 + 2 = 10", "10 * 3 = 30")
    lines = [
        f"{a} {op} {b} = {v:g}"
        for a in (8, 2, 3)
        for b in (8, 2, 3)
        if a != b
        for op, v in (("+", a + b), ("-", a - b), ("*", a * b), ("/", a / b))
    ]
    stuffed = found("We start with 8.\n" + "\n".join(lines), keys)
    assert Flag.EQUATION_STUFFING in stuffed.flags
    assert stuffed.k == 0.0
    assert found("8 + 2 = 10. 8 - 2 = 6. 10 * 3 = 30.", keys).flags == ()


def test_more_bare_equations_than_the_budget_are_enumeration() -> None:
    lines = "\n".join(f"{a} + {b} = {a + b}" for a in range(1, 6) for b in range(11, 16))
    stuffed = found(lines, ("1 + 11 = 12", "5 + 15 = 20"))
    assert Flag.EQUATION_STUFFING in stuffed.flags
    assert stuffed.k == 0.0


def test_a_run_of_numbers_derives_nothing() -> None:
    stuffed = found("Numbers: " + " ".join(str(n) for n in range(40)) + ".", ("6 / 3 = 2",))
    assert Flag.NUMBER_STUFFING in stuffed.flags
    assert stuffed.k == stuffed.k_soft == 0.0


def test_the_questions_own_sentences_are_no_reasoning() -> None:
    copied = found(f"The question is: {QUESTION}", ("shaded part of the triangle",), QUESTION)
    assert Flag.COPIED_QUESTION in copied.flags
    assert copied.k == 0.0
    assert found("The shaded part of the triangle has 6 units.", ("shaded part of the triangle",), QUESTION).k == 1.0
