"""One request, top to bottom.

    groups -> key steps (given, else extracted from the references, through the cache)
           -> sections (core.structure)
           -> outcomes, all of the batch at once (verify: fast path here, symbolic work in killable processes)
           -> for the recipe semantic, what is undecided, asked of the embedder all at once (models.embedder)
           -> rewards and evidence (core.rewards); a recipe's extras, asked of the reward models (models.served); advantages, pair

Synchronous and thread-safe, in this process alone; processes/ does the same on all cores, over the same scoring.py.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from keystep import scoring
from keystep.cache.memory import MemoryCache
from keystep.cache.redis import RedisCache
from keystep.cache.sqlite import SqliteCache
from keystep.cache.tiers import TieredCache
from keystep.core import steps
from keystep.core.extras import Learned, with_extras
from keystep.errors import CacheError, ComponentError, RecipeError
from keystep.keysteps import llm
from keystep.keysteps.source import Extracted, Flown, KeyStepSource, RulesExtractor
from keystep.models import embedder, served
from keystep.models.embedder import Embedder
from keystep.models.sample import Sample, Score
from keystep.models.served import RewardModels
from keystep.models.spec import PAIRWISE, PROCESS
from keystep.nouns import Group, Outcome, Question, Reason, Rollout, ScoredGroup, ScoredRollout, Structure
from keystep.ports import Cache, Extractor, Worked
from keystep.recipe import Recipe
from keystep.scoring import Compared, Wanted
from keystep.settings import Settings
from keystep.verify.verifier import Verifier, VerifyItem

_log = logging.getLogger(__name__)

# Requests with extras that wait for reward models at once, an extra each.
_EXTRAS_AT_ONCE = 16


@dataclass(frozen=True, slots=True)
class Scored:
    """groups in input order; degraded: what was slower or missing underneath, without touching a reward ('cache')."""

    groups: list[ScoredGroup]
    degraded: tuple[str, ...] = ()


class Lookup:
    """The key steps of some groups, there or under way. late: what stands in the place of one that is not there."""

    def __init__(self, questions: Sequence[Question], flights: Sequence[Sequence[Future[Flown]]], late: Flown) -> None:
        self._questions = questions
        self._flights = flights
        self._late = late

    @property
    def under_way(self) -> list[Future[Flown]]:
        """Of all groups."""
        return [flight for index in range(len(self._flights)) for flight in self.under_way_for(index)]

    def under_way_for(self, index: int) -> list[Future[Flown]]:
        """Of one group; empty once its key steps are known."""
        return [flight for flight in self._flights[index] if not flight.done()]

    def only(self, indices: Sequence[int]) -> Lookup:
        """Of some of the groups."""
        return Lookup([self._questions[i] for i in indices], [self._flights[i] for i in indices], self._late)

    def wanted(self, index: int) -> Wanted:
        """What to look for in one group, as far as it is known; null, reason deadline, where it is not."""
        return _wanted(self._questions[index], [flown[0] for flown in self._now(index)])

    @property
    def cached(self) -> list[bool]:
        """Of each reference whose key steps are there: whether a cache had them."""
        return [flight.result()[0].cached for flights in self._flights for flight in flights if flight.done()]

    @property
    def degraded(self) -> tuple[str, ...]:
        """What was missing underneath so far."""
        return tuple(sorted({name for index in range(len(self._flights)) for _, without in self._now(index) for name in without}))

    def _now(self, index: int) -> list[Flown]:
        return [flight.result() if flight.done() else self._late for flight in self._flights[index]]


class Engine:
    """verifier: outcomes. sources: key steps, by the extractor's name in recipes. cache: closed with the engine.

    embedder: None where no recipe that names one is served.  reward_models: those that recipes may name in extras.
    """

    def __init__(
        self,
        *,
        verifier: Verifier,
        sources: Mapping[str, KeyStepSource],
        cache: TieredCache,
        embedder: Embedder | None = None,
        reward_models: RewardModels | None = None,
    ) -> None:
        self.verifier = verifier
        self.sources = sources
        self._cache = cache
        self._embedder = embedder
        self.reward_models = reward_models or RewardModels({})
        self._waiting_for_models = ThreadPoolExecutor(_EXTRAS_AT_ONCE, "keystep-extras")

    def start(self) -> None:
        """Warm what is slow to start; returns when ready. Raises ComponentError where the embedder cannot be loaded."""
        self.verifier.start()
        if self._embedder is not None:
            self._embedder.start()
        self.reward_models.start()

    def ready(self) -> bool:
        return self.verifier.ready() and (self._embedder is None or self._embedder.alive()) and self.reward_models.alive()

    def close(self) -> None:
        self.verifier.close()
        if self._embedder is not None:
            self._embedder.close()
        self.reward_models.close()
        self._waiting_for_models.shutdown(wait=False)
        for source in self.sources.values():
            source.close()
        self._cache.close()

    def score(self, groups: Sequence[Group], recipe: Recipe, *, deadline: float | None = None) -> Scored:
        """Every rollout's reward, in order. deadline: time.monotonic() past which what is not ready is null, reason deadline."""
        wanted, degraded = self.wanted(groups, recipe, deadline=deadline)
        asked = self._asked(groups, recipe, deadline)  # works while answers are judged
        parsed = [[scoring.read(r, recipe) for r in g.rollouts] for g in groups]
        outcomes = iter(
            self.verifier.verify(
                [
                    VerifyItem(g.question, r.text, truncated=r.truncated, structure=s)
                    for g, structures in zip(groups, parsed, strict=True)
                    for r, s in zip(g.rollouts, structures, strict=True)
                    if s is not None
                ],
                recipe,
                deadline=deadline,
            )
        )
        compared = self._compared(groups, parsed, wanted, recipe, deadline)
        learned = _learned(asked, sum(len(g.rollouts) for g in groups))
        scored = [
            scoring.group(
                g,
                [
                    with_extras(_rollout(r, s, want, outcomes, recipe, g.question.text, deadline, compared), next(learned), recipe)
                    for r, s in zip(g.rollouts, structures, strict=True)
                ],
            )
            for g, structures, want in zip(groups, parsed, wanted, strict=True)
        ]
        return Scored(scored, degraded)

    def _asked(self, groups: Sequence[Group], recipe: Recipe, deadline: float | None) -> list[Future[list[Score]]]:
        """What the reward models of the recipe's extras say, one list of all rollouts an extra; under way."""
        rollouts = [(g.question.text, r.text) for g in groups for r in g.rollouts]
        asked = []
        for extra in recipe.extras:
            model = self.reward_models.get(extra.reward_model)
            by_step = model is not None and model.kind in PROCESS
            samples = [Sample(q, "", steps.split(text)) if by_step else Sample(q, text) for q, text in rollouts]
            asked.append(self._waiting_for_models.submit(self.reward_models.score, extra.reward_model, samples, deadline=deadline))
        return asked

    def verify(self, items: Sequence[VerifyItem], recipe: Recipe, *, deadline: float | None = None) -> list[Outcome]:
        """Outcomes alone, of texts of any form, in order."""
        return self.verifier.verify(items, recipe, deadline=deadline)

    def key_steps(
        self, texts: Sequence[Worked], recipe: Recipe, *, deadline: float | None = None
    ) -> tuple[list[Extracted], tuple[str, ...]]:
        """Key steps for each, by the recipe's extractor, and what is degraded."""
        degraded: set[str] = set()
        return self.source(recipe.extractor).get_many(texts, degraded, deadline=deadline), tuple(sorted(degraded))

    def source(self, extractor: str) -> KeyStepSource:
        """The key steps of one extractor, by its name in recipes. Raises RecipeError where it is not here."""
        try:
            return self.sources[extractor]
        except KeyError:
            raise RecipeError(
                f"this service has no extractor {extractor[:80]!r}; it has {', '.join(self.sources)}", field="recipe.extractor"
            ) from None

    def wanted(self, groups: Sequence[Group], recipe: Recipe, *, deadline: float | None = None) -> tuple[list[Wanted], tuple[str, ...]]:
        """The key steps to look for in each group: given, else extracted from the references; and what is degraded."""
        lookup = self.look_up(groups, recipe, deadline=deadline)
        wait(lookup.under_way, None if deadline is None else max(0.0, deadline - time.monotonic()))
        return [lookup.wanted(i) for i in range(len(groups))], lookup.degraded

    def look_up(self, groups: Sequence[Group], recipe: Recipe, *, deadline: float | None = None) -> Lookup:
        """The same, begun: takes as long as the cache does to answer. Raises RecipeError."""
        # A recipe that names what is not here is refused even where nothing would be asked of it: never scored by something else.
        source = self.source(recipe.extractor)
        if recipe.matching == "semantic":
            self._embedder_of(recipe)
        self._check_extras(recipe)
        texts = [
            Worked(g.question.text, r, g.question.images) for g in groups if g.question.key_steps is None for r in g.question.references
        ]
        flights = iter(source.begin(texts, deadline=deadline) if texts else ())
        mine = [[next(flights) for _ in g.question.references] if g.question.key_steps is None else [] for g in groups]
        return Lookup([g.question for g in groups], mine, source.late)

    def _embedder_of(self, recipe: Recipe) -> Embedder:
        if self._embedder is None or self._embedder.model != recipe.embedder:
            has = "none; KEYSTEP_EMBEDDER names one" if self._embedder is None else self._embedder.model
            raise RecipeError(f"this service has no embedder {recipe.embedder[:80]!r}; it has {has}", field="recipe.embedder")
        return self._embedder

    def _check_extras(self, recipe: Recipe) -> None:
        for n, extra in enumerate(recipe.extras):
            model = self.reward_models.get(extra.reward_model)
            if model is not None and model.kind in PAIRWISE:
                raise RecipeError(
                    f"the reward model {extra.reward_model} compares two responses and scores none alone; ask it at /v1/reward-models",
                    field=f"recipe.extras.{n}.reward_model",
                )

    def _compared(
        self,
        groups: Sequence[Group],
        parsed: Sequence[Sequence[Structure | None]],
        wanted: Sequence[Wanted],
        recipe: Recipe,
        deadline: float | None,
    ) -> Compared | None:
        """What the embedder says of all that is undecided; None for a recipe that asks none."""
        if recipe.matching != "semantic":
            return None
        undecided = dict.fromkeys(
            pair
            for g, structures, want in zip(groups, parsed, wanted, strict=True)
            for r, s in zip(g.rollouts, structures, strict=True)
            if s is not None
            for pair in scoring.undecided(r, s, want, recipe, g.question.text)
        )
        try:
            return Compared(dict(zip(undecided, self._embedder_of(recipe).similarity(list(undecided), deadline=deadline), strict=True)))
        except ComponentError as error:
            _log.warning("%s", error)
            return Compared({}, error.reason)


