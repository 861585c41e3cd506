"""The bars of key-step matching and of the rules extractor, over real solutions; ``make real`` prints the figures."""

from pathlib import Path

import pytest

from keystep.recipe import HARDENED, OFFICIAL
from real.matching_eval import Item, attacks, auroc, aurocs, extraction, items, tricky, trivial


@pytest.fixture(scope="module")
def rows(shared: Path) -> list[Item]:
    return items(shared)


def test_auroc_is_the_rank_statistic() -> None:
    assert auroc([0.1, 0.4, 0.35, 0.8], [False, False, True, True]) == 0.75
    assert auroc([1.0, 1.0, 1.0], [True, False, True]) == 0.5


def test_hardened_tells_right_from_wrong_and_official_hardly(rows: list[Item]) -> None:
    hardened = aurocs(rows, HARDENED)
    assert hardened["hard"] >= 0.93
    assert hardened["soft"] >= 0.945
    assert hardened["hard without final"] >= 0.85
    assert hardened["soft without final"] >= 0.86
    assert aurocs(rows, OFFICIAL)["hard"] < 0.6


def test_the_protocol_gives_the_yardstick_its_published_figures(rows: list[Item]) -> None:
    assert abs(trivial(rows, final=True) - 0.927) < 0.01
    assert abs(trivial(rows, final=False) - 0.831) < 0.01


def test_attacks_gain_next_to_nothing(rows: list[Item]) -> None:
    gains = {name: gain for name, _, gain in attacks(rows, HARDENED, sample=200)}
    assert gains["numbers 0 to 200"] <= 0.01
    assert gains["question copied"] <= 0.01
    assert gains["operator stuffing"] <= 0.06
    assert gains["result + 1"] <= 0.01
    assert max(gain for name, gain in gains.items() if name.startswith("negated")) <= 0.03


def test_tricky(shared: Path) -> None:
    wrong = [row["trap"] for row, said in tricky(shared, HARDENED) if row["match"] is not said]
    assert len(wrong) <= 4, wrong


def test_the_rules_extractor_finds_what_the_references_annotate(shared: Path) -> None:
    recall, precision, _ = extraction(shared)
    assert recall >= 0.97
    assert precision >= 0.92
