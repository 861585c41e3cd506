"""What a policy makes of each step when all before it is right: why greedy accuracy can fall while sampled accuracy rises.

    PYTHONPATH=tests python tests/experiments/steps.py FOLDER [FOLDER ...]

FOLDER: of a run (runs/experiments/sparse/step-wise-0). Over the steps of 256 test questions, at the token that is a step's result: the
mean probability of the right one, how often it is the likeliest, and, where another is, that one's mean probability.
"""

from __future__ import annotations

import statistics
import sys
from dataclasses import dataclass
from pathlib import Path

import torch

from keystep_train.batches import response_logits
from keystep_train.config import Data, Model
from keystep_train.policies import load
from keystep_train.questions import Questions

QUESTIONS = 256


@dataclass(frozen=True)
class Steps:
    """right: of each step, the probability of its right result. wrong: of the likeliest other one."""

    right: list[float]
    wrong: list[float]

    @property
    def likeliest(self) -> float:
        return statistics.fmean(right > wrong for right, wrong in zip(self.right, self.wrong, strict=True))

    @property
    def locked(self) -> float | None:
        """How sure it is of a wrong result where it prefers one."""
        preferred = [wrong for right, wrong in zip(self.right, self.wrong, strict=True) if wrong >= right]
        return statistics.fmean(preferred) if preferred else None


def steps_of(model: Path) -> Steps:
    policy = load(Model(path=str(model)), None, seed=0)
    questions = Questions(Data(task="arithmetic", difficulty=5), 0).take("test", 0, QUESTIONS)
    batch = policy.teacher_forced(questions, [question.reference for question in questions], most=512)
    with policy.drawing() as drawing:
        probabilities = response_logits(drawing, batch).float().softmax(-1)
    after_equals = batch.responses.roll(1, dims=-1) == policy.tokenizer.convert_tokens_to_ids(" = ")
    here, results = probabilities[after_equals], batch.responses[after_equals].unsqueeze(-1)
    right = here.gather(-1, results).squeeze(-1)
    return Steps(right.tolist(), here.scatter(-1, results, 0.0).max(-1).values.tolist())


def main() -> None:
    torch.set_num_threads(1)
    print("| run | right result | likeliest is right | a wrong likeliest |\n|---|---|---|---|")
    for folder in sys.argv[1:]:
        steps = steps_of(Path(folder) / "model")
        locked = "none" if steps.locked is None else f"{steps.locked:.2f}"
        print(f"| {Path(folder).name} | {statistics.fmean(steps.right):.2f} | {steps.likeliest:.3f} | {locked} |")


if __name__ == "__main__":
    main()
