"""What is run: the arms of each experiment, as configurations of keystep_train. One base model, one warm-up a regime; the rest by seed.

The task is keystep_train.tasks.arithmetic with five operations; a regime is how its warm-up was spoilt:

    sparse   each step wrong with probability .45, one layout in ten broken: one rollout in some tens is right
    dense    each step wrong with probability .12, one layout in ten broken: most groups have a right rollout and a wrong one
    wordy    each step wrong with probability .30, and half of them begin with words that say nothing: lengths differ
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
LITTLE_RVR = {"base": "hardened", "weight_step_rvr": 0.1}
LEAST_RVR = {"base": "hardened", "weight_step_rvr": 0.01}

BASE_STEPS = 400
WARM_UP_STEPS = 100
STEPS = 160
PREFERENCE_STEPS = 62
FLAWS: dict[str, dict[str, float]] = {
    "sparse": {"step": 0.45, "layout": 0.1},
    "dense": {"step": 0.12, "layout": 0.1},
    "wordy": {"step": 0.30, "filler": 0.5},
}


@dataclass(frozen=True)
class Arm:
    """One row of a table, one run a seed. every: steps between evaluations; the last is one always."""

    experiment: str
    name: str
    recipe: str | dict[str, Any] = "hardened"
    schedule: str = "sync"
    regime: str = "sparse"
    rollouts: int = 4
    questions: int = 8
    steps: int = STEPS
    every: int = 40


@dataclass(frozen=True)
class Supervised:
    """As many prompts as StepGRPO has, with references or what the warm-up was made of instead of rewards."""

    experiment: str
    name: str
    flawed: bool


# Table 3's M, and how long a run is that has as many prompts as M = 4 and, at some evaluation, as many rollouts.
_GROUP_SIZES = {2: (320, 160), 3: (213, 160), 5: (160, 128), 6: (160, 107)}

STEPGRPO = {
    # Table 4, where right answers are rare and where they are not; what the other schedule costs; Table 2's rows that are not among them.
    "sparse": (Arm("sparse", "step-wise", STEP_WISE), Arm("sparse", "outcome", OUTCOME)),
    "dense": (Arm("dense", "outcome", OUTCOME, regime="dense", every=80), Arm("dense", "step-wise", STEP_WISE, regime="dense", every=80)),
    "schedules": (Arm("schedules", "step-wise, one step off", STEP_WISE, "one_step_off", every=80),),
    "parts": (Arm("parts", "StepRAR", STEP_RAR, every=80), Arm("parts", "StepRVR", STEP_RVR, every=80)),
    # Whether it is StepRVR's weight that keeps both parts together below StepRAR alone.
    "weight": (
        Arm("weight", "step-wise, StepRVR at a tenth", LITTLE_RVR, every=80),
        Arm("weight", "step-wise, StepRVR at a hundredth", LEAST_RVR, every=80),
    ),
    "group-size": tuple(
        Arm("group-size", f"M = {m}", STEP_WISE, rollouts=m, steps=steps, every=every) for m, (steps, every) in _GROUP_SIZES.items()
    ),
    # Whether what greedy decoding loses comes back.
    "longer": (
        Arm("longer", "step-wise, 480 steps", STEP_WISE, steps=480, every=80),
        Arm("longer", "outcome, 480 steps", OUTCOME, steps=480, every=80),
    ),
}
# R1-VL's Figure 3.
SUPERVISED = (Supervised("supervised", "SFT, references", flawed=False), Supervised("supervised", "SFT, flawed chains", flawed=True))

GAMMA_RATIOS = (1.0, 1.5, 2.0)
# The pairs ten times over, so that margins come to where the targets are.
OFTEN = 10
OFTEN_RATIOS = {f"SimPO, gamma/beta {ratio:g}, ten times over": ratio for ratio in (0.0, 0.5, 1.0, 2.0)}
# A response has about 54 tokens: at this beta a pair of that length has SimPO's margin.
_SUMS = {"name": "simpo", "beta": 2.0 / 54, "gamma": 1.0, "length_normalised": False}
PREFERENCE: dict[str, dict[str, dict[str, Any]]] = {
    # Table 5 of SimPO's paper, in its own order.
    "preference": {
        "DPO": {"name": "dpo", "beta": 0.1},
        "SimPO": {"name": "simpo", "beta": 2.0, "gamma_beta_ratio": 0.5},
        "SimPO without length normalisation": _SUMS,
        "SimPO, gamma 0": {"name": "simpo", "beta": 2.0, "gamma": 0.0},
    },
    # Its Figure 3, whose first two points are above.
    "gamma": {f"SimPO, gamma/beta {ratio:g}": {"name": "simpo", "beta": 2.0, "gamma_beta_ratio": ratio} for ratio in GAMMA_RATIOS},
    "gamma-often": {arm: {"name": "simpo", "beta": 2.0, "gamma_beta_ratio": ratio} for arm, ratio in OFTEN_RATIOS.items()},
    # Its Figure 5a.
    "beta": {f"SimPO, beta {beta:g}": {"name": "simpo", "beta": beta, "gamma_beta_ratio": 0.5} for beta in (1.0, 5.0, 10.0)}
    | {f"DPO, beta {beta:g}": {"name": "dpo", "beta": beta} for beta in (0.01, 0.05, 0.5)},
}
# Its Figure 5c.
COST: dict[str, dict[str, Any]] = {
    "SimPO": {"objective": PREFERENCE["preference"]["SimPO"]},
    "DPO, precomputed": {"objective": PREFERENCE["preference"]["DPO"], "reference": "precomputed"},
    "DPO, live": {"objective": PREFERENCE["preference"]["DPO"], "reference": "live"},
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

    def warm_up(self, regime: str) -> Warmup:
        """The base, spoilt."""
        return Warmup.model_validate(
            self._common
            | {
                "output": str(self._folder / regime / "warm-up-0"),
                "seed": 1,  # seed 0 is the base's
                "steps": WARM_UP_STEPS,
                "model": {"path": str(self._folder / "base" / "model")},
                "optimiser": {"rate": 5e-4, "warmup": 10, "decay": "cosine"},
                "flaws": FLAWS[regime],
                "sampling": self._sampling(regime),
                "evaluation": {"every": WARM_UP_STEPS, "questions": 256},
            }
        )

    def arm(self, arm: Arm, seed: int) -> StepGrpo:
        """Adam at 1e-4; 8 questions of 4 rollouts a step unless the arm is about that."""
        return StepGrpo.model_validate(
            self._common
            | {
                "output": str(self._folder / arm.experiment / f"{arm.name}-{seed}"),
                "seed": seed + 1001,  # other questions than the warm-up's
                "steps": arm.steps,
                "questions": arm.questions,
                "beta": 0.04,
                "schedule": arm.schedule,
                "model": self._warm(arm.regime),
                "optimiser": {"rate": 1e-4, "warmup": 10},
                "sampling": self._common["sampling"] | {"rollouts": arm.rollouts},
                "service": self._common["service"] | {"recipe": arm.recipe},
                "evaluation": {"every": arm.every, "questions": 256},
                "checkpoints": 40,
            }
        )

    def supervised(self, arm: Supervised, seed: int) -> Warmup:
        """The questions of StepGRPO's arms, its rate and its steps."""
        return Warmup.model_validate(
            self._common
            | {
                "output": str(self._folder / arm.experiment / f"{arm.name}-{seed}"),
                "seed": seed + 1001,
                "steps": STEPS,
                "batch": 8,
                "model": self._warm("sparse"),
                "optimiser": {"rate": 1e-4, "warmup": 10},
                "flaws": FLAWS["sparse"] if arm.flawed else {},
                "evaluation": {"every": 40, "questions": 256},
            }
        )

    def pairs(self, name: str, split: str, questions: int, seed: int) -> Sample:
        """Best against worst of five responses of the warm-up, by the step-wise reward."""
        common = {name: self._common[name] for name in ("data", "service")}
        sampling = self._sampling("wordy") | {"rollouts": 1, "temperature": 0.8, "top_p": 0.95}
        output = str(self._folder / "preference" / name)
        return Sample.model_validate(
            common
            | {
                "output": output,
                "sampling": sampling,
                "model": self._warm("wordy"),
                "split": split,
                "questions": questions,
                "seed": seed + 2001,
            }
        )

    def preference(self, experiment: str, arm: str, seed: int) -> Preference:
        """62 batches of 8 pairs, once over, or often."""
        folder = self._folder / "preference"
        steps = PREFERENCE_STEPS * (OFTEN if experiment == "gamma-often" else 1)
        return Preference.model_validate(
            self._common
            | {
                "output": str(folder / f"{arm.replace('/', ' to ')}-{seed}"),
                "seed": seed,
                "steps": steps,
                "batch": 8,
                "model": self._warm("wordy"),
                "optimiser": {"rate": 3.5e-5, "warmup": 6, "decay": "cosine"},
                "objective": PREFERENCE[experiment][arm],
                "pairs": str(folder / f"drawn-{seed}" / "pairs.jsonl"),
                "held_out": str(folder / "held-out" / "pairs.jsonl"),
                "sampling": self._sampling("wordy"),
                "evaluation": {"every": steps, "questions": 256},
            }
        )

    def cost(self, arm: str, seed: int) -> Preference:
        """A model of 55 million parameters, of random weights: what a step costs does not depend on what it learns."""
        return Preference.model_validate(
            self._common
            | {
                "output": str(self._folder / "cost" / f"{arm}-{seed}"),
                "seed": seed,
                "steps": 6,
                "batch": 4,
                "micro_batch": 4,
                "model": {"tiny": {"hidden": 512, "layers": 16, "heads": 8}},
                "pairs": str(self._folder / "preference" / "few" / "pairs.jsonl"),
            }
            | COST[arm]
        )

    def _warm(self, regime: str) -> dict[str, str]:
        return {"path": str(self._folder / regime / "warm-up-0" / "model")}

    def _sampling(self, regime: str) -> dict[str, Any]:
        """Wordy responses take more room."""
        return self._common["sampling"] | ({"max_new_tokens": 80} if regime == "wordy" else {})
