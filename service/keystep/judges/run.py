"""`keystep judge`: a file of outputs, judged alone or against another, to a file of judgements in the outputs' order."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from keystep.errors import ComponentError, InputError
from keystep.judges import formats
from keystep.judges.formats import Answered
from keystep.judges.judge import Judge
from keystep.judges.judgements import preference


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What `keystep judge` was asked. against: outputs of the baseline; None: each output alone."""

    outputs: Path
    out: Path
    against: Path | None = None
    questions: Path | None = None


def run(job: Job, judge: Judge, *, at_once: int) -> list[dict[str, Any]]:
    """Writes the judgements, all of them or none, and returns them. Raises InputError."""
    if any(path is not None and job.out.exists() and job.out.samefile(path) for path in (job.outputs, job.against, job.questions)):
        raise InputError(f"{job.out} is what is read; give another -o", field="out")
    outputs = formats.answers(job.outputs, job.questions)
    baseline = None if job.against is None else formats.answers(job.against, job.questions)
    if baseline is not None:
        missing = [id_ for id_ in outputs if id_ not in baseline]
        if missing:
            raise InputError(
                f"{job.against} has no output for {missing[0][:80]!r} ({len(missing)} are missing); both must answer the same",
                field="against",
            )

    def judged(answer: Answered) -> dict[str, Any]:
        other = None if baseline is None else baseline[answer.id]
        return _alone(judge, answer) if other is None else _paired(judge, answer, other)

    unfinished = job.out.with_name(job.out.name + ".part")
    try:
        with ThreadPoolExecutor(at_once, "keystep-judge") as threads:
            lines = list(threads.map(judged, outputs.values()))
        unfinished.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))
        unfinished.replace(job.out)
    finally:
        unfinished.unlink(missing_ok=True)
    return lines


def _alone(judge: Judge, answer: Answered) -> dict[str, Any]:
    score, reason = _tried(lambda: judge.single(answer.question, answer.output))
    return {"id": answer.id, "model": answer.model, "judge": judge.name, "score": score, "reason": reason}


def _paired(judge: Judge, answer: Answered, other: Answered) -> dict[str, Any]:
    verdict, reason = _tried(lambda: judge.pair(answer.question, answer.output, other.output))
    return {
        "id": answer.id,
        "model": answer.model,
        "baseline": other.model,
        "judge": judge.name,
        "preference": None if verdict is None else preference(verdict.orders),
        "orders": None if verdict is None else list(verdict.orders),
        "output_length": len(answer.output),
        "baseline_length": len(other.output),
        "reason": reason,
    }


def _tried(work: Callable[[], Any]) -> tuple[Any, str | None]:
    """(judgement, None), or (None, why there is none): one that fails costs no other."""
    try:
        return work(), None
    except ComponentError as error:
        return None, error.reason.value
