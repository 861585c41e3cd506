"""The other production path: TRL's trainers with R1-VL's and SimPO's settings, and rewards from keystep.

    GRPOTrainer(model=..., args=stepgrpo_config("runs/x"), reward_funcs=keystep_reward(URL), train_dataset=...)
    CPOTrainer(model=..., args=simpo_config("runs/y", beta=2.0, gamma_beta_ratio=0.5), train_dataset=...)

For StepGRPO, TRL waits for every reward before it trains; ``keystep_train.worker`` does not. For Qwen2-VL pass
``processing_class=load_processor(path, tokenizer)``: on a folder without a video processor, TRL's own choice is a tokenizer. With
beta > 0 the reference is loaded again from where the model was: give the trainer a folder, not a model built in memory.
"""

from __future__ import annotations

from typing import Any

from trl.experimental.cpo import CPOConfig
from trl.trainer.grpo_config import GRPOConfig

from keystep_client.adapters.trl import keystep_reward
from keystep_train.vision import load_processor

__all__ = ["keystep_reward", "load_processor", "simpo_config", "stepgrpo_config"]

# R1-VL, section 4.1; the loss without a ratio to clip is GRPO's with one update a batch.
_PAPER: dict[str, Any] = {
    "loss_type": "grpo",
    "scale_rewards": "group",
    "num_generations": 4,
    "num_iterations": 1,
    "temperature": 1.2,
    "max_completion_length": 1024,
    "beta": 0.04,
    "learning_rate": 1e-6,
    "per_device_train_batch_size": 16,
}


def stepgrpo_config(output_dir: str, **changes: Any) -> GRPOConfig:
    """R1-VL's settings for TRL's GRPOTrainer: 4 questions of 4 rollouts a step. changes: any field of GRPOConfig."""
    return GRPOConfig(output_dir=output_dir, **_PAPER | changes)


def simpo_config(output_dir: str, *, beta: float, gamma_beta_ratio: float, **changes: Any) -> CPOConfig:
    """SimPO and nothing else: TRL's own defaults add CPO's NLL term, and its gamma is absolute. changes: any field of CPOConfig."""
    settings: dict[str, Any] = {"loss_type": "simpo", "cpo_alpha": 0.0, "beta": beta, "simpo_gamma": gamma_beta_ratio * beta}
    return CPOConfig(output_dir=output_dir, **settings | changes)
