"""What another recipe would have given the same rollouts: a fold over groups in the wire's form, scored by both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

COMPONENTS = ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched")
# Below this two numbers are one: sums of the same parts in another order.
_SAME = 1e-9
MOST_CHANGED = 10

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Changed:
    """One rollout whose reward differs. before, after: the rollout in the wire's form."""

    group: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    text: str

    @property
    def by(self) -> float:
        change: float = self.after["reward"] - self.before["reward"]
        return change


@dataclass(slots=True)
class Flips:
    """changes: (component, 'up' | 'down' | 'decided' | 'undecided') -> rollouts.

    signs: ('+' | '-' | '0', the same after) -> rollouts whose advantage changed its sign.  Ranks are of decided rewards:
    inverted: pairs of rollouts of a group whose order is turned; tied, untied: pairs that became, or were, equal.
    reordered: groups with an inverted pair.  best: groups whose best rollouts are others.  pairs: whose pair is another.
    most: the most changed rollouts, the first of equals first.
    """

    groups: int = 0
    rollouts: int = 0
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    signs: Counter[tuple[str, str]] = field(default_factory=Counter)
    inverted: int = 0
    tied: int = 0
    untied: int = 0
    reordered: int = 0
    best: int = 0
    pairs: int = 0
    most: list[Changed] = field(default_factory=list)

    def add(self, before: Mapping[str, Any], after: Mapping[str, Any], texts: Sequence[str] = ()) -> None:
        """One group, scored by both recipes. texts: of its rollouts, kept for those that changed most."""
        self.groups += 1
        self.rollouts += len(before["rollouts"])
        self._rollouts(before, after, texts)
        for old, new in zip(before["advantages"], after["advantages"], strict=True):
            if old is not None and new is not None and _sign(old) != _sign(new):
                self.signs[_sign(old), _sign(new)] += 1
        rewards = [(r["reward"], s["reward"]) for r, s in zip(before["rollouts"], after["rollouts"], strict=True)]
        self._ranks([pair for pair in rewards if None not in pair])
        old, new = before["pair"], after["pair"]
        self.pairs += (old and (old["chosen"], old["rejected"])) != (new and (new["chosen"], new["rejected"]))

    def changed(self, component: str) -> int:
        """Rollouts in which it differs."""
        return sum(n for (name, _), n in self.changes.items() if name == component)

    @property
    def opposite_signs(self) -> int:
        return self.signs["+", "-"] + self.signs["-", "+"]

    def _rollouts(self, before: Mapping[str, Any], after: Mapping[str, Any], texts: Sequence[str]) -> None:
        for i, (old, new) in enumerate(zip(before["rollouts"], after["rollouts"], strict=True)):
            for name in COMPONENTS:
                if (how := _change(old[name], new[name])) is not None:
                    self.changes[name, how] += 1
            if _change(old["reward"], new["reward"]) in {"up", "down"}:
                self.most.append(Changed(before["id"], old, new, texts[i] if texts else ""))
        self.most.sort(key=lambda c: -round(abs(c.by), 9))  # stable: the first of equals stays first
        del self.most[MOST_CHANGED:]

    def _ranks(self, rewards: Sequence[tuple[float, float]]) -> None:
        inverted = 0
        for (a, x), (b, y) in combinations(rewards, 2):
            old, new = _sign(a - b), _sign(x - y)
            inverted += {old, new} == {"+", "-"}
            self.tied += old != "0" and new == "0"
            self.untied += old == "0" and new != "0"
        self.inverted += inverted
        self.reordered += inverted > 0
        self.best += _best([old for old, _ in rewards]) != _best([new for _, new in rewards])


def _change(old: float | None, new: float | None) -> str | None:
    if old is None or new is None:
        return None if old is new else "decided" if old is None else "undecided"
    return None if abs(new - old) <= _SAME else "up" if new > old else "down"


def _sign(value: float) -> str:
    return "0" if abs(value) <= _SAME else "+" if value > 0 else "-"


def _best(rewards: Sequence[float]) -> list[int]:
    most = max(rewards, default=0.0)
    return [i for i, reward in enumerate(rewards) if most - reward <= _SAME]


def told(flips: Flips) -> Iterator[str]:
    """As lines of text."""
    yield f"{flips.rollouts} rollouts of {flips.groups} groups"
    yield ""
    yield f"{'component':<18} {'changed':>8} {'up':>8} {'down':>8} {'decided':>8} {'undecided':>9}"
    for name in COMPONENTS:
        kinds = [flips.changes[name, kind] for kind in ("up", "down", "decided", "undecided")]
        yield f"{name:<18} {flips.changed(name):>8} {kinds[0]:>8} {kinds[1]:>8} {kinds[2]:>8} {kinds[3]:>9}"
    yield ""
    yield "advantages that changed their sign: " + (
        ", ".join(f"{old} to {new} {n}" for (old, new), n in sorted(flips.signs.items())) or "none"
    )
    yield f"pairs of rollouts: {flips.inverted} turned, {flips.tied} became equal, {flips.untied} were equal"
    yield f"groups: {flips.reordered} with a turned pair, {flips.best} with another best, {flips.pairs} with another chosen or rejected"
    yield ""
    yield f"the {len(flips.most)} most changed rollouts" if flips.most else "no reward changed"
    for one in flips.most:
        yield f"{one.before['reward']:>8.4f} -> {one.after['reward']:<8.4f} {one.group}  {one.before['id']}"
