"""keystep pairs over files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from keystep.cli import main

EXAMPLES = Path(__file__).parents[2] / "clients/examples/groups.jsonl"


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def keystep(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return ended.value.code


@pytest.fixture(scope="module")
def rewards(service, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("rewards") / "rewards.jsonl"
    assert keystep("score", EXAMPLES, "-o", out, "--url", service.url) == 0
    return out


def test_rewards_are_joined_by_id_and_agree_with_the_scored_pair(rewards, tmp_path, capsys):
    out = tmp_path / "pairs.jsonl"
    assert keystep("pairs", EXAMPLES, "--rewards", rewards, "-o", out) == 0
    said = capsys.readouterr().out
    assert "pairs of 50 groups" in said
    assert "whose chosen text is the longer" in said
    scored = {g["id"]: g["pair"] for g in lines(rewards) if g["pair"]}
    texts = {(g["id"], r["id"]): r["text"] for g in lines(EXAMPLES) for r in g["rollouts"]}
    found = lines(out)
    assert {p["id"]: (p["chosen_id"], p["rejected_id"], p["margin"]) for p in found} == {
        id_: (p["chosen"], p["rejected"], p["margin"]) for id_, p in scored.items()
    }
    assert all(p["chosen"] == texts[p["id"], p["chosen_id"]] for p in found)
    assert not (tmp_path / "pairs.jsonl.part").exists()


def test_what_has_no_rewards_is_kept_aside(rewards, tmp_path, capsys):
    few = tmp_path / "few.jsonl"
    few.write_text(rewards.read_text(encoding="utf-8").split("\n")[0] + "\n", encoding="utf-8")
    assert keystep("pairs", EXAMPLES, "--rewards", few, "-o", tmp_path / "p.jsonl") == 1
    assert "49 lines kept aside" in capsys.readouterr().err
    assert "no rewards of this group" in lines(tmp_path / "p.jsonl.bad.jsonl")[0]["reason"]


def test_simpos_rows_are_read_and_written(tmp_path):
    row = {"prompt": "Say hi.", "all_generated_responses": ["hi", "hello", "hi"], "all_rm_scores": [0.2, 0.9, 0.3]}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"all_rm_scores": [1.0]}) + "\n")
    assert keystep("pairs", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl", "--form", "simpo") == 1
    (line,) = lines(tmp_path / "out.jsonl")
    assert (line["chosen"][-1]["content"], line["rejected"][-1]["content"]) == ("hello", "hi")
    assert line["all_rm_scores"] == row["all_rm_scores"]
    (bad,) = lines(tmp_path / "out.jsonl.bad.jsonl")
    assert "lists of one length" in bad["reason"]


def test_qwen_rows_bring_their_stored_scores(tmp_path):
    row = {"question": "1+1?", "gt_cot": "It is 2.", "gt": "2", "code": ["2", "3"], "pred_score": [[0.5], [0.25]], "score": [True, False]}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n")
    assert keystep("pairs", tmp_path / "in.jsonl", "-o", tmp_path / "out.jsonl", "--by", "score,pred_score") == 0
    (line,) = lines(tmp_path / "out.jsonl")
    assert (line["chosen"], line["score_chosen"], line["decided_by"]) == ("2", 1.0, "score")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--top", "0"], "--top is 0"),
        (["--rewards", "none.jsonl"], "cannot read none.jsonl"),
        (["--rewards", "in.jsonl"], "no group that `keystep score` writes"),
        (["--format", "csv"], "use one of r1vl"),
        (["-o", "in.jsonl"], "give another -o"),
    ],
)
def test_errors_are_one_line_with_the_mend(tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    Path("in.jsonl").write_bytes(EXAMPLES.read_bytes())
    assert keystep("pairs", "in.jsonl", *(["-o", "out.jsonl"] if "-o" not in arguments else []), *arguments) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert says in told
    assert Path("in.jsonl").read_bytes() == EXAMPLES.read_bytes()
