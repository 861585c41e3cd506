"""AdamW, and its rate as a function of the step alone: there is no scheduler to save."""

from __future__ import annotations

import math
from typing import Any

import torch

from keystep_train.config import Optimiser


def adamw(model: Any, settings: Optimiser) -> torch.optim.AdamW:
    """Over what of the model is to be trained."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.optim.AdamW(trained, lr=settings.rate, betas=settings.betas, weight_decay=settings.weight_decay)


def rate(settings: Optimiser, step: int, steps: int) -> float:
    """The rate of update number step, 0 being the first of steps."""
    rise = min(1.0, (step + 1) / settings.warmup) if settings.warmup else 1.0
    if settings.decay == "constant":
        return settings.rate * rise
    done = max(0, step - settings.warmup) / max(1, steps - settings.warmup)
    return settings.rate * rise * 0.5 * (1 + math.cos(math.pi * done))


def pace(optimiser: Any, settings: Optimiser, *, step: int, steps: int) -> None:
    """Sets the rate of an update. Before its gradients are made: DeepSpeed makes the update within their last backward pass."""
    for group in optimiser.param_groups:
        group["lr"] = rate(settings, step, steps)


def update(accelerator: Any, model: Any, optimiser: Any, settings: Optimiser) -> dict[str, float]:
    """One step along the gradients there are, clipped by their norm."""
    norm = accelerator.clip_grad_norm_(model.parameters(), settings.clip_norm)
    optimiser.step()
    optimiser.zero_grad()
    return {"optimiser/rate": optimiser.param_groups[0]["lr"], "optimiser/gradient_norm": float(norm)}
