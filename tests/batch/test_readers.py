from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from keystep.batch import rows
from keystep.batch.readers import READERS, Entry, choose, entries
from keystep.batch.rows import BadLine, Row
from keystep.errors import InputError

SOLUTION = "### Image Description:\nA bag.\n\n### Rationales:\nAdd.\n\n### Let's think step by step.\n\n### Step 1:\n2 + 3 = 5\n\n### The final answer is:\n5"
R1VL = {
    "problem": "How many?",
    "solution": SOLUTION,
    "key_steps": {"Steps": [["2 + 3 = 5", "2 plus 3 is 5"], "a bag"]},
    "image_path": "images/1.png",
    "completions": ["5", SOLUTION],
}
GROUP = {
    "id": "q",
    "question": "How many?",
    "answer": "5",
    "key_steps": [["2 + 3 = 5", "x"], ["a bag"]],
    "rollouts": [{"id": "q/0", "text": "5"}],
}


def write(path: Path, *lines: object) -> Path:
    path.write_bytes(
        b"".join((line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()) + b"\n" for line in lines)
    )
    return path


def read(path: Path, name: str | None = None) -> list[Entry | BadLine]:
    first = next(line for line in rows.read(path) if isinstance(line, Row))
    return list(entries(choose(name, first), rows.read(path)))


def one(path: Path) -> dict[str, Any]:
    (entry,) = read(path)
    assert isinstance(entry, Entry), entry
    return entry.group.model_dump(exclude_unset=True)


def test_groups_are_read_as_they_are(tmp_path: Path) -> None:
    assert one(write(tmp_path / "a.jsonl", GROUP)) == GROUP


def test_r1vl_rows(tmp_path: Path) -> None:
    group = one(write(tmp_path / "a.jsonl", R1VL))
    assert group == {
        "id": "row-1",
        "question": "How many?",
        "reference": SOLUTION,
        "answer": "5",
        "key_steps": [["2 + 3 = 5", "2 plus 3 is 5"], ["a bag"]],
        "images": ["images/1.png"],
        "rollouts": [{"id": "row-1/0", "text": "5"}, {"id": "row-1/1", "text": SOLUTION}],
    }


def test_r1vl_rows_may_bring_ids_and_rollouts_as_objects(tmp_path: Path) -> None:
    row = {name: value for name, value in R1VL.items() if name != "completions"} | {
        "id": 7,
        "rollouts": [{"id": "a", "text": "5", "truncated": True}],
    }
    group = one(write(tmp_path / "a.jsonl", row))
    assert (group["id"], group["rollouts"]) == ("7", [{"id": "a", "text": "5", "truncated": True}])


def test_r1vl_key_steps_as_the_raw_string(tmp_path: Path) -> None:
    row = R1VL | {"key_steps": 'Key Elements:\nImage Description: ["a bag"]; Rationales: ["add"]; Step 1: ["2 + 3 = 5"]'}
    assert one(write(tmp_path / "a.jsonl", row))["key_steps"] == [["a bag"], ["add"], ["2 + 3 = 5"]]


def test_flat_rows_are_gathered_by_id_wherever_they_stand(tmp_path: Path) -> None:
    found = read(
        write(
            tmp_path / "a.jsonl",
            {"id": "b", "prompt": "B?", "answer": "1", "response": "one"},
            {"id": "a", "prompt": "A?", "answer": "2", "response": "two", "rollout_id": "mine", "truncated": True},
            {"id": "b", "prompt": "B?", "answer": "1", "response": "uno"},
        )
    )
    assert [(e.lines, e.group.id, e.group.question, e.group.answer) for e in found if isinstance(e, Entry)] == [
        ((1, 3), "b", "B?", "1"),
        ((2,), "a", "A?", "2"),
    ]
    b, a = (e.group for e in found if isinstance(e, Entry))
    assert [(r.id, r.text) for r in b.rollouts] == [("b/0", "one"), ("b/1", "uno")]
    assert [(r.id, r.truncated) for r in a.rollouts] == [("mine", True)]


def test_flat_rows_without_ids_are_gathered_by_their_question(tmp_path: Path) -> None:
    found = read(
        write(
            tmp_path / "a.jsonl",
            {"question": "A?", "answer": "1", "completion": "x"},
            {"question": "A?", "answer": "2", "completion": "y"},
            {"question": "A?", "answer": "1", "completion": "z"},
        )
    )
    assert [e.lines for e in found if isinstance(e, Entry)] == [(1, 3), (2,)]


def test_a_flat_row_that_contradicts_its_question_is_kept_aside(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"id": "a", "answer": "1", "response": "x"}, {"id": "a", "answer": "2", "response": "y"})
    bad, good = read(path)
    assert isinstance(bad, BadLine)
    assert (bad.number, bad.reason) == (2, "answer is not that of line 1, which has the same id 'a'")
    assert isinstance(good, Entry)


