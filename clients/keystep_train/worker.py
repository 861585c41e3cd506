"""The StepGRPO worker and its two schedules.

    sync          draw t -> prepare t (while t is scored) -> wait for t -> learn from t
    one_step_off  draw t+1 -> prepare t+1 -> wait for t (scored meanwhile) -> learn from t

One step off, a batch is learnt from by weights one update younger than those that drew it, so the loss has the ratio of both,
clipped. The first batch is on-policy.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from keystep_train.config import StepGrpo
from keystep_train.evaluation import Evaluator
from keystep_train.generation import generator
from keystep_train.optimisers import adamw, pace, update
from keystep_train.policies import Before, load
from keystep_train.progress import progress
from keystep_train.questions import Questions
from keystep_train.rewards import Scorer, Sent, signal
from keystep_train.runs import Run
from keystep_train.stepgrpo import Drawn, StepGrpoSteps, lengths

Pending = tuple[Drawn, list[Sent]]


def train(settings: StepGrpo) -> None:
    """Trains until the run is done, from where its folder has it."""
    questions = Questions(settings.data, settings.seed)
    run = Run(settings)
    if run.finished:
        return
    policy = load(settings.model, questions.task, seed=settings.seed)
    policy.model.to(run.accelerator.device)
    reference = Before(policy) if settings.beta > 0 else None
    model, optimiser = run.accelerator.prepare(policy.model, adamw(policy.model, settings.optimiser))
    drawing = generator(policy, settings.sampling, processes=run.accelerator.num_processes)
    with run, Scorer(settings.service) as scorer, closing(drawing):
        steps = StepGrpoSteps(settings, run, policy, reference, questions, scorer, drawing)
        evaluator = Evaluator(settings, questions, policy)
        drawn_before: Drawn | None = run.restore()
        pending = None if drawn_before is None else (drawn_before, steps.send_again(drawn_before))
        for step in progress("StepGRPO", run.step, settings.steps, shown=run.main):
            clock = Clock()
            drawn, sent = pending or _draw(steps, step, clock)
            ahead = settings.schedule == "one_step_off" and step + 1 < settings.steps
            pending = _draw(steps, step + 1, clock) if ahead else None
            with clock.phase("wait"):
                collected = scorer.collect(sent)
            learnt = signal(collected.groups, settings.service.undecided)
            with clock.phase("learn"):
                pace(optimiser, settings.optimiser, step=step, steps=settings.steps)
                values = steps.learn(model, drawn, learnt)
                values |= update(run.accelerator, model, optimiser, settings.optimiser)
            values |= learnt.metrics | collected.metrics() | lengths(drawn, policy.truncated(drawn.batch))
            values["staleness"] = float(step - drawn.drawn_at)
            run.step = step + 1
            run.log(values | clock.times | evaluator.after(run.step))
            if run.due():
                run.checkpoint(None if pending is None else pending[0])
        run.finish(policy, model)


def _draw(steps: StepGrpoSteps, step: int, clock: Clock) -> Pending:
    with clock.phase("draw"):
        drawn, sent = steps.draw(step)
    with clock.phase("prepare"):
        steps.prepare(drawn)
    return drawn, sent


class Clock:
    """How long the phases of one step took, as ``time/<phase>`` in seconds, in the order in which they came."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self.times: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Adds to a phase; a step that draws twice (the first one step off) has both in one."""
        began = time.monotonic()
        yield
        self.times[f"time/{name}"] = self.times.get(f"time/{name}", 0.0) + time.monotonic() - began
        self.times["time/step"] = time.monotonic() - self._began
