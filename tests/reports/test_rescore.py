"""keystep rescore, over files and over a ledger."""

from __future__ import annotations

import json
import re
from itertools import islice
from pathlib import Path

from keystep.engine import build
from keystep.ledger import Entry, Ledger
from keystep.recipe import OFFICIAL
from keystep.settings import Settings
from keystep.wire import GroupIn, group_from

EXAMPLES = Path(__file__).parents[2] / "clients/examples/groups.jsonl"
FIVE = EXAMPLES.read_text(encoding="utf-8").splitlines(keepends=True)[:5]


def test_the_examples_from_paper_to_hardened_twice(keystep, tmp_path):
    pages = [tmp_path / "a.html", tmp_path / "b.html"]
    told = [keystep("rescore", EXAMPLES, "--from", "paper", "--recipe", "hardened", "--html", page) for page in pages]
    assert told[0] == told[1]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    assert "200 rollouts of 50 groups" in told[0]
    assert re.search(r"from paper sha256:\w{64} \(50 groups\)\nto hardened sha256:\w{64}\n", told[0])
    assert "the 10 most changed rollouts" in told[0]


def test_the_page_needs_nothing_and_runs_nothing(keystep, tmp_path):
    text = "<script>alert(1)</script><img src=x onerror=alert(1)> The answer is 6"
    group = {"id": "<b>q</b>", "answer": "6", "rollouts": [{"id": "<i>r</i>", "text": text}, {"id": "s", "text": "5"}]}
    (tmp_path / "in.jsonl").write_text(json.dumps(group) + "\n")
    keystep("rescore", tmp_path / "in.jsonl", "--from", "hardened", "--recipe", "paper", "--html", tmp_path / "out.html")
    page = (tmp_path / "out.html").read_text()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert not re.search(r"<(script|img|link|b|i)\b(?! class=.k)", page)
    assert "http" not in page.replace("http-equiv", "")


def test_a_ledger_is_compared_as_it_was_recorded(keystep, tmp_path):
    engine = build(Settings(cache_path=None, verifier_workers=1))
    engine.start()
    ledger = Ledger(tmp_path / "ledger", sync=False)
    groups = [group_from(GroupIn.model_validate_json(line)) for line in FIVE]
    scored = engine.score(groups, OFFICIAL).groups
    ledger.append([Entry(g, s, OFFICIAL, float(i)) for i, (g, s) in enumerate(zip(groups, scored, strict=True))]).result(30)
    ledger.close()
    engine.close()
    same = keystep("rescore", tmp_path / "ledger", "--recipe", "official")
    assert f"from official {OFFICIAL.hash} (5 groups)" in same
    assert "no reward changed" in same
    (tmp_path / "five.jsonl").write_text("".join(FIVE))
    assert keystep("rescore", tmp_path / "ledger", "--recipe", "hardened") == keystep(
        "rescore", tmp_path / "five.jsonl", "--from", "official", "--recipe", "hardened"
    )
    assert "leave --from away" in keystep("rescore", tmp_path / "ledger", "--recipe", "hardened", "--from", "paper", status=2)
    images = json.dumps({"base": "hardened", "extractor": "llm/m+images"})
    assert "only their hashes" in keystep("rescore", tmp_path / "ledger", "--recipe", images, status=2)


def test_what_cannot_be_read_is_said(keystep, tmp_path):
    (tmp_path / "in.jsonl").write_text(FIVE[0] + "no JSON\n")
    assert "1 lines could not be read" in keystep("rescore", tmp_path / "in.jsonl", "--recipe", "paper", status=1)
    (tmp_path / "empty").mkdir()
    assert "no entry yet" in keystep("rescore", tmp_path / "empty", "--recipe", "paper", status=2)
    assert "there is no recipe" in keystep("rescore", tmp_path / "in.jsonl", "--recipe", "papper", status=2)


def test_gsm8k_from_paper_to_hardened(keystep, shared, tmp_path):
    """Real solutions have no sections: paper reads no answer where hardened does. The whole file: docs/reports.md."""
    with (shared / "data/gsm8k/example_model_solutions.jsonl").open() as file:
        (tmp_path / "in.jsonl").write_text("".join(islice(file, 40)))
    told = keystep("rescore", tmp_path / "in.jsonl", "--from", "paper", "--recipe", "hardened")
    assert "160 rollouts of 40 groups" in told
    assert re.search(r"outcome +(\d+) +\1 +0 +0 +0\n", told)
    assert "pairs of rollouts: 0 turned" in told
