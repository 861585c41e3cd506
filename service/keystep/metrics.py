"""What Prometheus reads at /metrics. One registry an application, so that two of them in a process do not collide."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from keystep.engine import Engine
from keystep.jobs.store import Counts
from keystep.keysteps.llm import LlmExtractor
from keystep.nouns import Outcome, ScoredGroup
from keystep.processes.times import BOUNDS, Times
from keystep.recipe import Recipe
from keystep.settings import Settings

# Upper bounds. The outcome is worth 1 and StepRVR 1, so that most rewards lie close under or over a whole number. None is
# negative: Prometheus takes no sum of those.
_REWARDS = (0.0, 0.05, 0.1, 0.5, 0.99, 1.0, 1.05, 1.1, 1.5, 1.99, 2.0, 2.05, 2.1, 2.5)
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class ProcessCounts(Protocol):
    restarts: int

    def processes(self) -> Sequence[int]: ...

    @property
    def size(self) -> int: ...

    @property
    def times(self) -> Sequence[Times]: ...


class LedgerCounts(Protocol):
    written: int
    lost: int
    stopped: str | None


class _Ledger(Collector):
    def __init__(self, watched: LedgerCounts) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        counted = CounterMetricFamily("keystep_ledger_rollouts", "Rollouts for the ledger: written, or lost.", labels=["status"])
        counted.add_metric(["written"], self._watched.written)
        counted.add_metric(["lost"], self._watched.lost)
        yield counted
        stopped = self._watched.stopped is not None
        yield GaugeMetricFamily("keystep_ledger_stopped", "1 while the ledger cannot be written.", value=float(stopped))


class _Processes(Collector):
    def __init__(self, watched: ProcessCounts) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("keystep_scoring_processes", "Scoring processes that are up.", value=len(self._watched.processes()))
        yield CounterMetricFamily("keystep_scoring_process_deaths", "Scoring processes that died.", value=self._watched.restarts)
        yield GaugeMetricFamily("keystep_unscored_rollouts", "Rollouts that wait or are being scored.", value=self._watched.size)
        parts = HistogramMetricFamily("keystep_component_seconds", "Seconds of a rollout in each part of scoring.", labels=["component"])
        for times in self._watched.times:
            parts.add_metric([times.component], _buckets(BOUNDS, times.counts), times.seconds)
        yield parts


def _buckets(bounds: Sequence[float], counts: Iterable[int]) -> list[tuple[str, int]]:
    """As Prometheus has them: each with all that are less."""
    return list(zip([*(str(float(b)) for b in bounds), "+Inf"], accumulate(counts), strict=True))


class JobCounts(Protocol):
    @property
    def counts(self) -> Counts | None: ...

    @property
    def groups(self) -> Mapping[str, int]: ...


class _Jobs(Collector):
    def __init__(self, watched: JobCounts) -> None:
        self._watched = watched

    def collect(self) -> Iterator[Metric]:
        jobs = GaugeMetricFamily("keystep_jobs", "Jobs of the store, which replicas may share, by state.", labels=["state"])
        if (counts := self._watched.counts) is not None:  # a store that cannot be asked is not an empty one
            for state, n in asdict(counts).items():
                jobs.add_metric([state], n)
        yield jobs
        groups = CounterMetricFamily("keystep_job_groups", "Groups of jobs that were taken here, by what came of them.", labels=["what"])
        for what, n in self._watched.groups.items():
            groups.add_metric([what], n)
        yield groups


class _Extractors(Collector):
    """extractors: over one endpoint, whose use they share.  prices: of a million prompt and completion tokens."""

    def __init__(self, extractors: Sequence[LlmExtractor], prices: tuple[float, float]) -> None:
        self._extractors = extractors
        self._prices = prices

    def collect(self) -> Iterator[Metric]:
        usage = self._extractors[0].usage
        tokens = {"prompt": usage.prompt_tokens, "completion": usage.completion_tokens}
        yield CounterMetricFamily("keystep_llm_requests", "Requests to the language model, retries included.", value=usage.requests)
        yield CounterMetricFamily("keystep_llm_retries", "Requests that were sent again.", value=usage.retries)
        counted = CounterMetricFamily("keystep_llm_tokens", "Tokens as the endpoint counts them.", labels=["kind"])
        for kind, n in tokens.items():
            counted.add_metric([kind], n)
        yield counted
        cost = sum(n * price for n, price in zip(tokens.values(), self._prices, strict=True)) / 1e6
        yield CounterMetricFamily("keystep_llm_cost", "Tokens times KEYSTEP_LLM_PRICE_PROMPT and _COMPLETION.", value=round(cost, 9))
        failures = CounterMetricFamily("keystep_llm_failures", "Extractions that failed, by reason.", labels=["extractor", "reason"])
        checks = CounterMetricFamily("keystep_llm_checks", "What the checks of replies had to do.", labels=["extractor", "what"])
        for extractor in self._extractors:
            for reason, n in extractor.failures.items():
                failures.add_metric([extractor.name, reason], n)
            for what, n in extractor.counts.items():
                checks.add_metric([extractor.name, what], n)
        yield failures
        yield checks


class Distribution(Collector):
    """How rewards are spread, by recipe. Counted a batch at a time: prometheus_client's own histogram takes a lock a rollout."""

    def __init__(self) -> None:
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._lock = threading.Lock()

    def saw(self, recipe: str, rewards: Iterable[float | None]) -> None:
        """Those that are undecided are counted elsewhere."""
        known = [r for r in rewards if r is not None]
        with self._lock:
            counts = self._counts.setdefault(recipe, [0] * (len(_REWARDS) + 1))
            for reward in known:
                counts[bisect_left(_REWARDS, reward)] += 1
            self._sums[recipe] = self._sums.get(recipe, 0.0) + sum(known)

    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily("keystep_reward", "Rewards given, by recipe.", labels=["recipe"])
        with self._lock:
            for recipe, counts in self._counts.items():
                family.add_metric([recipe], _buckets(_REWARDS, counts), self._sums[recipe])
        yield family


