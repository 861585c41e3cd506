"""Small configurations for tests: a model of a few thousand parameters and questions of two operations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from keystep_train import config

TINY = {"tiny": {"hidden": 32, "layers": 1, "heads": 2}}


def common(output: Path, url: str, **more: Any) -> dict[str, Any]:
    return {
        "output": str(output),
        "model": TINY,
        "data": {"task": "arithmetic", "difficulty": 2},
        "sampling": {"rollouts": 4, "temperature": 1.2, "max_new_tokens": 34},
        "service": {"url": url},
        "trackers": [],
    } | more


def warm_up(output: Path, url: str, *, steps: int = 6, **more: Any) -> dict[str, Any]:
    return common(output, url, steps=steps, batch=8, checkpoints=3, optimiser={"rate": 3e-3, "warmup": 2}) | more


def stepgrpo(output: Path, url: str, model: Path, *, steps: int = 6, **more: Any) -> dict[str, Any]:
    return common(output, url, steps=steps, questions=2, checkpoints=2, optimiser={"rate": 1e-3}, model={"path": str(model)}) | more


def write(path: Path, said: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump(said), encoding="utf-8")
    return path


def settings(kind: type[config.C], said: dict[str, Any]) -> config.C:
    return kind.model_validate(said)
