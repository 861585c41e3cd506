"""keystep judge and keystep winrate, over a real server that judges by rule."""

from __future__ import annotations

import json

import pytest

from judges.judge_server import MODEL, judge_server
from keystep.cli import main

GOOD, BAD = "good " * 3, "poor and very long indeed " * 2


def keystep(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    return ended.value.code


@pytest.fixture
def server(monkeypatch, tmp_path):
    with judge_server() as it:
        told = {"LLM_URL": it.url, "LLM_MODEL": MODEL, "CACHE_PATH": tmp_path / "cache.sqlite3", "LLM_RETRIES": 0, "LLM_CONCURRENCY": 1}
        for name, value in told.items():
            monkeypatch.setenv(f"KEYSTEP_{name}", str(value))
        yield it


@pytest.fixture
def files(tmp_path):
    mine = [{"instruction": f"q{n}", "output": GOOD if n % 4 else BAD, "generator": "mine"} for n in range(8)]
    other = [{"instruction": f"q{n}", "output": BAD if n % 4 else GOOD + f"{n}", "generator": "other"} for n in range(8)]
    for name, rows in (("mine", mine), ("other", other)):
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    return tmp_path


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_pairs_are_judged_in_both_orders_and_counted(server, files, capsys):
    assert keystep("judge", files / "mine.json", "--against", files / "other.json", "-o", files / "j.jsonl") == 0
    judged = lines(files / "j.jsonl")
    assert [j["preference"] for j in judged] == [0.0, 1.0, 1.0, 1.0] * 2
    assert judged[1]["orders"] == ["first", "second"]
    assert (judged[1]["model"], judged[1]["baseline"], judged[1]["judge"]) == ("mine", "other", MODEL)
    assert (judged[1]["output_length"], judged[1]["baseline_length"]) == (len(GOOD), len(BAD))
    said = capsys.readouterr().out
    for figure in ("6, 0, 2", "75.00%", "same verdict in both orders", "100.00% of 8", "50.00%"):
        assert figure in said
    assert keystep("winrate", files / "j.jsonl") == 0
    assert capsys.readouterr().out == said


def test_what_was_judged_is_not_asked_again(server, files):
    arguments = ("judge", files / "mine.json", "--against", files / "other.json", "-o")
    assert keystep(*arguments, files / "j.jsonl") == 0
    asked = len(server.seen)
    assert asked == 16
    assert keystep(*arguments, files / "again.jsonl") == 0
    assert len(server.seen) == asked
    assert lines(files / "again.jsonl") == lines(files / "j.jsonl")


def test_a_judge_that_likes_what_stands_first_is_found_out(server, files, capsys):
    server.likes_first = True
    assert keystep("judge", files / "mine.json", "--against", files / "other.json", "-o", files / "j.jsonl") == 0
    assert {j["preference"] for j in lines(files / "j.jsonl")} == {0.5}
    said = capsys.readouterr().out
    assert "0.00% of 8" in said
    assert "100.00%" in said


def test_single_answers_are_scored(server, files, capsys):
    assert keystep("judge", files / "mine.json", "-o", files / "j.jsonl") == 0
    assert [j["score"] for j in lines(files / "j.jsonl")] == [1, 4, 4, 4] * 2
    assert "mean score of mine" in capsys.readouterr().out


def test_what_cannot_be_read_is_asked_for_once_more(server, files):
    server.bad = ["Sure! first.", '```json\n{"reasoning": "r", "score": 9}\n```', '{"reasoning": "r", "score": 99}', '{"score": 3}']
    assert keystep("judge", files / "mine.json", "-o", files / "j.jsonl") == 1
    first, second, third, *_ = lines(files / "j.jsonl")
    assert (first["score"], first["reason"]) == (9, None)
    assert (second["score"], second["reason"]) == (None, "judge_invalid")
    assert (third["score"], third["reason"]) == (4, None)
    assert "cannot be used" in server.seen[1]["messages"][-1]["content"]


@pytest.mark.parametrize(("bad", "reason"), [(500, "judge_unavailable"), (401, "judge_unavailable"), ("refusal", "judge_refused")])
def test_a_judgement_that_fails_is_undecided_and_tried_again(server, files, capsys, bad, reason):
    server.bad = [bad]
    arguments = ("judge", files / "mine.json", "--against", files / "other.json", "-o", files / "j.jsonl")
    assert keystep(*arguments) == 1
    failed = lines(files / "j.jsonl")[0]
    assert (failed["preference"], failed["orders"], failed["reason"]) == (None, None, reason)
    told = capsys.readouterr()
    assert "1 judgements failed" in told.err
    assert "undecided, left out" in told.out
    assert keystep(*arguments) == 0
    assert lines(files / "j.jsonl")[0]["preference"] == 0.0


def test_errors_are_one_line_with_the_mend(server, files, capsys, monkeypatch):
    short = files / "short.json"
    short.write_text(json.dumps(json.loads((files / "other.json").read_text())[:3]))
    assert keystep("judge", files / "mine.json", "--against", short, "-o", files / "j.jsonl") == 2
    assert "has no output for 'q3' (5 are missing)" in capsys.readouterr().err
    assert keystep("judge", files / "mine.json", "-o", files / "mine.json") == 2
    assert "give another -o" in capsys.readouterr().err
    assert keystep("winrate", files / "mine.json") == 2
    assert "entry 1 is no judgement" in capsys.readouterr().err
    monkeypatch.delenv("KEYSTEP_LLM_URL")
    monkeypatch.delenv("KEYSTEP_LLM_MODEL")
    assert keystep("judge", files / "mine.json", "-o", files / "j.jsonl") == 2
    assert "KEYSTEP_LLM_URL and KEYSTEP_LLM_MODEL" in capsys.readouterr().err
    assert not (files / "j.jsonl").exists()
