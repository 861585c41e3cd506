"""Rewards from the service, asked for in the background and waited for where they are needed.

    sent = scorer.send(group)          as soon as a group's last rollout has ended
    ...                                the reference's log-probabilities, or the next batch
    collected = scorer.collect([sent, ...])

When the service goes away, collect waits until it is back and sends what is missing again; a group that has been answered is
never sent again.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from keystep_client import BusyError, Client, ScoredGroup, ScoreResult, UnreachableError
from keystep_train.config import Service

# Tries of the client for one request; after them it is this module that waits.
_TRIES = 2
# Seconds between looks at a service that is away.
_PAUSE = 1.0
_AWAY = (UnreachableError, BusyError)


@dataclass
class Sent:
    """A group on its way. sent, answered: when, by time.monotonic()."""

    group: Mapping[str, Any]
    future: Future[ScoreResult]
    sent: float
    answered: float = 0.0


@dataclass
class Collected:
    """groups: as they were asked. seconds: from the last group's sending to the last answer; waited: of these, spent in collect."""

    groups: list[ScoredGroup]
    seconds: float
    waited: float
    paused: float = 0.0
    retried: int = 0

    def metrics(self) -> dict[str, float]:
        hidden = max(0.0, 1 - self.waited / self.seconds) if self.seconds > 0 else 1.0
        return {
            "reward_time/seconds": self.seconds,
            "reward_time/waited": self.waited,
            "reward_time/hidden_share": hidden,
            "reward_time/paused": self.paused,
            "rewards/groups_retried": self.retried,
        }


@dataclass
class Scorer:
    """A connection to the service a configuration names. Open it with ``with``."""

    service: Service
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(self.service.url, api_key=self.service.api_key, retries=_TRIES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.client.close()

    def send(self, group: Mapping[str, Any], *, recipe: str | Mapping[str, Any] | None = None) -> Sent:
        """One group of the wire, under the configuration's recipe or this one."""
        future = self.client.submit([group], recipe=recipe or self.service.recipe, deadline_ms=self.service.deadline_ms)
        sent = Sent(group, future, time.monotonic())
        future.add_done_callback(lambda _: setattr(sent, "answered", time.monotonic()))
        return sent

    def collect(self, sent: Sequence[Sent], *, recipe: str | Mapping[str, Any] | None = None) -> Collected:
        """Their scores, in order, whatever becomes of the service in between. RejectedError: it refuses them, which no waiting mends."""
        began = time.monotonic()
        complete = max(one.sent for one in sent)
        waiting = list(sent)
        left = [self.service.retries] * len(waiting)
        collected = Collected([], 0.0, 0.0)
        while (here := len(collected.groups)) < len(waiting):
            try:
                (scored,) = waiting[here].future.result().groups
            except _AWAY as error:
                collected.paused += self._pause(error, first=collected.paused == 0)
                waiting[here:] = [self.send(one.group, recipe=recipe) if _failed(one) else one for one in waiting[here:]]
                continue
            if left[here] and any(rollout.reward is None for rollout in scored.rollouts):
                left[here] -= 1
                collected.retried += 1
                waiting[here] = self.send(waiting[here].group, recipe=recipe)
                continue
            # A future's waiter may be told before its callback is.
            waiting[here].answered = waiting[here].answered or time.monotonic()
            collected.groups.append(scored)
        collected.seconds = max(0.0, max(one.answered for one in waiting) - complete)
        collected.waited = time.monotonic() - began
        return collected

    def _pause(self, error: Exception, *, first: bool) -> float:
        if first:
            print(f"training waits for the service: {error}", file=sys.stderr, flush=True)
        time.sleep(_PAUSE)
        return _PAUSE


def _failed(one: Sent) -> bool:
    return one.future.done() and isinstance(one.future.exception(), _AWAY)


@dataclass(frozen=True)
class Signal:
    """What a batch of rollouts learns from, row after row. advantages: None: left out. metrics: of the rewards."""

    advantages: list[float | None]
    metrics: dict[str, float]


def signal(groups: Sequence[ScoredGroup], undecided: str) -> Signal:
    """The service's group-normalised advantages, under the policy for what is undecided.

    drop_rollout: an undecided rollout is left out; it never had a part in its group's mean. drop_group: its whole group is.
    """
    advantages: list[float | None] = []
    dropped = 0
    for group in groups:
        drop = undecided == "drop_group" and None in group.advantages
        dropped += drop
        advantages += [None] * len(group.rollouts) if drop else group.advantages
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    metrics = {
        "rewards/zero_variance_share": _mean([float(group.zero_variance) for group in groups]),
        "rewards/undecided_share": _mean([float(rollout.reward is None) for rollout in rollouts]),
        "rewards/rollouts_left_out": float(sum(a is None for a in advantages)),
        "rewards/groups_dropped": float(dropped),
    }
    for name in ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched"):
        decided = [value for rollout in rollouts if (value := getattr(rollout, name)) is not None]
        if decided:
            metrics[f"rewards/{name}"] = _mean(decided)
    return Signal(advantages, metrics)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
