"""keystep report: the page, and the figures on it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import alarm_traces
from keystep.engine import build
from keystep.figures.alarm import alarms
from keystep.ledger import Entry, Ledger
from keystep.recipe import HARDENED, resolve
from keystep.reports import plots
from keystep.reports.report import _pearson
from keystep.settings import Settings
from keystep.wire import GroupIn, group_from

EXAMPLES = Path(__file__).parents[2] / "clients/examples/groups.jsonl"


def cells(page, first):
    """The cells of the row that begins with this one."""
    return re.findall(r"<td[^>]*>(.*?)</td>", re.search(rf"<tr><td>{first}</td>.*?</tr>", page)[0])


def test_the_examples_twice(keystep, tmp_path):
    for name in ("a.html", "b.html"):
        assert keystep("report", EXAMPLES, "-o", tmp_path / name) == f"{tmp_path / name}: 200 rollouts\n"
    page = (tmp_path / "a.html").read_text()
    assert page == (tmp_path / "b.html").read_text()
    assert "200 rollouts of 50 groups" in page
    assert f"hardened {HARDENED.hash} (50 groups)" in page
    for title in ("Hack alarm", "Reward", "Length against reward", "Key steps matched, by their position", "Correlations", "Benchmarks"):
        assert f"<h2>{title}</h2>" in page
    assert not re.search(r"<(script|img|link)\b|https?:", page)
    decided = cells(page, "outcome")
    assert int(decided[2]) + int(decided[3]) == 200
    rewards = cells(page, "reward")
    assert 0 < float(rewards[1]) < 2.1


def test_a_run_that_hacks_alarms_from_its_ledger(keystep, tmp_path):
    engine = build(Settings(cache_path=None, verifier_workers=1))
    engine.start()
    ledger = Ledger(tmp_path / "ledger", sync=False)
    other = resolve({"base": "hardened", "alpha": 0.3})
    for at, step in enumerate(alarm_traces.hacks()["answers are enumerated"]):
        groups = [group_from(GroupIn.model_validate({**g, "profile": "mathvista"})) for g in step]
        recipe = HARDENED if at < 8 else other
        ledger.append([Entry(g, s, recipe, float(at)) for g, s in zip(groups, engine.score(groups, recipe).groups, strict=True)]).result(30)
    ledger.close()
    engine.close()
    keystep("report", tmp_path / "ledger", "-o", tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()
    assert "enumeration: texts that offer several answers" in page
    assert f"hardened {HARDENED.hash} (32 groups)" in page
    assert f"hardened(alpha=0.3) {other.hash} (28 groups)" in page
    assert "would be others today" not in page
    assert "accuracy" in cells(page, "mathvista")[1]


def test_hostile_texts_and_ids_are_text(keystep, tmp_path):
    group = {
        "id": "<script>alert(1)</script>",
        "profile": None,
        "answer": "6",
        "rollouts": [{"id": "</td><b>", "text": "6"}, {"id": "y", "text": "5"}],
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(group) + "\n")
    keystep("report", tmp_path / "in.jsonl", "-o", tmp_path / "out.html")
    assert "<script" not in (tmp_path / "out.html").read_text()
    assert "<b>" not in (tmp_path / "out.html").read_text()


def test_no_points_no_alarm():
    assert alarms([]) == []


@pytest.mark.parametrize(
    ("pairs", "r"),
    [([(1, 2), (2, 4), (3, 6)], 1.0), ([(1, 3), (2, 2), (3, 1)], -1.0), ([(1, 1), (1, 2)], None), ([(1, 1)], None), ([], None)],
)
def test_correlation(pairs, r):
    assert _pearson(pairs) == (None if r is None else pytest.approx(r))


def test_plots_of_nothing_and_of_one_value():
    assert "<svg" in plots.histogram({"a": []}, 0, 1)
    assert "<svg" in plots.lines({"a": [None]})
    assert "<svg" in plots.lines({"a": [3.0]})
    assert "<svg" in plots.scatter([], "x", "y")
    assert plots.scatter([(1, 1), (1, 1)], "x", "y").count("<circle") == 1
    assert "<svg" in plots.bars({})
    drawn = plots.histogram({"a": [-5.0, 0.0, 0.5, 1.0, 9.0]}, 0, 1, 2)
    assert [int(n) for n in re.findall(r"a: (\d+)", drawn)] == [2, 3]
    assert "<b>" not in plots.bars({"<b>": 1.0})
