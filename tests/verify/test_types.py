"""Which type an answer is compared as: auto says what it chose, and ANLS is for those who ask for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keystep.nouns import Outcome, Question
from keystep.recipe import HARDENED
from keystep.verify import hardened, kinds
from keystep.verify.verifier import Verifier, VerifyItem


def verdict(verifier: Verifier, said: str, gold: str, **asked) -> Outcome:
    question = Question("q", asked.pop("question", ""), answer=gold, **asked)
    (found,) = verifier.verify([VerifyItem(question, f"The answer is {said}")], HARDENED)
    return found


AUTO = [
    ("B", {"choices": ("45", "46")}, "choice"),
    ("45", {"choices": ("45", "46")}, "choice"),
    ("yes", {}, "yes_no"),
    ("12", {}, "number"),
    ("3.50", {}, "number"),
    ("7/3", {}, "number"),
    ("45%", {}, "number"),
    ("3 \\times 10^{8}", {}, "number"),
    ("5 cm", {}, "number"),
    ("$12.50", {}, "number"),
    ("12:30", {"question": "What time is it?"}, "time"),
    ("2024-05-17", {}, "date"),
    ("2:3", {"question": "What is the ratio of cats to dogs?"}, "ratio"),
    ("(1, 2)", {}, "sequence"),
    ("1, 2, 3", {}, "sequence"),
    ("[0, \\infty)", {}, "interval"),
    ("x^2 + 1", {}, "expression"),
    ("y = 2x + 1", {}, "equation"),
    ("\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", {}, "matrix"),
    ("eastern europe", {}, "text"),
]


@pytest.mark.parametrize(("gold", "asked", "chosen"), AUTO)
def test_auto_says_which_type_it_chose(verifier, gold, asked, chosen):
    """Of a right answer and of a wrong one alike."""
    found = verdict(verifier, gold, gold, **asked)
    assert (found.value, found.answer_type) == (1.0, chosen)
    assert verdict(verifier, "purple", gold, **asked).answer_type == chosen


def test_auto_chooses_every_type_but_anls():
    assert {chosen for _, _, chosen in AUTO} == set(kinds.NAMES.values()) - {"auto", "anls"}


def test_auto_is_told_over_http(service):
    items = [
        {
            "id": f"{n}",
            "answer": gold,
            "text": f"The answer is {gold}",
            **asked,
            **({"choices": list(asked["choices"])} if "choices" in asked else {}),
        }
        for n, (gold, asked, _) in enumerate(AUTO)
    ]
    answered = service.post("/v1/verify", {"items": items}).raise_for_status().json()["items"]
    assert [a["answer_type"] for a in answered] == [chosen for _, _, chosen in AUTO]


@pytest.mark.parametrize(
    ("said", "gold", "value"),
    [
        ("Deutsche Bahn AG", "Deutsche Bahn", 1.0),
        ("DEUTSCHE BAHN", "Deutsche Bahn", 1.0),
        ("Deutsche Bank", "Deutsche Bahn", 1.0),  # the metric's nature, and why nobody gets it unasked
        ("abcd", "abxy", 0.0),  # half of it changed: at the threshold the similarity is 0
        ("abcx", "abcd", 1.0),
        ("London", "Deutsche Bahn", 0.0),
        ("12 March 2018", "12 March 2019", 0.0),
        ("1,234 units", "1234 units", 1.0),
        ("It cannot be determined.", "Deutsche Bahn", 0.0),
    ],
)
def test_anls_is_right_within_half_of_the_text(verifier, said, gold, value):
    found = verdict(verifier, said, gold, answer_type="anls")
    assert (found.value, found.answer_type) == (value, "anls")


@given(st.text(alphabet="abcdefgh 0123456789", min_size=1, max_size=20), st.text(alphabet="abcdefgh 0123456789", min_size=1, max_size=20))
def test_anls_agrees_with_its_definition_and_is_symmetric(one, other):
    def similar(gold: str, said: str) -> bool:
        judged = hardened.compare.decide(hardened.Case(gold, kinds.ANLS), said)
        return judged is hardened.State.RIGHT

    a, b = " ".join(one.split()), " ".join(other.split())
    digits = ["".join(c if c.isdigit() else " " for c in text).split() for text in (a, b)]
    near = bool(a or b) and 2 * edits(a, b) < max(len(a), len(b))
    assert similar(one, other) == similar(other, one) == (near and digits[0] == digits[1])


def edits(a: str, b: str) -> int:
    """Levenshtein distance by its recurrence."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row, above = [i], row
        for j, y in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (x != y)))
    return row[-1]
