"""`keystep keysteps`: extraction that survives a kill, conversion between notations, a warmed cache."""

from __future__ import annotations

import io
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from batch.test_run import lines
from keystep.batch import questions, readers, records, rows
from keystep.batch.extract import Job, Summary, convert, run, warm
from keystep.errors import InputError
from keystep.settings import Settings
from keysteps.openai_server import MODEL, Bad, FakeOpenAI, openai_server

LLM = f"llm/{MODEL}"
CONCURRENCY = 4


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with openai_server() as it:
        yield it


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """60 questions."""
    return write(
        tmp_path / "in.jsonl",
        *({"id": f"q{i}", "question": f"{i} - 1?", "reference": f"So we see {i} - 1 = {i - 1}."} for i in range(10, 70)),
    )


def write(path: Path, *made: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    return path


def extract(source: Path, out: Path, settings: Settings | None = None, **options: Any) -> Summary:
    return run(Job(source=source, out=out, **options), settings or Settings(cache_path=None), Console(file=io.StringIO()))


def llm_settings(server: FakeOpenAI, **told: Any) -> Settings:
    return Settings(
        **{"cache_path": None, "llm_url": server.url, "llm_model": MODEL, "llm_retries": 0, "llm_concurrency": CONCURRENCY, **told}
    )


def keysteps(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "keystep", "keysteps", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | environment, timeout=120)


def test_a_line_is_a_question_with_its_key_steps_and_who_made_them(dataset, tmp_path):
    summary = extract(dataset, tmp_path / "out.jsonl")
    first, *rest = lines(tmp_path / "out.jsonl")
    assert first == {
        "id": "q10",
        "question": "10 - 1?",
        "reference": "So we see 10 - 1 = 9.",
        "key_steps": [["10 - 1 = 9", "10-1=9"]],
        "extractor": "rules",
        "address": first["address"],
        "images": [],
    }
    assert first["address"].startswith("rules/")
    assert (len(rest), summary.questions, summary.key_steps, summary.without) == (59, 60, 60, 0)


def test_killed_at_random_moments_nothing_is_lost_and_nothing_finished_is_asked_again(dataset, tmp_path, server):
    out, chance, kills = tmp_path / "out.jsonl", random.Random(7), 0
    told = {"KEYSTEP_CACHE_PATH": str(tmp_path / "cache.sqlite3"), "KEYSTEP_LLM_URL": server.url, "KEYSTEP_LLM_MODEL": MODEL}
    told |= {"KEYSTEP_LLM_CONCURRENCY": str(CONCURRENCY)}
    server.think = 0.02
    command = [sys.executable, "-m", "keystep", "keysteps", "extract", str(dataset), "-o", str(out), "--extractor", LLM]

    def begin() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, env=os.environ | told, stdout=subprocess.DEVNULL)

    # Two kills: what a killed process held is leased for some seconds yet.
    for requests in (50, 120):
        process = begin()
        while process.poll() is None and len(server.seen) < requests:
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        kills += process.wait() == -signal.SIGKILL
    assert kills == 2
    assert begin().wait() == 0
    assert [record["id"] for record in lines(out)] == [record["id"] for record in lines(dataset)]
    # Every question's three stages once, and again only what a kill met under way.
    assert 180 <= len(server.seen) <= 180 + kills * CONCURRENCY * 3
    extract(dataset, tmp_path / "whole.jsonl", llm_settings(server), extractor=LLM)
    assert out.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_cut_within_a_line_it_is_mended(dataset, tmp_path):
    out = tmp_path / "out.jsonl"
    extract(dataset, out)
    whole = out.read_bytes()
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        out.write_bytes(whole[:cut])
        extract(dataset, out)
        assert out.read_bytes() == whole


def test_an_output_of_another_extractor_is_not_gone_on_with(dataset, tmp_path, server):
    extract(dataset, tmp_path / "out.jsonl")
    with pytest.raises(InputError, match=f"begun with extractor 'rules/.*', not 'llm/.*{MODEL}'"):
        extract(dataset, tmp_path / "out.jsonl", llm_settings(server), extractor=LLM)


