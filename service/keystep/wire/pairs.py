"""POST /v1/pairs: scored groups in, preference pairs out, in the forms that trainers read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from keystep.core.preferences import Candidate, Choice, Dropped, Preference, choose, length_bias
from keystep.errors import InputError
from keystep.wire.requests import Id, distinct

Form = Literal["trl", "trl_messages", "simpo"]
Name = Annotated[str, Field(min_length=1, max_length=512)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class ScoredTextIn(_Strict):
    id: Id
    text: str = Field(description="The response.")
    scores: dict[Name, float | None] = Field(description="What is known of it, by name; null is undecided and is never paired.")


class ScoredGroupIn(_Strict):
    """One question and its scored responses."""

    id: Id
    question: str = Field(min_length=1, description="The prompt's text.")
    images: list[str] = Field(default=[], description="Opaque references or data URLs; carried along as they are.")
    rollouts: list[ScoredTextIn] = Field(min_length=1)

    @field_validator("rollouts")
    @classmethod
    def _unique(cls, rollouts: list[ScoredTextIn]) -> list[ScoredTextIn]:
        distinct((r.id for r in rollouts), "rollouts of one group")
        return rollouts


class Choosing(_Strict):
    """How pairs are chosen."""

    by: Annotated[list[str], Field(min_length=1)] | str = Field(
        "reward", description="Name of the score that decides, or several: the next counts only where those before it are equal."
    )
    top: int = Field(1, ge=1, le=1024, description="Pairs of a group at most: the i-th best against the i-th worst. 1: best against worst.")
    min_margin: float = Field(0.0, ge=0, description="Pairs whose deciding score differs by less are dropped.")
    form: Form = Field(
        "trl", description="trl: prompt, chosen, rejected as texts; trl_messages: as messages; simpo: as SimPO's scripts write them."
    )

    @property
    def names(self) -> list[str]:
        return [self.by] if isinstance(self.by, str) else self.by


class PairsRequest(Choosing):
    groups: list[ScoredGroupIn] = Field(min_length=1)

    @field_validator("groups")
    @classmethod
    def _unique(cls, groups: list[ScoredGroupIn]) -> list[ScoredGroupIn]:
        distinct((g.id for g in groups), "groups")
        return groups


class LengthBiasOut(BaseModel):
    model_config = ConfigDict(extra="forbid")
    chosen_mean: float | None = Field(description="Characters.")
    rejected_mean: float | None = Field(description="Characters.")
    chosen_longer: float | None = Field(description="Share of pairs whose chosen text is the longer; equal lengths count half.")


class PairStatistics(BaseModel):
    model_config = ConfigDict(extra="forbid")
    groups: int
    pairs: int
    dropped: dict[Dropped, int] = Field(description="Groups without a pair, by why.")
    undecided: int = Field(description="Responses left out because a score is null.")
    duplicates: int = Field(description="Responses left out because another of the group has the same text.")
    length: LengthBiasOut


class PairsResponse(BaseModel):
    model_config = ConfigDict(extra="forbid")
    service: str
    pairs: list[dict[str, Any]] = Field(description="A line of the data set each, in the form asked for.")
    dropped: dict[str, Dropped] = Field(description="Why a group has no pair, by its id.")
    statistics: PairStatistics


@dataclass(slots=True)
class PairTally:
    """What has been chosen so far. lengths: (of the chosen, of the rejected) text of each pair."""

    groups: int = 0
    undecided: int = 0
    duplicates: int = 0
    dropped: Counter[Dropped] = field(default_factory=Counter)
    lengths: list[tuple[int, int]] = field(default_factory=list)

    def add(self, group: ScoredGroupIn, choice: Choice) -> None:
        self.groups += 1
        self.undecided += choice.undecided
        self.duplicates += choice.duplicates
        if choice.dropped is not None:
            self.dropped[choice.dropped] += 1
        size = {r.id: len(r.text) for r in group.rollouts}
        self.lengths += [(size[p.pair.chosen], size[p.pair.rejected]) for p in choice.preferences]

    def to_json(self) -> dict[str, Any]:
        return {
            "groups": self.groups,
            "pairs": len(self.lengths),
            "dropped": {why.value: n for why, n in self.dropped.items()},
            "undecided": self.undecided,
            "duplicates": self.duplicates,
            "length": asdict(length_bias(self.lengths)),
        }


def choice_of(group: ScoredGroupIn, how: Choosing, where: str) -> Choice:
    """where: path of the group in what was sent. Raises InputError where a response lacks a score that is to decide."""
    candidates = []
    for n, rollout in enumerate(group.rollouts):
        missing = [name for name in how.names if name not in rollout.scores]
        if missing:
            raise InputError(
                f"there is no score {missing[0]!r} (it has {', '.join(map(repr, rollout.scores)) or 'none'}); "
                "name one of these, or give null where it is undecided",
                field=f"{where}.rollouts.{n}.scores" if where else f"rollouts.{n}.scores",
            )
        candidates.append(Candidate(rollout.id, rollout.text, tuple(rollout.scores[name] for name in how.names)))
    return choose(candidates, top=how.top, min_margin=how.min_margin)


def pair_lines(group: ScoredGroupIn, choice: Choice, how: Choosing) -> Iterator[dict[str, Any]]:
    """The group's pairs, as lines of the data set."""
    for preference in choice.preferences:
        yield _line(group, preference, how)


def _line(group: ScoredGroupIn, preference: Preference, how: Choosing) -> dict[str, Any]:
    rollouts = {r.id: r for r in group.rollouts}
    chosen, rejected = rollouts[preference.pair.chosen], rollouts[preference.pair.rejected]
    name = how.names[preference.decided_by]
    line: dict[str, Any] = {"prompt": group.question, "chosen": chosen.text, "rejected": rejected.text}
    if how.form == "trl_messages":
        line = {"prompt": [_said("user", group.question)], **{side: [_said("assistant", line[side])] for side in ("chosen", "rejected")}}
    elif how.form == "simpo":
        asked = _said("user", group.question)
        line |= {side: [asked, _said("assistant", line[side])] for side in ("chosen", "rejected")}
        # One score a response; the script's own reader takes no null.
        scored = [r for r in group.rollouts if r.scores[name] is not None]
        line |= {"all_generated_responses": [r.text for r in scored], "all_rm_scores": [r.scores[name] for r in scored]}
    if group.images:
        line["images"] = group.images
    return line | {
        "id": group.id,
        "chosen_id": chosen.id,
        "rejected_id": rejected.id,
        "score_chosen": chosen.scores[name],
        "score_rejected": rejected.scores[name],
        "margin": preference.pair.margin,
        "decided_by": name,
    }


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
