"""`keystep score` as a function: over a real service and in this process."""

from __future__ import annotations

import io
import json
import statistics
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from keystep.batch import Job, Summary, run
from keystep.batch.summary import UNDECIDED
from keystep.errors import InputError
from keystep.nouns import Reason
from keystep.settings import Settings
from keystep_client import RejectedError
from running import Service, running

QUIET = Console(file=io.StringIO())


def score(source: Path, out: Path, **options: Any) -> Summary:
    return run(Job(source=source, out=out, **options), Settings(cache_path=None, verifier_workers=2), QUIET)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_in_process_and_over_http_write_the_same_bytes(examples: Path, tmp_path: Path, service: Service) -> None:
    here, there = tmp_path / "here.jsonl", tmp_path / "there.jsonl"
    score(examples, here, detail="evidence", batch=7)
    score(examples, there, detail="evidence", batch=50, url=service.url)
    assert here.read_bytes() == there.read_bytes()


def test_a_line_is_what_the_wire_answers(examples: Path, tmp_path: Path, service: Service) -> None:
    score(examples, tmp_path / "out.jsonl", url=service.url, recipe={"base": "hardened", "alpha": 0.2}, detail="evidence")
    asked = {"recipe": {"base": "hardened", "alpha": 0.2}, "detail": "evidence", "groups": lines(examples)}
    answer = service.post("/v1/score", asked).json()
    assert lines(tmp_path / "out.jsonl") == answer["groups"]
    assert json.loads((tmp_path / "out.jsonl.job.json").read_text())["recipe_hash"] == answer["recipe"]["hash"]


def test_the_summary_is_that_of_the_output_however_often_it_was_resumed(examples: Path, tmp_path: Path, service: Service) -> None:
    out = tmp_path / "out.jsonl"
    first = score(examples, out, url=service.url)
    written = out.read_bytes()
    out.write_bytes(written[: len(written) // 2])
    again = score(examples, out, url=service.url)
    assert out.read_bytes() == written
    assert first == again
    rollouts = [r for g in lines(out) for r in g["rollouts"]]
    assert (again.groups, again.rollouts, again.bad_lines) == (50, 200, 0)
    decided = [r["reward"] for r in rollouts if r["reward"] is not None]
    assert again.mean("reward") == pytest.approx(statistics.mean(decided))
    assert again.counts["reward"] == len(decided)
    assert again.zero_variance == sum(g["zero_variance"] for g in lines(out))
    assert again.flags["truncated"] == 4


def test_parquet_out_has_a_row_a_rollout(examples: Path, tmp_path: Path, service: Service) -> None:
    score(examples, tmp_path / "out.parquet", url=service.url, detail="evidence")
    score(examples, tmp_path / "out.jsonl", url=service.url, detail="evidence")
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.schema.metadata[b"keystep.recipe.name"] == b"hardened"
    expected = [
        {"id": g["id"], "rollout_id": r["id"], "advantage": a, **{k: v for k, v in r.items() if k not in {"id", "extras", "evidence"}}}
        for g in lines(tmp_path / "out.jsonl")
        for r, a in zip(g["rollouts"], g["advantages"], strict=True)
    ]
    evidence = [r["evidence"] for g in lines(tmp_path / "out.jsonl") for r in g["rollouts"]]
    rows = table.to_pylist()
    assert [json.loads(row.pop("evidence")) for row in rows] == evidence
    assert all(json.loads(row.pop("extras")) == {} for row in rows)
    assert rows == expected
    assert lines(tmp_path / "out.parquet.jsonl") == lines(tmp_path / "out.jsonl")


def test_bad_lines_are_kept_aside_and_the_rest_is_scored(examples: Path, tmp_path: Path, service: Service) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    good = examples.read_bytes().splitlines(keepends=True)
    source.write_bytes(good[0] + b"{oops\n" + good[1] + good[0])
    for _ in range(2):
        summary = score(source, out, url=service.url, batch=1)
        assert (summary.groups, summary.bad_lines) == (2, 2)
        assert [(b["line"], b["text"][:5]) for b in lines(tmp_path / "out.jsonl.bad.jsonl")] == [(2, "{oops"), (4, '{"id"')]
    source.write_bytes(good[0])
    score(source, tmp_path / "other.jsonl", url=service.url)
    assert not (tmp_path / "other.jsonl.bad.jsonl").exists()


def test_what_a_service_refuses_costs_its_own_group_only(examples: Path, tmp_path: Path) -> None:
    groups = lines(examples)[:9]
    groups[4]["rollouts"][2]["text"] = "x" * 5001
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(b"".join(orjson.dumps(g) + b"\n" for g in groups))
    with running(tmp_path, max_text_chars=5000) as small:
        summary = score(source, out, url=small.url)
    assert (summary.groups, summary.bad_lines) == (8, 1)
    (bad,) = lines(tmp_path / "out.jsonl.bad.jsonl")
    assert (bad["line"], json.loads(bad["text"])["id"]) == (5, groups[4]["id"])
    assert "KEYSTEP_MAX_TEXT_CHARS" in bad["reason"]


def test_another_job_is_refused(examples: Path, tmp_path: Path, service: Service) -> None:
    out = tmp_path / "out.jsonl"
    score(examples, out, url=service.url)
    before = out.read_bytes()
    shorter = tmp_path / "shorter.jsonl"
    shorter.write_bytes(examples.read_bytes().splitlines(keepends=True)[0])
    for source, options in ((examples, {"recipe": "paper"}), (examples, {"detail": "evidence"}), (shorter, {})):
        with pytest.raises(InputError, match="was begun with"):
            score(source, out, url=service.url, **options)
    assert out.read_bytes() == before


def test_what_cannot_be_done_is_said(examples: Path, tmp_path: Path, service: Service) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n\n")
    with pytest.raises(InputError, match="no line that is a JSON object"):
        score(empty, tmp_path / "out.jsonl")
    with pytest.raises(InputError, match="at least 1"):
        score(examples, tmp_path / "out.jsonl", batch=0)
    with pytest.raises(InputError, match="no recipe 'best'"):
        score(examples, tmp_path / "out.jsonl", recipe="best")
    with pytest.raises(RejectedError, match="404"):
        score(examples, tmp_path / "out.jsonl", url=service.url + "/elsewhere")
    with pytest.raises(InputError, match="not the URL of a service"):
        score(examples, tmp_path / "out.jsonl", url="localhost")


def test_every_reason_either_leaves_undecided_or_explains_a_number() -> None:
    explains = {
        Reason.NO_KEY_STEPS, Reason.NO_ANSWER, Reason.SEVERAL_ANSWERS, Reason.REFUSAL, Reason.TRUNCATED_ANSWER, Reason.TOO_COMPLEX,
        Reason.NO_STRUCTURE, Reason.MISSING_BACKGROUND, Reason.MISSING_STEPS, Reason.MISSING_ANSWER, Reason.EMPTY_BACKGROUND, Reason.EMPTY_STEP,
        Reason.EMPTY_ANSWER, Reason.SEVERAL_ANSWER_SECTIONS, Reason.BACKGROUND_AFTER_STEPS, Reason.ANSWER_BEFORE_STEPS, Reason.STEPS_OUT_OF_ORDER,
    }  # fmt: skip
    assert not UNDECIDED & explains
    assert set(Reason) == UNDECIDED | explains
