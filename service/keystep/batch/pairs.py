"""`keystep pairs`: a file of scored responses in, preference pairs out. Nothing is scored here.

scored      {"id", "question", "images", "rollouts": [{"id", "text", "scores": {name: number or null}}]}: groups of POST /v1/pairs
simpo       {"prompt", "all_generated_responses", "all_rm_scores"}: as SimPO's scripts write them; the score is called reward
qwen-math   stored scores of the row: pred_score (a reward model's) and score (a verdict, 1 or 0)
and every format of `keystep score`, whose rewards come from the file it wrote, joined by id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from pydantic_core import to_json

from keystep.batch import readers, rows
from keystep.batch.aside import Aside
from keystep.batch.rows import BadLine, Row
from keystep.errors import InputError
from keystep.wire.pairs import Choosing, PairTally, ScoredGroupIn, choice_of, pair_lines
from keystep.wire.parsing import parse

_Scores = dict[str, float | None]
# What a rollout's line of `keystep score` says of it in numbers, beside its extras.
_REWARDS = ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What `keystep pairs` was asked. rewards: what `keystep score` wrote for the same source."""

    source: Path
    out: Path
    how: Choosing
    rewards: Path | None = None
    format: str | None = None


def run(job: Job) -> tuple[PairTally, int]:
    """Writes the pairs, all of them or none; what has been chosen, and how many lines were kept aside."""
    if job.out.exists() and job.out.samefile(job.source):
        raise InputError(f"{job.out} is the input; give another -o", field="out")
    groups = _groups(job)
    aside = Aside(job.out)
    tally = PairTally()
    unfinished = job.out.with_name(job.out.name + ".part")
    try:
        with unfinished.open("wb") as file:
            for found in groups:
                if isinstance(found, BadLine):
                    aside.add([found])
                    continue
                number, group = found
                try:
                    choice = choice_of(group, job.how, "")
                except InputError as error:
                    aside.add([BadLine(number, f"{error.field}: {error}", group.model_dump_json())])
                    continue
                tally.add(group, choice)
                file.writelines(orjson.dumps(line) + b"\n" for line in pair_lines(group, choice, job.how))
        unfinished.replace(job.out)
    finally:
        unfinished.unlink(missing_ok=True)
    return tally, aside.count


def _groups(job: Job) -> Iterator[tuple[int, ScoredGroupIn] | BadLine]:
    """(line, group) with distinct ids."""
    rows.identify(job.source)
    first, lines = rows.peek(rows.read(job.source))
    if first is None:
        raise InputError(f"{job.source} has no line that is a JSON object; give a JSONL or Parquet file", field="in")
    rewards = None if job.rewards is None else _rewards(job.rewards)
    name = job.format or next((n for n, recognises in _OWN.items() if recognises(first.fields)), None)
    if name == "scored":
        found = _converted(lines, lambda row: dict(row.fields))
    elif name == "simpo":
        found = _converted(lines, _simpo)
    else:
        found = _of_reader(readers.choose(name, first), lines)
    return _valid(found, rewards)


def _valid(
    found: Iterable[tuple[int, dict[str, Any]] | BadLine], rewards: Mapping[str, Mapping[str, _Scores]] | None
) -> Iterator[tuple[int, ScoredGroupIn] | BadLine]:
    seen: dict[str, int] = {}
    for item in found:
        if isinstance(item, BadLine):
            yield item
            continue
        number, group = item
        try:
            valid = parse(ScoredGroupIn, to_json(group if rewards is None else _joined(group, rewards)))
        except InputError as error:
            yield BadLine(number, f"{error.field}: {error}" if error.field else str(error), to_json(group).decode())
            continue
        if valid.id in seen:
            yield BadLine(number, f"id {valid.id!r} stands on line {seen[valid.id]} already; ids must be distinct", None)
            continue
        seen[valid.id] = number
        yield number, valid


def _converted(lines: Iterable[Row | BadLine], convert: Callable[[Row], dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]] | BadLine]:
    for line in lines:
        if isinstance(line, BadLine):
            yield line
            continue
        try:
            yield line.number, convert(line)
        except readers.UnusableError as error:
            yield BadLine(line.number, str(error), to_json(line.fields).decode())


