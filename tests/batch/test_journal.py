from __future__ import annotations

import json
from pathlib import Path

import pytest

from keystep.batch.journal import Journal
from keystep.errors import InputError

JOB = {"input": "sha256:1", "recipe": "hardened"}
LINES = [json.dumps({"id": f"q{i}", "rollouts": [], "note": "né" * i}).encode() for i in range(4)]


def ids(journal: Journal) -> list[str]:
    return [g["id"] for g in journal.finished()]


def test_what_was_appended_is_there_next_time(tmp_path: Path) -> None:
    with Journal(tmp_path / "out", JOB) as journal:
        journal.append(LINES[:2])
        journal.append([])
    with Journal(tmp_path / "out", JOB) as journal:
        assert ids(journal) == ["q0", "q1"]
        journal.append(LINES[2:])
    assert (tmp_path / "out").read_bytes() == b"\n".join(LINES) + b"\n"


@pytest.mark.parametrize("pad", [0, 70_000], ids=["short", "longer than a block"])
def test_cut_at_every_byte_it_keeps_whole_lines_and_goes_on(tmp_path: Path, pad: int) -> None:
    lines = [*LINES, json.dumps({"id": "q4", "rollouts": [], "pad": "x" * pad}).encode()]
    whole = b"".join(line + b"\n" for line in lines)
    out = tmp_path / "out"
    with Journal(out, JOB):
        pass
    cuts = range(len(whole) + 1) if not pad else [*range(len(whole) - 300, len(whole) + 1), len(whole) - 65_536, len(whole) - 70_100]
    for cut in cuts:
        out.write_bytes(whole[:cut])
        with Journal(out, JOB) as journal:
            done = len(ids(journal))
            assert done == whole[:cut].count(b"\n")
            journal.append(lines[done:])
        assert out.read_bytes() == whole


@pytest.mark.parametrize("change", [{"input": "sha256:2"}, {"recipe": "paper"}], ids=["input", "recipe"])
def test_another_job_is_refused_and_harms_nothing(tmp_path: Path, change: dict[str, str]) -> None:
    with Journal(tmp_path / "out", JOB) as journal:
        journal.append(LINES)
    before = (tmp_path / "out").read_bytes() + b"partial"
    (tmp_path / "out").write_bytes(before)
    (name, theirs), *_ = change.items()
    with (
        pytest.raises(InputError, match=f"begun with {name} '{JOB[name]}', not '{theirs}'; give another -o, or remove"),
        Journal(tmp_path / "out", JOB | change),
    ):
        pass
    assert (tmp_path / "out").read_bytes() == before


def test_a_file_of_somebody_else_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("precious")
    for _ in range(2):
        with pytest.raises(InputError, match="give another -o"), Journal(tmp_path / "out", JOB):
            pass
    assert (tmp_path / "out").read_text() == "precious"


def test_a_card_that_a_kill_cut_short_begins_anew(tmp_path: Path) -> None:
    with Journal(tmp_path / "out", JOB):
        pass
    card = tmp_path / "out.job.json"
    whole = card.read_bytes()
    for cut in range(len(whole) - 2):
        card.write_bytes(whole[:cut])
        (tmp_path / "out").unlink(missing_ok=True)
        with Journal(tmp_path / "out", JOB):
            pass
        assert card.read_bytes() == whole


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    refused = pytest.raises(InputError, match="another keystep is writing out")
    with Journal(tmp_path / "out", JOB), refused, Journal(tmp_path / "out", JOB):
        pass
    with Journal(tmp_path / "out", JOB):
        pass


@pytest.mark.parametrize("line", [b"{", b"5", b"null", b"\xff\xfe", b'{"id": "q"}', b""])
def test_a_line_that_no_kill_can_make_is_said(tmp_path: Path, line: bytes) -> None:
    with Journal(tmp_path / "out", JOB) as journal:
        journal.append([LINES[0], line, LINES[1]])
    with Journal(tmp_path / "out", JOB) as journal, pytest.raises(InputError, match=r"line 2 of .* begin anew"):
        ids(journal)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a folder that exists"), Journal(tmp_path / "no" / "out", JOB):
        pass
