"""A benchmark's own figures from scored groups: what `keystep score --profile NAME` prints below the closing table.

Paired figures need to know which questions belong together; ids say it, parts divided by '/':

    mme             task/image/question                  accuracy+: both questions of an image right; score: their sum in points
    hallusionbench  category/subcategory/set/figure/question
                    aAcc: questions; fAcc: figures with every question right; qAcc: questions right on every figure of their set
    dynamath        question/variant                     average over all; worst case: every variant of a question right

Every other profile has its accuracy alone. With several rollouts a question, rollout i of each question makes run i, and
figures are means over runs. What is undecided counts as not right, and is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from keystep.errors import InputError

# Of one run: question id -> right.
Run = Mapping[str, bool]
_Key = Callable[[list[str]], tuple[str, ...]]


@dataclass(slots=True)
class Tally:
    """Outcomes by run, of one profile. undecided: how many of total have none."""

    profile: str
    total: int = 0
    undecided: int = 0
    _runs: defaultdict[int, dict[str, bool]] = field(default_factory=lambda: defaultdict(dict))

    def add(self, group: Mapping[str, Any]) -> None:
        """One scored group in the wire's form."""
        for i, rollout in enumerate(group["rollouts"]):
            self.total += 1
            self.undecided += rollout["outcome"] is None
            self._runs[i][group["id"]] = rollout["outcome"] == 1.0

    def figures(self) -> dict[str, float]:
        """By name, in percent (mme's score in points). InputError where ids do not have the parts the profile needs."""
        by_run = [_FIGURES.get(self.profile, _plain)(run) for run in self._runs.values()]
        return {name: sum(f[name] for f in by_run) / len(by_run) for name in by_run[0]} if by_run else {}


def _plain(run: Run) -> dict[str, float]:
    return {"accuracy": _share(run.values())}


def _mme(run: Run) -> dict[str, float]:
    tasks = _together(run, 3, "mme", "task/image/question", lambda parts: (parts[0],))
    both = _together(run, 3, "mme", "task/image/question", lambda parts: (parts[0], parts[1]))
    score = 0.0
    for (task,), questions in tasks.items():
        images = [all(right) for (of, _), right in both.items() if of == task]
        score += _share(questions) + _share(images)
    return {"accuracy": _share(run.values()), "accuracy+": _share(all(right) for right in both.values()), "score": score}


def _hallusionbench(run: Run) -> dict[str, float]:
    form = "category/subcategory/set/figure/question"
    figures = _together(run, 5, "hallusionbench", form, lambda parts: tuple(parts[:4]))
    questions = _together(run, 5, "hallusionbench", form, lambda parts: (*parts[:3], parts[4]))
    return {
        "aAcc": _share(run.values()),
        "fAcc": _share(all(right) for right in figures.values()),
        "qAcc": _share(all(right) for right in questions.values()),
    }


def _dynamath(run: Run) -> dict[str, float]:
    variants = _together(run, 2, "dynamath", "question/variant", lambda parts: (parts[0],))
    return {"average": _share(run.values()), "worst case": _share(all(right) for right in variants.values())}


_FIGURES: dict[str, Callable[[Run], dict[str, float]]] = {"mme": _mme, "hallusionbench": _hallusionbench, "dynamath": _dynamath}


def _together(run: Run, parts: int, profile: str, form: str, key: _Key) -> dict[tuple[str, ...], list[bool]]:
    """Who is right, by what the ids have in common."""
    found: defaultdict[tuple[str, ...], list[bool]] = defaultdict(list)
    for id_, right in run.items():
        divided = id_.rsplit("/", parts - 1)
        if len(divided) != parts:
            raise InputError(f"{profile}'s figures pair questions by id, which must be like {form}; this one is {id_!r}", field="id")
        found[key(divided)].append(right)
    return found


def _share(right: Iterable[bool]) -> float:
    given = list(right)
    return 100.0 * sum(given) / len(given)