def _wanted(question: Question, extracted: Sequence[Extracted]) -> Wanted:
    if question.key_steps is not None:
        return Wanted((question.key_steps,), () if question.key_steps else (Reason.NO_KEY_STEPS,))
    # The best recall among some of the references would be a reward that depends on which of them failed.
    failed = tuple(dict.fromkeys(reason for e in extracted if e.key_steps is None for reason in e.reasons))
    if failed:
        return Wanted(None, failed)
    found = tuple(e.key_steps for e in extracted if e.key_steps)
    return Wanted(found) if found else Wanted(((),), (Reason.NO_KEY_STEPS,))


def _learned(asked: Sequence[Future[list[Score]]], rollouts: int) -> Iterator[tuple[Learned, ...]]:
    """One tuple a rollout, in order; of an extra each."""
    columns = [[Learned(f.value, f.steps, f.truncated, f.reason) for f in future.result()] for future in asked]
    return zip(*columns, strict=True) if columns else iter([()] * rollouts)


def _rollout(
    rollout: Rollout,
    parsed: Structure | None,
    want: Wanted,
    outcomes: Iterator[Outcome],
    recipe: Recipe,
    question: str,
    deadline: float | None,
    compared: Compared | None,
) -> ScoredRollout:
    if parsed is None:
        return scoring.nothing(rollout.id, Reason.INTERNAL_ERROR)
    outcome = next(outcomes)
    if deadline is not None and time.monotonic() > deadline:
        return scoring.nothing(rollout.id, Reason.DEADLINE)
    return scoring.score(rollout, parsed, want, outcome, recipe, question, compared)


def build(settings: Settings) -> Engine:
    """The engine of a deployment."""
    cache = TieredCache(MemoryCache(settings.cache_entries), backing(settings))
    extractors: tuple[Extractor, ...] = (RulesExtractor(), *llm.from_settings(settings))
    sources = {extractor.name: KeyStepSource(extractor, cache) for extractor in extractors}
    verifier = Verifier(workers=settings.verifier_workers, cpu_seconds=settings.verifier_cpu_seconds)
    return Engine(
        verifier=verifier,
        sources=sources,
        cache=cache,
        embedder=embedder.from_settings(settings),
        reward_models=served.from_settings(settings),
    )


def backing(settings: Settings) -> Cache | None:
    """Redis where it is named, else SQLite. A file that cannot be opened is said once and done without."""
    if settings.redis_url is not None:
        return RedisCache(settings.redis_url.get_secret_value(), ttl=settings.cache_ttl_seconds, timeout=settings.redis_timeout_seconds)
    if settings.cache_path is None:
        return None
    try:
        return SqliteCache(settings.cache_path)
    except CacheError as error:
        _log.warning("%s; until then key steps are kept in memory only", error)
        return None
