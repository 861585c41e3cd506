"""Outcomes for a batch of responses: prove what can be proved here, send the rest to the pool, keep order, never raise.

official   the released code, in a worker            paper   the literal answer section, math-verify or equal with case ignored
hardened   hardened.judge, then symbolic.equal in a worker for what is left
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from threading import Lock
from typing import Final

from keystep.core import structure as structure_parser
from keystep.nouns import Outcome, Question, Reason, SectionKind, Span, Structure
from keystep.recipe import Recipe
from keystep.verify import benchmarks, hardened, official, units
from keystep.verify.hardened import Pending
from keystep.verify.pool import Pool, Reply

logger = logging.getLogger(__name__)

# Symbolic verdicts remembered, by content.
_REMEMBERED: Final = 65_536
# Grace beyond which a task that the pool has not answered is given up (only a defect of the pool's own gets here).
_LOST_SECONDS: Final = 600.0


@dataclass(frozen=True, slots=True)
class VerifyItem:
    """One response to one question. structure: as parsed, when the caller has it."""

    question: Question
    text: str
    truncated: bool = False
    structure: Structure | None = None


Job = tuple[str, tuple[str | int, ...]]  # a worker function's name and arguments: what a verdict is a function of


class Verifier:
    """Owns the worker processes. Thread-safe: any number of threads may verify at once.

    workers: processes for symbolic comparison.  cpu_seconds: CPU time one comparison may use.
    """

    def __init__(self, *, workers: int = 2, cpu_seconds: float = 5.0) -> None:
        self._pool = Pool(workers)
        self._cpu_seconds = cpu_seconds
        self._verdicts: OrderedDict[bytes, bool] = OrderedDict()
        self._lock = Lock()

    def start(self) -> None:
        """Start the workers and load what the first answers need; returns when warm. Idempotent."""
        units.measure("cm")
        self._pool.start()

    def ready(self) -> bool:
        """Whether every worker is up and warm."""
        return self._pool.ready()

    def close(self) -> None:
        """Stop the workers; verify() then answers null for what needs them."""
        self._pool.close()

    def verify(self, items: Sequence[VerifyItem], recipe: Recipe, *, deadline: float | None = None) -> list[Outcome]:
        """One outcome an item, in order. deadline: time.monotonic() after which what is not decided is null."""
        waiting: dict[Job, Future[Reply]] = {}
        decided = [self._begin(item, recipe, waiting, deadline) for item in items]
        return [d if isinstance(d, Outcome) else self._finish(d, waiting, deadline) for d in decided]

    def ask(self, job: Job) -> Future[Reply]:
        """Have job done, unless its verdict is remembered. The future may be cancelled; else its result is always a Reply."""
        if (known := self._recall(job)) is not None:
            future: Future[Reply] = Future()
            future.set_result(Reply("done", known))
            return future
        future = self._pool.submit(job[0], *job[1], cpu_seconds=self._cpu_seconds)
        future.add_done_callback(lambda done: self._remember(job, done))
        return future

    def _begin(self, item: VerifyItem, recipe: Recipe, waiting: dict[Job, Future[Reply]], deadline: float | None) -> Outcome | Open:
        if deadline is not None and time.monotonic() > deadline:
            return Outcome(None, reasons=(Reason.DEADLINE,))
        judged = judge(item, recipe)
        if isinstance(judged, Open) and judged.job not in waiting:
            waiting[judged.job] = self.ask(judged.job)
        return judged

    def _finish(self, item: Open, waiting: dict[Job, Future[Reply]], deadline: float | None) -> Outcome:
        future = waiting[item.job]
        try:
            reply = future.result(_LOST_SECONDS if deadline is None else max(0.0, deadline - time.monotonic()))
        except (FutureTimeoutError, CancelledError):  # cancelled: by an item before it that waited for the same verdict
            future.cancel()  # not begun: not worth beginning; begun: its verdict is remembered for the next time
            return item.null(Reason.DEADLINE)
        return item.settled(reply)

    def _recall(self, job: Job) -> bool | None:
        with self._lock:
            if (verdict := self._verdicts.get(_key(job))) is not None:
                self._verdicts.move_to_end(_key(job))
            return verdict

    def _remember(self, job: Job, done: Future[Reply]) -> None:
        if done.cancelled() or done.result().status != "done":
            return
        with self._lock:
            self._verdicts[_key(job)] = bool(done.result().value)
            while len(self._verdicts) > _REMEMBERED:
                self._verdicts.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Open:
    """An item that waits for a worker's yes or no."""

    job: Job
    right: Outcome
    wrong: Outcome

    def settled(self, reply: Reply) -> Outcome:
        """The outcome, once the worker has answered, or could not."""
        if reply.status == "done":
            return self.right if reply.value else self.wrong
        return self.null(_NO_REPLY.get(reply.status, Reason.INTERNAL_ERROR))

    def null(self, reason: Reason) -> Outcome:
        shown = self.wrong
        return Outcome(None, shown.answer, shown.span, shown.answer_type, shown.method, (reason,), shown.flags)


