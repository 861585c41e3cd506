"""What is asked and what comes back, typed. Field for field the wire (v1).

Requests may also be plain mappings of the same form; they are sent as they are, and the service validates them.
Results keep fields that a newer service adds (``model_extra``). A null reward is None, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from keystep_client.errors import UndecidedError

Span = tuple[int, int]
Status = Literal["ok", "partial", "error"]
# What stands for a reward that could not be decided: None itself, a number (NaN is one), or an UndecidedError.
Undecided = float | Literal["raise"] | None


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Rollout(_Asked):
    """One sampled response, special tokens removed. truncated: sampling stopped at the length limit."""

    id: str
    text: str
    truncated: bool = False


class _Question(_Asked):
    """answer: the gold. choices: option texts in the order of their letters. precision: decimal places asked for."""

    id: str
    question: str = ""
    answer: str | None = None
    choices: list[str] | None = None
    answer_type: str = "auto"
    precision: int | None = None
    profile: str | None = None


class Group(_Question):
    """One question and its M rollouts. key_steps: each a text or a list of equivalent forms; None: extracted from the reference."""

    rollouts: list[Rollout]
    reference: str | None = None
    references: list[str] | None = None
    key_steps: list[str | list[str]] | None = None
    images: list[str] = []


class Item(_Question):
    """One text to verify: outcome only, no section headers needed."""

    text: str
    truncated: bool = False


class Question(_Asked):
    """A reference to extract key steps from."""

    id: str
    reference: str
    question: str = ""


class Candidate(_Asked):
    """A response that may be chosen or rejected. scores: what is known of it, by name; None is undecided and is never paired."""

    id: str
    text: str
    scores: dict[str, float | None]


class CandidateGroup(_Asked):
    """The responses to one question, to be paired. question: the prompt. images: carried into the pair as they are."""

    id: str
    question: str
    rollouts: list[Candidate]
    images: list[str] = []


class _Answered(BaseModel):
    model_config = ConfigDict(extra="allow", frozen=True)


class RecipeRef(_Answered):
    name: str
    hash: str


class Recipe(RecipeRef):
    """A recipe in full; its fields are in ``model_extra``."""


class Section(_Answered):
    kind: str
    number: int | None
    header: Span
    body: Span


class StepMatch(_Answered):
    key_step: str
    matched: bool
    score: float
    tier: str | None
    form: str | None
    span: Span | None
    blocked: str | None


class ReadAnswer(_Answered):
    span: Span | None
    answer_type: str | None
    method: str | None


class Evidence(_Answered):
    """What a reward rests on; spans are (start, end) characters of the rollout's text as it was sent."""

    grammar: str
    sections: list[Section]
    completeness: bool
    logic: bool
    key_steps: list[StepMatch]
    answer: ReadAnswer
    excluded: list[Span]


class ScoredRollout(_Answered):
    """reward and its components, each None when it could not be decided; reasons then say why."""

    id: str
    reward: float | None
    step_rar: float | None
    step_rvr: float | None
    outcome: float | None
    key_steps_matched: float | None
    key_steps_soft: float | None
    answer: str | None
    status: Status
    reasons: list[str]
    flags: list[str]
    extras: dict[str, float | None] = {}
    evidence: Evidence | None = None


class Pair(_Answered):
    chosen: str
    rejected: str
    margin: float


class ScoredGroup(_Answered):
    """advantages: one a rollout, None where the reward is None."""

    id: str
    rollouts: list[ScoredRollout]
    advantages: list[float | None]
    mean: float | None
    std: float
    zero_variance: bool
    pair: Pair | None

    def rewards(self, *, undecided: Undecided) -> list[float | None]:
        """One a rollout, in order. undecided: what stands for None; there is no default, as it decides what a policy learns."""
        return decided(self.rollouts, undecided)


class _Result(_Answered):
    """recipe, service: what decided. degraded: what was slower or missing underneath; no reward is touched by it."""

    recipe: RecipeRef
    service: str
    degraded: list[str] = []


class ScoreResult(_Result):
    """groups in the order they were sent."""

    groups: list[ScoredGroup]

    def rewards(self, *, undecided: Undecided) -> list[float | None]:
        """One a rollout, group after group. undecided: what stands for None."""
        return decided([r for g in self.groups for r in g.rollouts], undecided)


class Progress(_Answered):
    groups: int
    groups_done: int


class Job(_Answered):
    """result: once it is done. waits_for: why nobody takes it up, where somebody had to leave it. expires: when it is forgotten."""

    id: str
    status: Literal["queued", "running", "done", "cancelled"]
    recipe: RecipeRef
    progress: Progress
    created: str
    expires: str | None
    waits_for: str | None
    degraded: list[str]
    result: ScoreResult | None


class Outcome(_Answered):
    """outcome: 1 right, 0 wrong or absent, None undecided."""

    id: str
    outcome: float | None
    answer: str | None
    status: Status
    reasons: list[str]


class VerifyResult(_Result):
    items: list[Outcome]


class KeySteps(_Answered):
    """key_steps: each the list of its equivalent forms; None when extraction failed."""

    id: str
    key_steps: list[list[str]] | None
    extractor: str
    cached: bool
    status: Status
    reasons: list[str]


class KeyStepsResult(_Result):
    questions: list[KeySteps]


class LengthBias(_Answered):
    """Mean characters of both sides, and the share of pairs whose chosen text is the longer one; None without pairs."""

    chosen_mean: float | None
    rejected_mean: float | None
    chosen_longer: float | None


class PairStatistics(_Answered):
    """dropped: groups without a pair, by why. undecided, duplicates: responses left out as their score is None, or their text another's."""

    groups: int
    pairs: int
    dropped: dict[str, int]
    undecided: int
    duplicates: int
    length: LengthBias


class PairsResult(_Answered):
    """pairs: rows of a data set in the form that was asked for. dropped: why a group has none, by its id."""

    service: str
    pairs: list[dict[str, Any]]
    dropped: dict[str, str]
    statistics: PairStatistics


class RecipesResult(_Answered):
    recipes: list[Recipe]


def decided(rollouts: Sequence[ScoredRollout], undecided: Undecided) -> list[float | None]:
    """Rewards in order, with what the caller wants in the place of None."""
    if undecided == "raise":
        missing = tuple((r.id, tuple(r.reasons)) for r in rollouts if r.reward is None)
        if missing:
            id_, reasons = missing[0]
            raise UndecidedError(
                f"{len(missing)} of {len(rollouts)} rewards are undecided, the first {id_!r}: {', '.join(reasons)}; "
                "mend that, or choose a number for them with undecided=",
                rollouts=missing,
            )
        return [r.reward for r in rollouts]
    return [undecided if r.reward is None else r.reward for r in rollouts]
