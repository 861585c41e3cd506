"""Synthetic tasks: questions whose references, key steps and answers are exact, so that the science can be checked anywhere.

``arithmetic`` is text; ``scenes`` has pictures. Both are drawn from a seed and a number alone: question i of a split is the
same on every machine. ``task(name, difficulty)`` makes one.
"""

from __future__ import annotations

from keystep_train.tasks.arithmetic import Arithmetic
from keystep_train.tasks.question import Flaws, Question, Task
from keystep_train.tasks.scenes import Scenes

__all__ = ["TASKS", "Arithmetic", "Flaws", "Question", "Scenes", "Task", "task"]

TASKS: dict[str, type[Arithmetic | Scenes]] = {"arithmetic": Arithmetic, "scenes": Scenes}


def task(name: str, *, difficulty: int, seed: int = 0) -> Task:
    """The task of this name. difficulty: its number of steps. ValueError for a name there is not."""
    if name not in TASKS:
        raise ValueError(f"there is no task {name!r}; there are {', '.join(TASKS)}")
    return TASKS[name](difficulty=difficulty, seed=seed)