_NO_REPLY: Final = {"timeout": Reason.VERIFIER_TIMEOUT, "crashed": Reason.VERIFIER_CRASHED, "closed": Reason.VERIFIER_CRASHED}


def _key(job: Job) -> bytes:
    return hashlib.blake2b(repr(job).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def judge(item: VerifyItem, recipe: Recipe) -> Outcome | Open:
    """What can be proved here and now; Open where only symbolic work can tell. Never raises."""
    try:
        return _judge(item, recipe)
    except Exception:
        logger.exception("verification failed on question %r", item.question.id)
        return Outcome(None, reasons=(Reason.INTERNAL_ERROR,))


def _judge(item: VerifyItem, recipe: Recipe) -> Outcome | Open:
    if recipe.verification == "official":
        return _benchmark(item, item.text, None) if item.question.profile and item.question.answer is not None else _official(item)
    if recipe.verification == "paper":
        return _paper(item, recipe)
    judged = hardened.judge(item.question, item.text, item.structure, recipe, truncated=item.truncated)
    if isinstance(judged, Pending):
        return Open(("equal", (judged.gold, judged.answer, judged.rounding)), judged.right, judged.wrong)
    return judged


def _benchmark(item: VerifyItem, answer: str, span: Span | None) -> Outcome:
    """A profile in its official form: the benchmark's own scoring."""
    right = benchmarks.official(item.question.profile or "")(item.question, answer)
    if right is None:
        return Outcome(None, answer, span, None, "benchmark", (Reason.NEEDS_JUDGE,))
    return Outcome(float(right), answer, span, None, "benchmark")


def _official(item: VerifyItem) -> Outcome | Open:
    """The released code, bug for bug: math-verify on the whole response, then its final text, case kept.

    But what math-verify does not decide within the CPU budget is null here; the released code says no after five seconds.
    """
    gold = item.question.answer
    if gold is None:
        return Outcome(None, reasons=(Reason.NO_REFERENCE_ANSWER,))
    shown = official.final_text(item.text)
    right = Outcome(1.0, shown, None, "text", "official")
    if official.same_text(item.text, gold):
        return right
    return Open(("by_default", (item.text, gold)), right, Outcome(0.0, shown, None, "text", "official"))


def _paper(item: VerifyItem, recipe: Recipe) -> Outcome | Open:
    """The paper's rule on the literal answer section: equal with case ignored, or math-verify says so."""
    gold = item.question.answer
    if gold is None:
        return Outcome(None, reasons=(Reason.NO_REFERENCE_ANSWER,))
    structure = item.structure if item.structure is not None else structure_parser.parse(item.text, recipe.grammar)
    sections = structure.of(SectionKind.ANSWER)
    body = sections[-1].body if sections else (0, 0)
    answer = item.text[slice(*body)].strip()
    if not answer:
        return Outcome(0.0, reasons=(Reason.NO_ANSWER,))
    if item.question.profile:
        return _benchmark(item, answer, body)
    right = Outcome(1.0, answer, body, "text", "paper")
    if answer.lower() == gold.strip().lower():
        return right
    return Open(("by_default", (gold, answer)), right, Outcome(0.0, answer, body, "text", "paper"))