class Metrics:
    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        r = self._registry
        requests = Counter("keystep_requests", "Requests answered.", ("route", "status"), registry=r)
        self._request = cache(requests.labels)  # looking one up costs more than counting
        self.seconds = Histogram(
            "keystep_request_seconds", "Seconds from the first byte read to the answer.", ("route",), buckets=_SECONDS, registry=r
        )
        stages = Histogram("keystep_stage_seconds", "Seconds of each stage of a request.", ("stage",), buckets=_SECONDS, registry=r)
        self._stage = cache(stages.labels)
        self._rewards = Distribution()
        r.register(self._rewards)
        self.inflight = Gauge("keystep_inflight_rollouts", "Rollouts admitted and not yet answered.", registry=r)
        self.inflight_bytes = Gauge("keystep_inflight_bytes", "Bytes of request bodies in flight.", registry=r)
        self._rollouts = cache(Counter("keystep_rollouts", "Rollouts scored.", ("recipe", "status"), registry=r).labels)
        self.reasons = Counter("keystep_reasons", "Reasons given, by name.", ("reason",), registry=r)
        self.flags = Counter("keystep_flags", "Flags raised, by name.", ("flag",), registry=r)
        self.zero_variance = Counter("keystep_zero_variance_groups", "Groups without any signal.", registry=r)
        self.fallbacks = Counter(
            "keystep_fallbacks", "Undecided rewards answered to a trainer as the number its URL names.", ("protocol",), registry=r
        )
        self.degraded = Counter("keystep_degraded", "Requests answered while something underneath was missing.", ("what",), registry=r)
        self.observer_failures = Counter(
            "keystep_observer_failures",
            "Batches of scored groups that an observer failed over; their answers stand.",
            ("observer",),
            registry=r,
        )
        self._lookups = Counter("keystep_key_step_lookups", "Key-step lookups.", ("cached",), registry=r)

    def watch(self, processes: ProcessCounts) -> None:
        """Tell how the scoring processes are. They report to the front all they do, so every other figure here is of all of them."""
        self._registry.register(_Processes(processes))

    def watch_ledger(self, ledger: LedgerCounts) -> None:
        """Tell what the ledger recorded, where there is one."""
        self._registry.register(_Ledger(ledger))

    def watch_jobs(self, jobs: JobCounts) -> None:
        """Tell how jobs stand, where there are any."""
        self._registry.register(_Jobs(jobs))

    def watch_extractors(self, engine: Engine, settings: Settings) -> None:
        """Tell what extraction by a language model takes, where there is one."""
        found = [s.extractor for s in engine.sources.values() if isinstance(s.extractor, LlmExtractor)]
        if found:
            self._registry.register(_Extractors(found, (settings.llm_price_prompt, settings.llm_price_completion)))

    def saw_groups(self, recipe: Recipe, groups: Sequence[ScoredGroup], degraded: Iterable[str]) -> None:
        # Recipes of a request's own making share one label: a label's values must stay few.
        name = recipe.name.partition("(")[0] + ("(...)" if "(" in recipe.name else "")
        statuses, reasons, flags = Tally[str](), Tally[str](), Tally[str]()
        for group in groups:
            if group.advantages.zero_variance:
                self.zero_variance.inc()
            for rollout in group.rollouts:
                reward = rollout.reward
                statuses["undecided" if reward.total is None else "decided"] += 1
                for reason in reward.reasons:
                    reasons[reason] += 1
                for flag in reward.flags:
                    flags[flag] += 1
        self._rewards.saw(name, (r.reward.total for g in groups for r in g.rollouts))
        for status, n in statuses.items():
            self._rollouts(name, status).inc(n)
        self._saw(reasons, flags)
        self.saw_degraded(degraded)

    def saw_request(self, route: str, status: int) -> None:
        self._request(route, str(status)).inc()

    def saw_stage(self, stage: str, seconds: float) -> None:
        self._stage(stage).observe(seconds)

    def saw_lookups(self, cached: Sequence[bool]) -> None:
        """Of each reference whose key steps were looked up: whether a cache had them."""
        for whether in set(cached):
            self._lookups.labels(str(whether).lower()).inc(cached.count(whether))

    def saw_degraded(self, degraded: Iterable[str]) -> None:
        for what in degraded:
            self.degraded.labels(what).inc()

    def saw_outcomes(self, outcomes: Iterable[Outcome]) -> None:
        reasons, flags = Tally[str](), Tally[str]()
        for outcome in outcomes:
            reasons.update(outcome.reasons)
            flags.update(outcome.flags)
        self._saw(reasons, flags)

    def _saw(self, reasons: Mapping[str, int], flags: Mapping[str, int]) -> None:
        for reason, n in reasons.items():
            self.reasons.labels(reason).inc(n)
        for flag, n in flags.items():
            self.flags.labels(flag).inc(n)

    def exposition(self) -> bytes:
        return generate_latest(self._registry)
