"""Each benchmark in both its forms: the official one with its defects, the hardened one without."""

from __future__ import annotations

import pytest

from keystep.nouns import Outcome, Question, Reason
from keystep.recipe import HARDENED, OFFICIAL
from keystep.verify.benchmarks import SCORERS
from keystep.verify.profiles import PROFILES
from keystep.verify.verifier import VerifyItem

ANIMALS = ("cat", "dog", "horse")
CHOICE = {"choices": ANIMALS}
DECIMAL = {"answer_type": "float", "precision": 1}


def both(verifier, profile, gold, text, **asked) -> tuple[float | None, float | None]:
    item = VerifyItem(Question("q", asked.pop("question", ""), answer=gold, profile=profile, **asked), text)
    return verifier.verify([item], OFFICIAL)[0].value, verifier.verify([item], HARDENED)[0].value


@pytest.mark.parametrize(
    ("profile", "gold", "text", "asked", "official", "hardened"),
    [
        ("mathvista", "dog", "(B)", CHOICE, 1.0, 1.0),
        ("mathvista", "dog", "B", CHOICE, 1.0, 1.0),
        ("mathvista", "dog", "dogs", CHOICE, 1.0, 1.0),
        ("mathvista", "dog", "fog", CHOICE, 1.0, 0.0),  # the nearest option by edit distance
        ("mathvista", "cat", "I cannot tell.", CHOICE, 1.0, 0.0),
        ("mathvista", "14", "14.0", {"answer_type": "integer"}, 1.0, 1.0),
        ("mathvista", "14", "14.7", {"answer_type": "integer"}, 1.0, 0.0),
        ("mathvista", "1.2", "1.23", DECIMAL, 1.0, 1.0),
        ("mathvista", "1.2", "about 1.2", DECIMAL, 0.0, 1.0),
        ("mathvista", "[1, 2]", "[1,2]", {}, 0.0, 1.0),
        ("mmstar", "B", "B", {}, 1.0, 1.0),
        ("mmstar", "B", "(B) dog", {}, 1.0, 1.0),
        ("mmstar", "B", "The correct answer is B", {}, 0.0, 1.0),
        ("mmstar", "A", "A dog is seen; the answer is B.", {}, 1.0, 0.0),
        ("mmstar", "B", "the answer is b", {}, 1.0, 1.0),
        ("math_vision", "B", "The answer is B.", CHOICE, 1.0, 1.0),
        ("math_vision", "B", "\\boxed{\\textbf{(B) }6}", {"choices": ("5", "6")}, 0.0, 1.0),
        ("math_vision", "B", "8 kg", {"choices": ("$4 \\mathrm{~kg}$", "$8 \\mathrm{~kg}$")}, 0.0, 1.0),
        ("math_vision", "2.5", "2.501", {}, 1.0, 0.0),
        ("math_vision", "\\frac{1}{2}", "1/2", {}, 1.0, 1.0),
        ("chartqa", "100", "104", {}, 1.0, 1.0),
        ("chartqa", "100", "106", {}, 0.0, 0.0),
        ("chartqa", "2015", "2016", {}, 1.0, 0.0),
        ("chartqa", "2", "2%", {}, 0.0, 1.0),
        ("chartqa", "1000", "1,000", {}, 0.0, 1.0),
        ("chartqa", "Yes", "yes", {}, 1.0, 1.0),
        ("dynamath", "2.0944", "2.095", {"answer_type": "float"}, 1.0, 1.0),
        ("dynamath", "2.0944", "2\\pi/3", {"answer_type": "float"}, 0.0, 1.0),
        ("dynamath", "2.0944", "2.1", {"answer_type": "float"}, 0.0, 0.0),
        ("dynamath", "B", "(B)", {"answer_type": "multiple choice"}, 1.0, 1.0),
        ("dynamath", "Thursday", "", {"answer_type": "text"}, 1.0, 0.0),
        ("dynamath", "Thursday", "day", {"answer_type": "text"}, 1.0, 0.0),
        ("hallusionbench", "1", "Yes, it is.", {}, 1.0, 1.0),
        ("hallusionbench", "1", "Yes, there is no doubt.", {}, None, 1.0),
        ("hallusionbench", "0", "There is no direct mention of it.", {}, 1.0, None),
        ("hallusionbench", "1", "They are equal.", {}, None, None),
        ("mathverse", "50 cm", "50 cm", {}, 1.0, 1.0),
        ("mathverse", "50 cm", "0.5m", {}, None, 1.0),
        ("mathverse", "50 cm", "5 cm", {}, None, 0.0),
        ("mme", "Yes", "yes.", {}, 1.0, 1.0),
        ("mme", "No", "Nothing is wrong, so yes.", {}, 1.0, 0.0),
        ("mme", "Yes", "I say yes", {}, 0.0, None),
        ("mmmu_pro", "B", "so\n\nAnswer: B", CHOICE, 1.0, 1.0),
        ("mmmu_pro", "B", "I cannot determine it.", CHOICE, None, 0.0),
        ("mmreason", "\\sqrt{2}", "\\sqrt{2}", {}, 1.0, 1.0),
        ("mmreason", "2\\sqrt{2}", "The answer is \\sqrt{8}", {}, None, 1.0),
        ("gsm8k", "1,018", "so\nA: 1018", {}, 1.0, 1.0),
        ("gsm8k", "1018", "so\n#### 1,018", {}, 1.0, 1.0),
        ("gsm8k", "18", "so\nA: 18.0", {}, 0.0, 1.0),
        ("gsm8k", "18", "it is 18", {}, 0.0, 0.0),
        ("math", "\\frac{1}{2}", "so \\boxed{\\dfrac{1}{2}}", {}, 1.0, 1.0),
        ("math", "10{,}000", "so \\boxed{10000}", {}, 0.0, 1.0),
        ("math", "\\frac{1}{2}", "so \\boxed{0.5}", {}, 0.0, 1.0),
    ],
)
def test_forms(verifier, profile, gold, text, asked, official, hardened):
    assert both(verifier, profile, gold, text, **asked) == (official, hardened)


def test_every_profile_has_both_forms():
    assert set(PROFILES) == set(SCORERS)
    issue = {
        "mathvista",
        "mmstar",
        "math_vision",
        "chartqa",
        "dynamath",
        "hallusionbench",
        "mathverse",
        "mme",
        "gsm8k",
        "math",
        "mmmu_pro",
        "mmreason",
    }
    assert set(PROFILES) == issue


def test_a_profile_nobody_knows_is_a_null_and_never_another_scoring(verifier):
    for recipe in (HARDENED, OFFICIAL):
        (found,) = verifier.verify([VerifyItem(Question("q", answer="5", profile="vqa9"), "The answer is 5.")], recipe)
        assert found == Outcome(None, reasons=(Reason.INTERNAL_ERROR,))
