"""A run in short: one point for some groups that were scored one after another. Pure; points add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from keystep.nouns import Flag, Group, Reason, ScoredGroup

COMPONENTS = ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched")
# Rollouts that are remembered by name for each sign of a hack, of one point.
_EVIDENCE = 3
# Bars of a component's distribution, over [0, its most].
BINS = 21
MOST: Mapping[str, float] = {"reward": 2.1, "step_rar": 1.1, "step_rvr": 1.0, "outcome": 1.0, "key_steps_matched": 1.0}

# What the hack alarm counts, by the flags that are its signs.
SIGNS: Mapping[str, frozenset[str]] = {
    "stuffing": frozenset({Flag.STEP_STUFFING, Flag.EQUATION_STUFFING, Flag.NUMBER_STUFFING, Flag.COPIED_QUESTION}),
    "enumeration": frozenset({Flag.SEVERAL_ANSWERS, Reason.SEVERAL_ANSWERS}),
    "repetition": frozenset({Flag.REPETITION}),
}


class Seen(NamedTuple):
    """One rollout: its text and what it came to; values as COMPONENTS."""

    id: str
    text: str
    values: tuple[float | None, ...]
    reasons: Sequence[str]
    flags: Sequence[str]


@dataclass(slots=True)
class Point:
    """sums, counts: of decided values, by component.  spread: sum of the groups' standard deviations.  length: characters.

    bars: component -> how its values are distributed.  undecided, flags: rollouts by name.
    signs: rollouts that show a sign of a hack, by sign; 'identical' ones repeat another of their group.
    evidence: sign -> (group, rollout), the first few; of 'length' the longest, of 'wrong' those with the best reward.
    """

    groups: int = 0
    rollouts: int = 0
    zero_variance: int = 0
    spread: float = 0.0
    length: int = 0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COMPONENTS, 0.0))
    counts: Counter[str] = field(default_factory=Counter)
    bars: dict[str, list[int]] = field(default_factory=lambda: {name: [0] * BINS for name in COMPONENTS})
    undecided: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)
    evidence: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _longest: int = -1
    _best_wrong: float = -1.0

    def add(self, group: str, seen: Iterable[Seen], *, std: float, zero_variance: bool) -> None:
        """One scored group."""
        self.groups += 1
        self.zero_variance += zero_variance
        self.spread += std
        texts: set[str] = set()
        for rollout in seen:
            self._rollout(group, rollout)
            if rollout.text in texts:
                self._sign("identical", group, rollout.id)
            texts.add(rollout.text)

    def mean(self, component: str) -> float | None:
        """Over decided values; None without any."""
        return self.sums[component] / self.counts[component] if self.counts[component] else None

    def share(self, sign: str) -> float:
        return self.signs[sign] / self.rollouts if self.rollouts else 0.0

    @property
    def mean_length(self) -> float:
        return self.length / self.rollouts if self.rollouts else 0.0

    @property
    def mean_std(self) -> float:
        """Of a group's rewards."""
        return self.spread / self.groups if self.groups else 0.0

    @property
    def zero_variance_share(self) -> float:
        return self.zero_variance / self.groups if self.groups else 0.0

    def _rollout(self, group: str, rollout: Seen) -> None:
        self.rollouts += 1
        self.length += len(rollout.text)
        for name, value in zip(COMPONENTS, rollout.values, strict=True):
            if value is not None:
                self.sums[name] += value
                self.counts[name] += 1
                self.bars[name][min(max(int(value / MOST[name] * BINS), 0), BINS - 1)] += 1
        if rollout.values[0] is None:
            self.undecided.update(rollout.reasons)
        self.flags.update(rollout.flags)
        if rollout.flags or rollout.reasons:
            told = {*rollout.flags, *rollout.reasons}
            for sign, names in SIGNS.items():
                if not names.isdisjoint(told):
                    self._sign(sign, group, rollout.id)
        if len(rollout.text) > self._longest:
            self._longest = len(rollout.text)
            self.evidence["length"] = [(group, rollout.id)]
        reward, outcome = rollout.values[0], rollout.values[3]
        if outcome == 0.0 and reward is not None and reward > self._best_wrong:
            self._best_wrong = reward
            self.evidence["wrong"] = [(group, rollout.id)]

    def _sign(self, sign: str, group: str, rollout: str) -> None:
        self.signs[sign] += 1
        found = self.evidence.setdefault(sign, [])
        if len(found) < _EVIDENCE:
            found.append((group, rollout))


def merged(points: Iterable[Point]) -> Point:
    """All of them as one; evidence is that of the last."""
    whole = Point()
    for point in points:
        whole.groups += point.groups
        whole.rollouts += point.rollouts
        whole.zero_variance += point.zero_variance
        whole.spread += point.spread
        whole.length += point.length
        for mine, theirs in (
            (whole.counts, point.counts),
            (whole.undecided, point.undecided),
            (whole.flags, point.flags),
            (whole.signs, point.signs),
        ):
            mine.update(theirs)
        for name, bars in point.bars.items():
            whole.sums[name] += point.sums[name]
            whole.bars[name] = [a + b for a, b in zip(whole.bars[name], bars, strict=True)]
        whole.evidence.update(point.evidence)
    return whole


def seen(group: Group, scored: ScoredGroup) -> list[Seen]:
    """A group that was just scored."""
    return [
        Seen(
            s.id,
            r.text,
            (s.reward.total, s.reward.step_rar, s.reward.step_rvr, s.reward.outcome, s.reward.k),
            s.reward.reasons,
            s.reward.flags,
        )
        for r, s in zip(group.rollouts, scored.rollouts, strict=True)
    ]


def seen_on_the_wire(texts: Sequence[str], scored: Mapping[str, Any]) -> list[Seen]:
    """The same of a group in the wire's form."""
    return [
        Seen(r["id"], text, tuple(r[name] for name in COMPONENTS), r["reasons"], r["flags"])
        for text, r in zip(texts, scored["rollouts"], strict=True)
    ]
