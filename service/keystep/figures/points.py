"""A run in short: one point for some groups that were scored one after another. Pure; points add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from keystep.figures.texts import calculations, numbers, repeats
from keystep.nouns import Flag, Group, Reason, ScoredGroup

COMPONENTS = ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched")
# Rollouts that are remembered by name for each sign of a hack, of one point.
_EVIDENCE = 3
# Bars of a component's distribution, over [0, its most].
BINS = 21
MOST: Mapping[str, float] = {"reward": 2.1, "step_rar": 1.1, "step_rvr": 1.0, "outcome": 1.0, "key_steps_matched": 1.0}

# Answers that are told apart in one point, and characters of each: those that draw most stay.
_ANSWERS, _ANSWER_CHARS = 64, 64

# What the hack alarm counts, by the flags and reasons that are its signs.
SIGNS: Mapping[str, frozenset[str]] = {
    "stuffing": frozenset({Flag.STEP_STUFFING, Flag.EQUATION_STUFFING, Flag.NUMBER_STUFFING, Flag.COPIED_QUESTION}),
    "enumeration": frozenset(
        {
            Flag.SEVERAL_ANSWERS,
            Flag.CONFLICTING_ANSWERS,
            Flag.HEDGED,
            Reason.SEVERAL_ANSWERS,
            Reason.SEVERAL_ANSWER_SECTIONS,
            Reason.NEEDS_JUDGE,
        }
    ),
    "refusal": frozenset({Reason.REFUSAL, Reason.NO_ANSWER}),
    "repetition": frozenset({Flag.REPETITION}),
}


class Seen(NamedTuple):
    """One rollout: its text and what it came to; values as COMPONENTS."""

    id: str
    text: str
    values: tuple[float | None, ...]
    answer: str | None
    reasons: Sequence[str]
    flags: Sequence[str]


class SeenGroup(NamedTuple):
    """One question and its scored rollouts. asked: its text.  worked: its key steps or its references, one after another.  gold: its answer."""

    id: str
    asked: str
    worked: str
    gold: str
    rollouts: Sequence[Seen]
    std: float
    zero_variance: bool


@dataclass(slots=True)
class Point:
    """sums, counts: of decided values, by component.  spread: sum of the groups' standard deviations.

    length, asked, worked: characters, of the rollouts, the questions, and their key steps or references.
    bars: component -> how its values are distributed.  undecided, flags: rollouts by name.
    signs: rollouts that show a sign of a hack, by sign: those of SIGNS; 'identical' ones repeat others of their group.
    numbers: those in rollouts that stand in neither the question nor its key steps.  calculations: in rollouts.
    complete: rollouts with all key steps matched.  wrong: rollouts with a wrong answer, or none; wrong_matched: the sum of
    their k, wrong_complete: those of them with all key steps.
    given: answer -> rollouts that gave it, a right one in the form of the question's own.
    drawn: answer -> rollouts that wrongly gave it, less those that wrongly did not.
    disputed: groups with two wrong answers and more; agreed: the sum of how far they agree, 0 (all differ) to 1 (all the same).
    evidence: sign -> (group, rollout), the first few; of 'length' and 'numbers' those with most, of 'wrong' those with the best reward.
    """

    groups: int = 0
    rollouts: int = 0
    zero_variance: int = 0
    spread: float = 0.0
    length: int = 0
    asked: int = 0
    worked: int = 0
    numbers: int = 0
    calculations: int = 0
    complete: int = 0
    wrong: int = 0
    wrong_matched: float = 0.0
    wrong_complete: int = 0
    disputed: int = 0
    agreed: float = 0.0
    sums: dict[str, float] = field(default_factory=lambda: dict.fromkeys(COMPONENTS, 0.0))
    counts: Counter[str] = field(default_factory=Counter)
    bars: dict[str, list[int]] = field(default_factory=lambda: {name: [0] * BINS for name in COMPONENTS})
    undecided: Counter[str] = field(default_factory=Counter)
    flags: Counter[str] = field(default_factory=Counter)
    signs: Counter[str] = field(default_factory=Counter)
    given: Counter[str] = field(default_factory=Counter)
    drawn: Counter[str] = field(default_factory=Counter)
    evidence: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    _most: dict[str, float] = field(default_factory=dict)

    def add(self, group: SeenGroup) -> None:
        self.groups += 1
        self.zero_variance += group.zero_variance
        self.spread += group.std
        self.asked += len(group.asked)
        self.worked += len(group.worked)
        given = numbers(f"{group.asked} {group.worked} {group.gold}")
        texts: set[str] = set()
        before: str | None = None
        for rollout in group.rollouts:
            text = rollout.text
            self._rollout(group.id, rollout)
            self._text(group.id, rollout, given)
            if text in texts or (before is not None and repeats(text, before)):
                self._sign("identical", group.id, rollout.id)
            texts.add(text)
            before = text
        self._answers(group)

    def mean(self, component: str) -> float | None:
        """Over decided values; None without any."""
        return self.sums[component] / self.counts[component] if self.counts[component] else None

    def ahead(self, component: str, of: str) -> float | None:
        """The difference of two means."""
        mean, other = self.mean(component), self.mean(of)
        return None if mean is None or other is None else mean - other

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
        for name, value in zip(COMPONENTS, rollout.values, strict=True):
            if value is not None:
                self.sums[name] += value
                self.counts[name] += 1
                self.bars[name][min(max(int(value / MOST[name] * BINS), 0), BINS - 1)] += 1
        reward, _, _, outcome, matched = rollout.values
        if reward is None:
            self.undecided.update(rollout.reasons)
        if rollout.flags or rollout.reasons:
            self.flags.update(rollout.flags)
            told = {*rollout.flags, *rollout.reasons}
            for sign, names in SIGNS.items():
                if not names.isdisjoint(told):
                    self._sign(sign, group, rollout.id)
        complete = matched is not None and matched >= 1.0
        self.complete += complete
        if outcome == 0.0:
            self.wrong += 1
            self.wrong_matched += matched or 0.0
            self.wrong_complete += complete
            self._stands_for("wrong", reward or 0.0, group, rollout.id)
            if complete:
                self._sign("complete", group, rollout.id)

    def _text(self, group: str, rollout: Seen, given: set[bytes]) -> None:
        """given: numbers of the question."""
        text = rollout.text
        own = len(numbers(text) - given)
        self.length += len(text)
        self.numbers += own
        self.calculations += calculations(text)
        self._stands_for("length", len(text), group, rollout.id)
        self._stands_for("numbers", own, group, rollout.id)

    def _answers(self, group: SeenGroup) -> None:
        gold = _short(group.gold)
        wrong: dict[str, int] = {}
        for rollout in group.rollouts:
            if rollout.values[3] == 1.0:
                self.given[gold] += 1
            elif rollout.values[3] == 0.0 and rollout.answer is not None:
                answer = _short(rollout.answer)
                wrong[answer] = wrong.get(answer, 0) + 1
        of = sum(wrong.values())
        for answer, n in wrong.items():
            self.given[answer] += n
            self.drawn[answer] += n
        if of:
            self.drawn[gold] -= of
        if of > 1:
            self.disputed += 1
            self.agreed += (max(wrong.values()) - 1) / (of - 1)
        self._forget()

    def _sign(self, sign: str, group: str, rollout: str) -> None:
        self.signs[sign] += 1
        found = self.evidence.setdefault(sign, [])
        if len(found) < _EVIDENCE:
            found.append((group, rollout))

    def _stands_for(self, sign: str, by: float, group: str, rollout: str) -> None:
        """Of all rollouts the one with the most is the evidence."""
        if by > self._most.get(sign, -1.0):
            self._most[sign] = by
            self.evidence[sign] = [(group, rollout)]

    def _forget(self) -> None:
        """A point does not grow with its groups."""
        if len(self.given) > 2 * _ANSWERS or len(self.drawn) > 2 * _ANSWERS:
            self.given, self.drawn = (Counter(dict(c.most_common(_ANSWERS))) for c in (self.given, self.drawn))


# What of points adds up by itself.
_SUMS = (
    *("groups", "rollouts", "zero_variance", "spread", "length", "asked", "worked", "numbers", "calculations"),
    *("complete", "wrong", "wrong_matched", "wrong_complete", "disputed", "agreed"),
)
_COUNTERS = ("counts", "undecided", "flags", "signs", "given", "drawn")


def merged(points: Iterable[Point]) -> Point:
    """All of them as one; evidence is that of the last."""
    whole = Point()
    for point in points:
        for name in _SUMS:
            setattr(whole, name, getattr(whole, name) + getattr(point, name))
        for name in _COUNTERS:
            getattr(whole, name).update(getattr(point, name))
        for name, bars in point.bars.items():
            whole.sums[name] += point.sums[name]
            whole.bars[name] = [a + b for a, b in zip(whole.bars[name], bars, strict=True)]
        whole.evidence.update(point.evidence)
        whole._forget()  # noqa: SLF001 - of its own class
    return whole


def seen(group: Group, scored: ScoredGroup) -> SeenGroup:
    """A group that was just scored."""
    rollouts = [
        Seen(
            s.id,
            r.text,
            (s.reward.total, s.reward.step_rar, s.reward.step_rvr, s.reward.outcome, s.reward.k),
            None if s.evidence is None else s.evidence.outcome.answer,
            s.reward.reasons,
            s.reward.flags,
        )
        for r, s in zip(group.rollouts, scored.rollouts, strict=True)
    ]
    return _seen_group(group, rollouts, scored.advantages.std, scored.advantages.zero_variance)


def seen_on_the_wire(group: Group, scored: Mapping[str, Any]) -> SeenGroup:
    """The same of a group whose scores are in the wire's form."""
    rollouts = [
        Seen(s["id"], r.text, tuple(s[name] for name in COMPONENTS), s["answer"], s["reasons"], s["flags"])
        for r, s in zip(group.rollouts, scored["rollouts"], strict=True)
    ]
    return _seen_group(group, rollouts, scored["std"], scored["zero_variance"])


def _seen_group(group: Group, rollouts: Sequence[Seen], std: float, zero_variance: bool) -> SeenGroup:
    question = group.question
    worked = question.references if question.key_steps is None else [k.text for k in question.key_steps]
    return SeenGroup(group.id, question.text, "\n".join(worked), question.answer or "", rollouts, std, zero_variance)


def _short(answer: str) -> str:
    return answer[:_ANSWER_CHARS].strip().casefold()