def test_what_fails_is_kept_aside_and_tried_again(dataset, tmp_path, server):
    out, aside = tmp_path / "out.jsonl", tmp_path / "out.jsonl.bad.jsonl"
    server.misbehave(Bad.REFUSAL, times=5, stage="extract")
    summary = extract(dataset, out, llm_settings(server), extractor=LLM)
    assert (summary.questions, dict(summary.failed)) == (55, {"extraction_refused": 5})
    kept = lines(aside)
    assert [line["reason"] for line in kept] == ["extraction_refused"] * 5
    assert {json.loads(line["text"])["id"] for line in kept} | {r["id"] for r in lines(out)} == {r["id"] for r in lines(dataset)}
    summary = extract(dataset, out, llm_settings(server), extractor=LLM)
    assert (summary.questions, summary.failed.total(), aside.exists()) == (60, 0, False)
    assert summary.usage is not None
    assert summary.usage.requests == 15


def test_the_command_says_what_happened(dataset, tmp_path, server):
    with dataset.open("a") as file:
        file.write("oops\n")
    server.misbehave(Bad.REFUSAL, times=1, stage="extract")
    told = {"KEYSTEP_CACHE_PATH": "", "KEYSTEP_LLM_URL": server.url, "KEYSTEP_LLM_MODEL": MODEL}
    done = keysteps("extract", str(dataset), "-o", str(tmp_path / "out.jsonl"), "--extractor", LLM, **told)
    assert done.returncode == 1
    assert done.stderr == f"keystep: 2 lines kept aside; {tmp_path}/out.jsonl.bad.jsonl says why\n"
    assert done.stdout.splitlines() == [
        "59 questions, 59 key steps (1.00 a question, 0 questions without any)",
        "failed: extraction_refused 1",
        "bad lines: 1",
        "model: 178 requests, 17800 prompt and 1780 completion tokens",
    ]


def test_an_extractor_that_is_not_here_is_told(dataset, tmp_path):
    done = keysteps("extract", str(dataset), "-o", str(tmp_path / "out.jsonl"), "--extractor", "llm/big", KEYSTEP_CACHE_PATH="")
    assert (done.returncode, done.stderr) == (2, "keystep: this service has no extractor 'llm/big'; it has rules\n")


ROWS = {
    "r1vl": {
        "problem": "7 - 3?",
        "solution": "### Step 1:\n7 - 3 = 4\n\n### The final answer is:\n4",
        "image_path": "a.png",
        "completions": ["4"],
    },
    "questions": {"id": "q", "question": "7 - 3?", "reference": "7 - 3 = 4", "rollouts": [{"id": "r", "text": "4"}]},
    "gsm8k": {
        "question": "7 - 3?",
        "ground_truth": "7 - 3 = 4\nA: 4",
        **{f"{size}_{kind}": {"solution": "4"} for size in ("6b", "175b") for kind in ("finetuning", "verification")},
    },
    "qwen-math": {"idx": 3, "question": "7 - 3?", "gt_cot": "7 - 3 = 4", "gt": "4", "code": ["4"]},
}


@pytest.mark.parametrize("name", ROWS)
def test_texts_are_those_that_scoring_sends(name):
    row = rows.Row(1, ROWS[name])
    form = questions.choose(None, row)
    assert form.name == name
    (asked,) = questions.read(form, [row])
    (entry,) = readers.entries(readers.choose(None, row), [row])
    assert (asked.question, asked.reference) == (entry.group.question, entry.group.reference)
    assert asked.images == (("a.png",) if name == "r1vl" else ())


def test_the_gsm8k_set_is_read_without_its_last_line():
    row = rows.Row(1, {"question": "7 - 3?", "answer": "7 - 3 = <<7-3=4>>4\n#### 4"})
    (asked,) = questions.read(questions.choose(None, row), [row])
    assert asked.reference == "7 - 3 = <<7-3=4>>4"


def test_several_references_are_several_questions_and_one_rollout_a_line_is_one():
    several = rows.Row(1, {"id": "q", "references": ["a = 1", "b = 2"]})
    form = questions.FORMATS["questions"]
    assert [(a.id, a.reference) for a in questions.read(form, [several])] == [("q/reference-0", "a = 1"), ("q/reference-1", "b = 2")]
    flat = [rows.Row(n, {"question": "q", "reference": "a = 1", "response": f"{n}"}) for n in (1, 2)]
    assert [a.line for a in questions.read(form, flat)] == [1]


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"id": "q", "question": "?", "reference": "another"}, "stands on line 1 with other texts"),
        ({"id": "p", "question": "?"}, "not a row of format questions: 'reference'"),
        ({"id": "p", "references": []}, "it has no reference"),
        ({"id": "p", "question": 5, "reference": "a"}, "question"),
        ({"id": "", "reference": "a"}, "id"),
    ],
)
def test_a_row_that_is_none_is_bad_with_its_reason(second, reason):
    form = questions.FORMATS["questions"]
    good, bad = questions.read(form, [rows.Row(1, {"id": "q", "question": "?", "reference": "a = 1"}), rows.Row(2, second)])
    assert isinstance(good, questions.Asked)
    assert isinstance(bad, rows.BadLine)
    assert bad.number == 2
    assert reason in bad.reason


