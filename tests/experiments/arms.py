"""What is run: the arms of each experiment, as configurations of keystep_train. One base model and one warm-up for all; the rest by seed.

The task is keystep_train.tasks.arithmetic with five operations. sparse: after a warm-up on chains of thought in which each step is
wrong with probability .45 and one layout in ten is broken, one rollout in some tens is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keystep_train.config import Preference, Sample, StepGrpo, Warmup

OUTCOME = {"base": "hardened", "weight_step_rar": 0, "weight_step_rvr": 0, "weight_outcome": 1}
STEP_WISE = "hardened"
STEP_RAR = {"base": "hardened", "weight_step_rvr": 0}
STEP_RVR = {"base": "hardened", "weight_step_rar": 0}

BASE_STEPS = 400
WARM_UP_STEPS = 100
STEPS = 160


@dataclass(frozen=True)
class Arm:
    """One row of a table, one run a seed."""

    experiment: str
    name: str
    recipe: str | dict[str, Any]
    schedule: str = "sync"


# Table 4; what the other schedule costs; and Table 2's rows that are not among them.
STEPGRPO = {
    "sparse": (Arm("sparse", "outcome", OUTCOME), Arm("sparse", "step-wise", STEP_WISE)),
    "schedules": (Arm("schedules", "step-wise, one step off", STEP_WISE, "one_step_off"),),
    "parts": (Arm("parts", "StepRAR", STEP_RAR), Arm("parts", "StepRVR", STEP_RVR)),
}
# Table 5 of SimPO's paper, in its own order.
PREFERENCE = {
    "DPO": {"name": "dpo", "beta": 0.1},
    "SimPO": {"name": "simpo", "beta": 2.0, "gamma_beta_ratio": 0.5},
    "SimPO without length normalisation": {"name": "simpo", "beta": 0.1, "gamma_beta_ratio": 0.5, "length_normalised": False},
    "SimPO, gamma 0": {"name": "simpo", "beta": 2.0, "gamma": 0.0},
}


class Runs:
    """The configurations, in folders below one."""

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._common = {
            "data": {"task": "arithmetic", "difficulty": 5},
            "sampling": {"rollouts": 4, "temperature": 1.2, "max_new_tokens": 60, "cache": "dynamic"},
            "service": {"url": url},
            "trackers": [],
            "micro_batch": 128,
        }

    def base(self) -> Warmup:
        """Supervised on right chains, until greedy decoding makes hardly a mistake."""
        return Warmup.model_validate(
            self._common
            | {
                "output": str(self._folder / "base"),
                "steps": BASE_STEPS,
                "model": {"tiny": {"hidden": 128, "layers": 2, "heads": 4}},
                "optimiser": {"rate": 2e-3, "warmup": 25, "decay": "cosine"},
                "evaluation": {"every": BASE_STEPS, "questions": 128},
            }
        )

    def warm_up(self) -> Warmup:
        """The base, spoilt."""
        return Warmup.model_validate(
            self._common
            | {
                "output": str(self._folder / "sparse" / "warm-up-0"),
                "seed": 1,  # seed 0 is the base's
                "steps": WARM_UP_STEPS,
                "model": {"path": str(self._folder / "base" / "model")},
                "optimiser": {"rate": 5e-4, "warmup": 10, "decay": "cosine"},
                "flaws": {"step": 0.45, "layout": 0.1},
                "evaluation": {"every": WARM_UP_STEPS, "questions": 256},
            }
        )

    def arm(self, arm: Arm, seed: int) -> StepGrpo:
        """8 questions of 4 rollouts a step, Adam at 1e-4."""
        return StepGrpo.model_validate(
            self._common
            | {
                "output": str(self._folder / arm.experiment / f"{arm.name}-{seed}"),
                "seed": seed + 1001,  # other questions than the warm-up's
                "steps": STEPS,
                "questions": 8,
                "beta": 0.04,
                "schedule": arm.schedule,
                "model": {"path": str(self._folder / "sparse" / "warm-up-0" / "model")},
                "optimiser": {"rate": 1e-4, "warmup": 10},
                "service": self._common["service"] | {"recipe": arm.recipe},
                "evaluation": {"every": 80, "questions": 256},
                "checkpoints": 40,
            }
        )

    def pairs(self, name: str, split: str, questions: int, seed: int) -> Sample:
        """Best against worst of five responses of the warm-up, by the step-wise reward."""
        common = {name: self._common[name] for name in ("data", "service")}
        sampling = self._common["sampling"] | {"rollouts": 1, "temperature": 0.8, "top_p": 0.95}
        model = {"path": str(self._folder / "sparse" / "warm-up-0" / "model")}
        output = str(self._folder / "preference" / name)
        return Sample.model_validate(
            common | {"output": output, "sampling": sampling, "model": model, "split": split, "questions": questions, "seed": seed + 2001}
        )

    def preference(self, arm: str, seed: int) -> Preference:
        """62 batches of 8 pairs, once over."""
        folder = self._folder / "preference"
        return Preference.model_validate(
            self._common
            | {
                "output": str(folder / f"{arm}-{seed}"),
                "seed": seed,
                "steps": 62,
                "batch": 8,
                "model": {"path": str(self._folder / "sparse" / "warm-up-0" / "model")},
                "optimiser": {"rate": 3.5e-5, "warmup": 6, "decay": "cosine"},
                "objective": PREFERENCE[arm],
                "pairs": str(folder / f"drawn-{seed}" / "pairs.jsonl"),
                "held_out": str(folder / "held-out" / "pairs.jsonl"),
            }
        )
