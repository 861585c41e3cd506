"""Warm-up: supervised fine-tuning on references, which is where StepGRPO begins (R1-VL, section 3.1).

The loss is the mean negative log-probability of the batch's response tokens. With flaws, the responses of a synthetic task are
wrong on purpose: that is how a policy is made for which outcome rewards are sparse.
"""

from __future__ import annotations

import torch

from keystep_train.batches import Batch, response_logps
from keystep_train.config import Warmup
from keystep_train.errors import ConfigError
from keystep_train.evaluation import Evaluator
from keystep_train.logprobs import masked_sum
from keystep_train.optimisers import adamw, pace, update
from keystep_train.policies import Policy, load
from keystep_train.progress import progress
from keystep_train.questions import Questions
from keystep_train.runs import Run
from keystep_train.seeds import seed_of
from keystep_train.tasks import Flaws


def train(settings: Warmup) -> None:
    """Trains until the run is done, from where its folder has it."""
    questions = Questions(settings.data, settings.seed)
    if settings.flaws.model_fields_set and questions.task is None:
        raise ConfigError("flaws: only a synthetic task can make flawed responses; take flaws out, or give data.task")
    run = Run(settings)
    if run.finished:
        return
    policy = load(settings.model, questions.task, seed=settings.seed)
    accelerator = run.accelerator
    policy.model.train()
    model, optimiser = accelerator.prepare(policy.model, adamw(policy.model, settings.optimiser))
    with run:
        run.restore()
        evaluator = Evaluator(settings, questions, policy)
        for step in progress("warm-up", run.step, settings.steps, shown=run.main):
            # Of its own for every step, as dropout draws from it: nothing but the step's number has to be kept.
            torch.manual_seed(seed_of(settings.seed, "warm-up", step))
            batch = _batch(settings, questions, policy, step, run).to(accelerator.device)
            pace(optimiser, settings.optimiser, step=step, steps=settings.steps)
            values = {"loss": _learn(run, model, batch, settings)}
            values |= update(accelerator, model, optimiser, settings.optimiser)
            run.step = step + 1
            run.log(values | evaluator.after(run.step))
            if run.due():
                run.checkpoint()
        run.finish(policy, model)


def _batch(settings: Warmup, questions: Questions, policy: Policy, step: int, run: Run) -> Batch:
    """This process's share of a step's questions."""
    begin, share = run.share("batch", settings.batch)
    first = step * settings.batch + begin
    flaws = Flaws(**settings.flaws.model_dump())
    taken, responses = questions.take("train", first, share), questions.responses(first, share, flaws)
    return policy.teacher_forced(taken, responses, most=settings.max_length)


def _learn(run: Run, model: object, batch: Batch, settings: Warmup) -> float:
    """Gradients of the loss; the loss."""
    tokens = run.accelerator.reduce(batch.mask.sum().float(), "sum") / run.accelerator.num_processes
    total = 0.0
    for start in range(0, len(batch), settings.micro_batch):
        part = batch.rows(start, start + settings.micro_batch)
        loss = -masked_sum(response_logps(model, part), part.mask).sum() / tokens
        run.backward(loss, last=start + settings.micro_batch >= len(batch))
        total += float(loss.detach())
    return total