def test_a_format_that_cannot_be_told_is_asked_for():
    with pytest.raises(InputError, match=r"fields foo.*r1vl, questions, gsm8k, qwen-math"):
        questions.choose(None, rows.Row(1, {"foo": 1}))
    with pytest.raises(InputError, match="no format 'bar'"):
        questions.choose("bar", rows.Row(1, {"foo": 1}))


SOLUTION = r"""### Image Description:
A triangle ABC.

### Rationales:
D halves BC.

### Step 1:
AD is a median, so $\frac{6}{3} = 2$.

### Step 2:
Half of it is 1.

### The final answer is:
1"""
RECORD = {
    "id": "q",
    "question": "How long?",
    "reference": SOLUTION,
    "key_steps": [
        ["triangle ABC"],
        ["D halves BC", "BC is halved"],
        ["median is AD", "AD is a median"],
        [r"\frac{6}{3} = 2", "6/3 = 2"],
        ["unheard of"],
    ],
    "extractor": "imported",
    "address": None,
    "images": ["a.png"],
}


def test_steps_rows_there_and_back(tmp_path):
    source, there, back = write(tmp_path / "in.jsonl", RECORD), tmp_path / "there.jsonl", tmp_path / "back.jsonl"
    assert convert(source, there, "r1vl") == (1, 0)
    (row,) = lines(there)
    assert row == {
        "id": "q",
        "problem": "How long?",
        "solution": SOLUTION,
        "image_path": "a.png",
        "key_steps": {"Steps": ["triangle ABC", *RECORD["key_steps"][1:4], "unheard of"]},
    }
    assert convert(there, back, "keystep") == (1, 0)
    assert lines(back) == [RECORD]


def test_the_raw_string_names_each_key_steps_section_and_has_one_form(tmp_path):
    source, there, back = write(tmp_path / "in.jsonl", RECORD), tmp_path / "there.jsonl", tmp_path / "back.jsonl"
    convert(source, there, "raw")
    (row,) = lines(there)
    # What no form places stands with what came before it.
    assert row["key_steps"] == (
        'Key Elements:\nImage Description: ["triangle ABC"]; Rationales: ["D halves BC"]; '
        'Step 1: ["median is AD", "\\\\frac{6}{3} = 2", "unheard of"]'
    )
    convert(there, back, "keystep")
    assert lines(back) == [RECORD | {"key_steps": [forms[:1] for forms in RECORD["key_steps"]]}]


@pytest.mark.parametrize(
    "row",
    [
        {"id": "q", "problem": "?", "solution": "s", "key_steps": {"Steps": ["a", ["b", "c"]]}},
        {"id": "q", "problem": "?", "solution": "s", "key_steps": '{"Steps": ["a", ["b", "c"]]}'},
        {"id": "q", "question": "?", "reference": "s", "Steps": ["a", ["b", "c"]]},
        {"id": "q", "question": "?", "reference": "s", "key_steps": ["a", ["b", "c"]]},
    ],
)
def test_every_notation_is_read(tmp_path, row):
    ((line, record),) = records.read(write(tmp_path / "in.jsonl", row))
    assert (line, record.id, record.question, record.reference) == (1, "q", "?", "s")
    assert [step.forms for step in record.steps()] == [("a",), ("b", "c")]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"id": "q", "key_steps": [[]]}, "key_steps.0"),
        ({"id": "q", "key_steps": ["  "]}, "key_steps.0"),
        ({"id": "q"}, "key_steps"),
        ({"id": "q", "key_steps": "nothing of the kind"}, "no section was found"),
        ({"id": "q", "key_steps": {"Steps": "a"}}, 'a list "Steps"'),
        ({"id": "q", "problem": "?"}, 'a list "Steps"'),
        ({"id": "q", "key_steps": ["a"], "colour": 1}, "colour"),
    ],
)
def test_what_is_no_record_is_kept_aside(tmp_path, row, reason):
    source, out = write(tmp_path / "in.jsonl", row, RECORD), tmp_path / "out.jsonl"
    assert convert(source, out, "keystep") == (1, 1)
    assert lines(out) == [RECORD]
    (bad,) = lines(tmp_path / "out.jsonl.bad.jsonl")
    assert bad["line"] == 1
    assert reason in bad["reason"]


