"""Preference training: SimPO and the eight objectives it is compared with, on pairs in TRL's dataset form.

Chosen and rejected responses go through the model in one forward pass. Of the reference, only log-probabilities are needed:
precomputed, they cost one pass over the pairs before the first step and no memory after it.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from keystep_train import pairs as pairing
from keystep_train.batches import response_logps
from keystep_train.config import Preference
from keystep_train.evaluation import Evaluator
from keystep_train.logprobs import PairLogps, SequenceLogps
from keystep_train.losses import WITH_REFERENCE, loss, margin
from keystep_train.objectives import kto_kl
from keystep_train.optimisers import adamw, pace, update
from keystep_train.pairs import Pair
from keystep_train.policies import Before, Policy, load
from keystep_train.progress import progress
from keystep_train.questions import Questions
from keystep_train.runs import Run
from keystep_train.seeds import seed_of


@dataclass
class Reference:
    """The model as it was before training: kept beside the policy, or its sums computed before, (chosen, rejected, unrelated) a pair."""

    model: Before | None = None
    sums: dict[Pair, tuple[float, float, float]] | None = None


def train(settings: Preference) -> None:
    """Trains on the pairs of a file until the run is done, from where its folder has it."""
    assert settings.pairs is not None
    pairs = pairing.read(Path(settings.pairs))
    held_out = pairing.read(Path(settings.held_out)) if settings.held_out else []
    questions = None if settings.data is None else Questions(settings.data, settings.seed)
    run = Run(settings)
    if run.finished:
        return
    policy = load(settings.model, None if questions is None else questions.task, seed=settings.seed)
    policy.model.to(run.accelerator.device)
    steps = PreferenceSteps(settings, policy)
    needed = settings.objective.name in WITH_REFERENCE
    reference = steps.reference([*(pairs if needed else []), *held_out])
    policy.model.train()
    model, optimiser = run.accelerator.prepare(policy.model, adamw(policy.model, settings.optimiser))
    with run:
        run.restore()
        evaluator = Evaluator(settings, questions, policy)
        begin, share = run.share("batch", settings.batch)
        for step in progress(settings.objective.name, run.step, settings.steps, shown=run.main):
            torch.manual_seed(seed_of(settings.seed, "preference", step))  # dropout, where there is any
            began = time.monotonic()
            taken = pairing.order(len(pairs), step * settings.batch + begin, share, seed=settings.seed)
            pace(optimiser, settings.optimiser, step=step, steps=settings.steps)
            values = steps.learn(run, model, [pairs[i] for i in taken], reference)
            values |= update(run.accelerator, model, optimiser, settings.optimiser)
            values |= {"time/step": time.monotonic() - began, "memory/peak_mib": peak_memory()}
            run.step = step + 1
            run.log(values | evaluator.after(run.step))
            if run.due():
                run.checkpoint()
        if held_out and run.main:
            steps.measure(held_out, reference, run.folder / "held_out.jsonl")
        run.finish(policy, model)


class PreferenceSteps:
    """What happens in a step."""

    def __init__(self, settings: Preference, policy: Policy) -> None:
        self._settings = settings
        self._policy = policy

    def reference(self, pairs: Sequence[Pair]) -> Reference:
        """Of the policy as it is now."""
        if self._settings.reference == "live" and self._settings.objective.name in WITH_REFERENCE:
            return Reference(model=Before(self._policy))
        known: dict[Pair, tuple[float, float, float]] = {}
        for part in _parts(list(dict.fromkeys(pairs)), self._settings.micro_batch):
            with self._policy.drawing() as model:
                logps, unrelated = self._logps(model, part), self._unrelated(model, part)
            sums = (logps.chosen.sums.tolist(), logps.rejected.sums.tolist(), unrelated.sums.tolist())
            known |= dict(zip(part, zip(*sums, strict=True), strict=True))
        return Reference(sums=known)

    def learn(self, run: Run, model: Any, pairs: Sequence[Pair], reference: Reference) -> dict[str, float]:
        """Gradients of the mean loss over the batch, and figures about it. A micro batch is a batch to nll: batch_token and to KTO's KL."""
        sums: dict[str, float] = {}
        parts = _parts(pairs, self._settings.micro_batch)
        for part in parts:
            policy = self._logps(model, part)
            ref = self._of_reference(reference, part, policy) if self._settings.objective.name in WITH_REFERENCE else None
            kl = self._kl(model, part, reference) if self._settings.objective.name == "kto" else None
            losses = loss(self._settings.objective, policy, ref, kl)
            run.backward(losses.sum() / len(pairs), last=part is parts[-1])
            margins = margin(self._settings.objective, policy, ref)
            for name, value in {
                "loss": losses,
                "rewards/margin": margins,
                "rewards/accuracy": (margins > 0).float(),
                "logps/chosen_average": policy.chosen.averages,
                "logps/rejected_average": policy.rejected.averages,
                "lengths/chosen": policy.chosen.lengths,
                "lengths/rejected": policy.rejected.lengths,
            }.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach().sum()) / len(pairs)
        return sums

    def measure(self, pairs: Sequence[Pair], reference: Reference, place: Path) -> None:
        """A line a pair: what the trained policy and the reference make of it; ``analyse`` reads them."""
        lines = []
        for part in _parts(pairs, self._settings.micro_batch):
            with self._policy.drawing() as model:
                policy = self._logps(model, part)
                ref = self._of_reference(reference, part, policy)
                columns = {
                    "chosen": policy.chosen.sums,
                    "rejected": policy.rejected.sums,
                    "reference_chosen": ref.chosen.sums,
                    "reference_rejected": ref.rejected.sums,
                    "chosen_length": policy.chosen.lengths,
                    "rejected_length": policy.rejected.lengths,
                    "margin": margin(self._settings.objective, policy, ref),
                }
            rows = zip(*(column.tolist() for column in columns.values()), strict=True)
            lines += [json.dumps(dict(zip(columns, row, strict=True))) + "\n" for row in rows]
        place.write_text("".join(lines), encoding="utf-8")

    def _logps(self, model: Any, pairs: Sequence[Pair]) -> PairLogps:
        """Of both responses to every prompt, in one pass."""
        both = self._sequences(model, [*pairs, *pairs], [*(p.chosen for p in pairs), *(p.rejected for p in pairs)])
        n = len(pairs)
        return PairLogps(SequenceLogps(both.sums[:n], both.lengths[:n]), SequenceLogps(both.sums[n:], both.lengths[n:]))

    def _of_reference(self, reference: Reference, pairs: Sequence[Pair], policy: PairLogps) -> PairLogps:
        """The reference's; of the same tokens, so lengths are the policy's."""
        if reference.model is not None:
            with reference.model.model() as model:
                return self._logps(model, pairs)
        chosen, rejected = (_column(reference, pairs, i, policy.chosen.sums) for i in (0, 1))
        return PairLogps(SequenceLogps(chosen, policy.chosen.lengths), SequenceLogps(rejected, policy.rejected.lengths))

    def _kl(self, model: Any, pairs: Sequence[Pair], reference: Reference) -> Tensor:
        """KTO's reference point: responses to other prompts, under the policy and under the reference."""
        with torch.no_grad():
            policy = self._unrelated(model, pairs)
        if reference.model is not None:
            with reference.model.model() as before:
                return kto_kl(policy, self._unrelated(before, pairs))
        return kto_kl(policy, SequenceLogps(_column(reference, pairs, 2, policy.sums), policy.lengths))

    def _unrelated(self, model: Any, pairs: Sequence[Pair]) -> SequenceLogps:
        return self._sequences(model, pairs, [pair.unrelated for pair in pairs])

    def _sequences(self, model: Any, prompts: Sequence[Pair], responses: Sequence[str]) -> SequenceLogps:
        batch = self._policy.teacher_forced(prompts, responses, most=self._settings.max_length).to(self._policy.model.device)
        return SequenceLogps.of_tokens(response_logps(model, batch), batch.mask)


def peak_memory() -> float:
    """The most memory so far, MiB: of the GPU where there is one, else of this process."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _column(reference: Reference, pairs: Sequence[Pair], index: int, like: Tensor) -> Tensor:
    assert reference.sums is not None
    return torch.tensor([reference.sums[pair][index] for pair in pairs], dtype=like.dtype, device=like.device)


def _parts(pairs: Sequence[Pair], size: int) -> list[Sequence[Pair]]:
    return [pairs[i : i + size] for i in range(0, len(pairs), size)]
