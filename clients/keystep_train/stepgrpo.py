"""StepGRPO: rollouts, their rewards from the service, and the loss. worker.py says in which order.

draw      M rollouts of each question; a group is sent to the service as soon as it is complete
prepare   log-probabilities under the reference, and under the policy that drew; meanwhile the service scores
learn     once the rewards are there
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from keystep_train.batches import Batch, response_logps
from keystep_train.config import StepGrpo
from keystep_train.generation import Generator
from keystep_train.logprobs import kl_k3, masked_mean
from keystep_train.objectives import stepgrpo, stepgrpo_clipped
from keystep_train.policies import Before, Policy
from keystep_train.questions import Questions, group
from keystep_train.rewards import Scorer, Sent, Signal
from keystep_train.runs import Run
from keystep_train.seeds import seed_of


@dataclass
class Drawn:
    """A batch on its way to be learnt from. step: whose batch it is; drawn_at: how many updates the policy had had.

    groups: as they were sent, to be sent again after a restart.  old, reference: log-probabilities (B, T) under the policy that
    drew and under the reference; None where the loss does not need them.
    """

    step: int
    drawn_at: int
    batch: Batch
    groups: list[dict[str, Any]]
    old: Tensor | None
    reference: Tensor | None


class StepGrpoSteps:
    """What happens in a step, on one process's share of the questions."""

    def __init__(
        self,
        settings: StepGrpo,
        run: Run,
        policy: Policy,
        reference: Before | None,
        questions: Questions,
        scorer: Scorer,
        generator: Generator,
    ) -> None:
        self._settings = settings
        self._run = run
        self._policy = policy
        self._reference = reference
        self._questions = questions
        self._scorer = scorer
        self._generator = generator

    def draw(self, step: int) -> tuple[Drawn, list[Sent]]:
        """The batch of a step, drawn with the weights there are, and its groups on their way to the service."""
        begin, share = self._run.share("questions", self._settings.questions)
        questions = self._questions.take("train", step * self._settings.questions + begin, share)
        groups: dict[int, dict[str, Any]] = {}
        sent: dict[int, Sent] = {}

        def done(number: int, rollouts: Batch) -> None:
            groups[number] = group(questions[number], self._policy.texts(rollouts), self._policy.truncated(rollouts))
            sent[number] = self._scorer.send(groups[number])

        self._generator.renew()
        batch = self._generator.generate(questions, seed=seed_of(self._settings.seed, "draw", step, begin), done=done)
        order = range(len(questions))
        drawn = Drawn(step, self._run.step, batch, [groups[i] for i in order], None, None)
        return drawn, [sent[i] for i in order]

    def send_again(self, drawn: Drawn) -> list[Sent]:
        """The groups of a batch that was drawn before a restart."""
        return [self._scorer.send(one) for one in drawn.groups]

    def prepare(self, drawn: Drawn) -> None:
        """What the loss needs of other models than the policy as it will be then."""
        if self._reference is not None:
            with self._reference.model() as model:
                drawn.reference = self._logps(model, drawn.batch)
        if self._settings.schedule == "one_step_off":
            with self._policy.drawing() as model:
                drawn.old = self._logps(model, drawn.batch)

    def learn(self, model: Any, drawn: Drawn, signal: Signal) -> dict[str, float]:
        """Gradients of the loss, averaged over the rollouts that have an advantage, on all processes; and figures about it."""
        kept = [i for i, advantage in enumerate(signal.advantages) if advantage is not None]
        accelerator = self._run.accelerator
        everybody = float(accelerator.reduce(torch.tensor(float(len(kept)), device=accelerator.device), "sum"))
        sums = {"loss": 0.0, "kl": 0.0} | ({} if drawn.old is None else {"ratio/clipped_share": 0.0})
        advantages = torch.tensor([a or 0.0 for a in signal.advantages], device=accelerator.device)
        used = torch.tensor([a is not None for a in signal.advantages], device=accelerator.device)
        for start in range(0, len(drawn.batch), self._settings.micro_batch):
            rows = slice(start, start + self._settings.micro_batch)
            part = drawn.batch.rows(rows.start, rows.stop)
            logps = response_logps(model, part, temperature=self._settings.sampling.temperature)
            old = None if drawn.old is None else drawn.old[rows]
            reference = logps.detach() if drawn.reference is None else drawn.reference[rows]
            loss = torch.where(used[rows], self._loss(logps, old, reference, advantages[rows], part.mask), 0.0).sum()
            self._run.backward(loss * accelerator.num_processes / max(everybody, 1.0), last=rows.stop >= len(drawn.batch))
            sums["loss"] += float(loss.detach()) / max(len(kept), 1)
            sums["kl"] += float(masked_mean(kl_k3(logps.detach(), reference), part.mask).sum()) / len(drawn.batch)
            if part.logps is not None:
                gaps = ((logps.detach() if old is None else old) - part.logps).abs() * part.mask
                sums["sampler/gap"] = max(sums.get("sampler/gap", 0.0), float(gaps.max()))
            if old is not None:
                outside = ((logps.detach() - old).exp() - 1).abs() > self._settings.clip
                sums["ratio/clipped_share"] += float(masked_mean(outside.float(), part.mask).sum()) / len(drawn.batch)
        return sums

    def _loss(self, logps: Tensor, old: Tensor | None, reference: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
        if old is None:
            return stepgrpo(logps, reference, advantages, mask, beta=self._settings.beta)
        return stepgrpo_clipped(logps, old, reference, advantages, mask, beta=self._settings.beta, clip=self._settings.clip)

    def _logps(self, model: Any, batch: Batch) -> Tensor:
        size, temperature = self._settings.micro_batch, self._settings.sampling.temperature
        return torch.cat([response_logps(model, batch.rows(i, i + size), temperature=temperature) for i in range(0, len(batch), size)])


def lengths(drawn: Drawn, cut: Sequence[bool]) -> dict[str, float]:
    """Tokens of the responses, and how many were cut at the limit."""
    tokens = drawn.batch.lengths.float()
    return {"lengths/mean": float(tokens.mean()), "lengths/max": float(tokens.max()), "lengths/truncated_share": sum(cut) / len(cut)}