def test_bad_lines_come_with_number_reason_and_text(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.jsonl",
        b'{"id": "q", ',
        b"[1]",
        b'{"id": "\xff"}',
        b'{"id": NaN}',
        b'{"id": "\\ud800"}',
        GROUP,
        b"   ",
        GROUP,
        GROUP | {"id": "r", "rollouts": []},
        GROUP | {"id": "s", "colour": "red"},
        GROUP | {"id": "t", "key_steps": [" "]},
    )
    found = read(path)
    bad = [line for line in found if isinstance(line, BadLine)]
    assert [line.number for line in bad] == [1, 2, 3, 4, 5, 8, 9, 10, 11]
    assert [e.lines for e in found if isinstance(e, Entry)] == [(6,)]
    for line, says in zip(
        bad,
        ["not JSON", "object, not list", "not JSON", "not JSON", "not JSON", "line 6 already", "rollouts", "colour", "blank"],
        strict=True,
    ):
        assert says in line.reason, line
        assert line.text


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"completions": None}, "completions"),
        ({"completions": []}, "completions"),
        ({"completions": [5]}, "rollouts.0"),
        ({"problem": 5}, "problem must be a string, not int"),
        ({"solution": "no header"}, "no gold answer"),
        ({"solution": SOLUTION[:-1]}, "no gold answer"),
        ({"key_steps": 5}, "key_steps"),
    ],
)
def test_r1vl_rows_that_cannot_be_scored_say_why(tmp_path: Path, change: dict[str, Any], says: str) -> None:
    (bad,) = read(write(tmp_path / "a.jsonl", R1VL | change))
    assert isinstance(bad, BadLine)
    assert says in bad.reason


def test_parquet_of_each_kind_reads_as_jsonl_does(tmp_path: Path) -> None:
    flat = [
        {"id": "a", "prompt": "A?", "answer": "1", "response": "x", "choices": None},
        {"id": "a", "prompt": "A?", "answer": "1", "response": "y", "choices": None},
    ]
    r1vl = R1VL | {"key_steps": {"Steps": [["2 + 3 = 5", "2 plus 3 is 5"], ["a bag"]]}}
    for name, lines in {"groups": [GROUP, GROUP | {"id": "r", "answer": None}], "r1vl": [r1vl], "flat": flat}.items():
        present = [{k: v for k, v in line.items() if v is not None} for line in lines]
        pq.write_table(pa.Table.from_pylist(lines), tmp_path / f"{name}.parquet")
        assert read(tmp_path / f"{name}.parquet") == read(write(tmp_path / f"{name}.jsonl", *present)), name
        assert rows.identify(tmp_path / f"{name}.parquet").lines == len(lines)


def test_a_format_that_cannot_be_told_or_does_not_exist(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", {"mood": 1})
    with pytest.raises(InputError, match=r"line 1 \(fields mood\); name it with --format: r1vl, groups, gsm8k, qwen-math, flat"):
        read(path)
    with pytest.raises(InputError, match="no format 'csv'"):
        read(path, "csv")
    assert all(isinstance(line, BadLine) for name in READERS for line in read(path, name))


def test_a_file_that_is_not_there_or_not_parquet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        rows.identify(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="not a Parquet file"):
        rows.identify(write(tmp_path / "a.parquet", GROUP))


def test_lines_are_counted_with_or_without_a_last_line_end(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    for content, lines in ((b"", 0), (b"{}", 1), (b"{}\n", 1), (b"{}\n\n{}", 3)):
        path.write_bytes(content)
        assert rows.identify(path).lines == lines


def test_gsm8k_model_solutions_are_groups_of_four(shared: Path) -> None:
    found = read(shared / "data/gsm8k/example_model_solutions.jsonl")
    assert len(found) == 1319
    first = found[0]
    assert isinstance(first, Entry)
    assert (first.group.id, first.group.answer, first.group.profile) == ("gsm8k-1", "18", "gsm8k")
    assert [r.id for r in first.group.rollouts] == [
        f"gsm8k-1/{m}" for m in ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
    ]
    assert all(
        isinstance(e, Entry)
        and len(e.group.rollouts) == 4
        and e.group.answer
        and not (e.group.reference or "").endswith(f"A: {e.group.answer}")
        for e in found
    )


def test_qwen_math_responses_are_groups_of_eight(shared: Path) -> None:
    found = read(shared / "data/qwen-math/math_cot_100.jsonl")
    assert len(found) == 100
    assert all(isinstance(e, Entry) and len(e.group.rollouts) == 8 and e.group.profile == "math" for e in found)