def test_a_file_that_is_not_there_leaves_nothing_behind(tmp_path):
    with pytest.raises(InputError, match="cannot read"):
        convert(tmp_path / "none.jsonl", tmp_path / "out.jsonl", "keystep")
    assert list(tmp_path.iterdir()) == []


def test_the_commands_convert(tmp_path):
    source = write(tmp_path / "in.jsonl", RECORD)
    there, raw, back = (str(tmp_path / name) for name in ("there.jsonl", "raw.jsonl", "back.jsonl"))
    assert keysteps("export", str(source), "-o", there).stdout == f"1 questions written to {there}\n"
    assert keysteps("import", there, "-o", back).returncode == 0
    assert lines(Path(back)) == [RECORD]
    assert keysteps("export", str(source), "-o", raw, "--notation", "raw").returncode == 0
    assert lines(Path(raw))[0]["key_steps"].startswith("Key Elements:")
    with source.open("a") as file:
        file.write("{}\n")
    done = keysteps("export", str(source), "-o", there)
    assert (done.returncode, done.stderr) == (1, f"keystep: 1 lines kept aside; {there}.bad.jsonl says why\n")


def test_show_prints_every_form_and_names_bad_lines(tmp_path):
    source = write(tmp_path / "in.jsonl", RECORD, {"id": "broken"})
    done = keysteps("show", str(source))
    assert done.stdout.splitlines()[:5] == [
        "q (imported): How long?",
        "  1. triangle ABC",
        "  2. D halves BC",
        "       = BC is halved",
        "  3. median is AD",
    ]
    assert (done.returncode, done.stderr) == (1, f"keystep: line 2 of {source}: key_steps: Field required\n")


def test_show_ends_quietly_when_its_reader_does(tmp_path):
    source = write(tmp_path / "in.jsonl", *[RECORD] * 2000)
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m keystep keysteps show {source} | head -1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "q (imported): How long?\n", "")


def test_a_warmed_cache_needs_no_model(dataset, tmp_path, server):
    extract(dataset, tmp_path / "made.jsonl", llm_settings(server), extractor=LLM)
    asked = len(server.seen)
    here = llm_settings(server, cache_path=tmp_path / "cache.sqlite3")
    assert warm(tmp_path / "made.jsonl", here) == (60, [])
    summary = extract(dataset, tmp_path / "out.jsonl", here, extractor=LLM)
    assert (summary.cached, len(server.seen)) == (60, asked)
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "made.jsonl").read_bytes()


def test_only_what_an_extractor_here_would_make_is_taken_into_the_cache(dataset, tmp_path, server):
    extract(dataset, tmp_path / "made.jsonl", llm_settings(server), extractor=LLM)
    with (tmp_path / "made.jsonl").open("a") as file:
        file.write(json.dumps(RECORD) + "\n")
    done = keysteps("warm", str(tmp_path / "made.jsonl"), KEYSTEP_CACHE_PATH=str(tmp_path / "cache.sqlite3"))
    said = done.stderr.splitlines()
    assert (done.returncode, done.stdout, len(said)) == (1, "0 questions put into the cache\n", 61)
    assert f"made by llm/1/prompts/1/parser/1/{MODEL}; the extractors here are rules/" in said[0]
    assert "made by imported" in said[60]


def test_without_a_cache_there_is_nothing_to_warm(dataset):
    with pytest.raises(InputError, match="no cache to warm"):
        warm(dataset, Settings(cache_path=None))


def test_a_cache_that_cannot_be_written_is_an_error_not_a_success(dataset, tmp_path):
    extract(dataset, tmp_path / "made.jsonl")
    done = keysteps("warm", str(tmp_path / "made.jsonl"), KEYSTEP_REDIS_URL="redis://127.0.0.1:1/0")
    assert done.returncode == 2
    assert "the cache could not be written" in done.stderr


def test_the_page_on_key_steps_shows_what_the_command_makes(tmp_path):
    page = (Path(__file__).parents[2] / "docs/key-steps.md").read_text(encoding="utf-8")
    asked, made = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL))
    extract(write(tmp_path / "in.jsonl", asked), tmp_path / "out.jsonl")
    assert lines(tmp_path / "out.jsonl") == [made]