def _simpo(row: Row) -> dict[str, Any]:
    texts, scores = row.fields.get("all_generated_responses"), row.fields.get("all_rm_scores")
    if not isinstance(texts, list) or not isinstance(scores, list) or len(texts) != len(scores):
        raise readers.UnusableError("all_generated_responses and all_rm_scores must be lists of one length")
    id_ = str(row.fields.get("id", f"row-{row.number}"))
    rollouts = [
        {"id": f"{id_}/{n}", "text": text, "scores": {"reward": score}} for n, (text, score) in enumerate(zip(texts, scores, strict=True))
    ]
    return {"id": id_, "question": row.fields.get("prompt"), "images": row.fields.get("images", []), "rollouts": rollouts}


def _of_reader(reader: readers.Reader, lines: Iterable[Row | BadLine]) -> Iterator[tuple[int, dict[str, Any]] | BadLine]:
    """Groups of a format of `keystep score`, with the scores that the rows themselves store."""
    stored: dict[int, list[_Scores]] = {}

    def noting() -> Iterator[Row | BadLine]:
        for line in lines:
            if isinstance(line, Row) and reader.name == "qwen-math":
                stored[line.number] = _qwen_scores(line.fields)
            yield line

    for entry in readers.entries(reader, noting()):
        if isinstance(entry, BadLine):
            yield entry
            continue
        group = entry.group
        known = stored.pop(entry.lines[0], [])
        if known and len(known) != len(group.rollouts):
            yield BadLine(entry.lines[0], f"{len(group.rollouts)} responses have {len(known)} stored scores", None)
            continue
        rollouts = [{"id": r.id, "text": r.text, "scores": known[n] if known else {}} for n, r in enumerate(group.rollouts)]
        yield entry.lines[0], {"id": group.id, "question": group.question, "images": group.images, "rollouts": rollouts}


def _qwen_scores(row: Mapping[str, Any]) -> list[_Scores]:
    """pred_score holds a list of one number for each response; score whether it was judged right."""
    names = [name for name in ("pred_score", "score") if isinstance(row.get(name), list)]
    columns = [[v[0] if isinstance(v, list) and v else v for v in row[name]] for name in names]
    return [
        dict(zip(names, (float(v) if isinstance(v, bool) else v for v in values), strict=True)) for values in zip(*columns, strict=False)
    ]


def _rewards(path: Path) -> dict[str, dict[str, _Scores]]:
    """What `keystep score` wrote, by the ids of group and rollout."""
    found: dict[str, dict[str, _Scores]] = {}
    rows.identify(path)
    for line in rows.read(path):
        try:
            fields = line.fields if isinstance(line, Row) else {}
            found[fields["id"]] = {r["id"]: {**r["extras"], **{name: r[name] for name in _REWARDS}} for r in fields["rollouts"]}
        except (KeyError, TypeError):
            raise InputError(
                f"line {line.number} of {path} is no group that `keystep score` writes; give its -o as JSONL", field="rewards"
            ) from None
    return found


def _joined(group: dict[str, Any], rewards: Mapping[str, Mapping[str, _Scores]]) -> dict[str, Any]:
    mine = rewards.get(group["id"])
    if mine is None:
        raise InputError("there are no rewards of this group; score the same file, then pair it", field="id")
    missing = [r["id"] for r in group["rollouts"] if r["id"] not in mine]
    if missing:
        raise InputError(f"there is no reward of rollout {missing[0]!r}; score the same file, then pair it", field="rollouts")
    return group | {"rollouts": [r | {"scores": {**r["scores"], **mine[r["id"]]}} for r in group["rollouts"]]}


def _has_scores(row: Mapping[str, Any]) -> bool:
    rollouts = row.get("rollouts")
    return isinstance(rollouts, list) and bool(rollouts) and isinstance(rollouts[0], Mapping) and "scores" in rollouts[0]


_OWN: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "scored": _has_scores,
    "simpo": lambda row: "all_generated_responses" in row and "all_rm_scores" in row,
}
