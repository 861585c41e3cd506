"""What may be asked. Strict: a wrong type or an unknown field is an error with its path, never a guess."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from keystep.nouns import Group, KeyStep, Question, Rollout
from keystep.verify.kinds import NAMES as ANSWER_TYPES
from keystep.verify.profiles import PROFILES


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank; leave the item out")
    return text


def _one_of(names: Iterable[str], what: str) -> Any:
    allowed = tuple(names)

    def check(value: str) -> str:
        if value not in allowed:
            raise ValueError(f"no such {what}; use one of {', '.join(allowed)}")
        return value

    return AfterValidator(check)


_LONGEST_DEADLINE = 86_400_000  # a day, in milliseconds
Deadline = Annotated[
    int | None, Field(ge=1, le=_LONGEST_DEADLINE, description="Milliseconds; what is not ready by then is null, reason deadline.")
]

Id = Annotated[str, Field(min_length=1, max_length=512, description="Yours; comes back with the result.")]
Form = Annotated[str, AfterValidator(_not_blank)]
KeyStepIn = Annotated[list[Form], Field(min_length=1)] | Form
RecipeIn = Annotated[
    str | dict[str, str | float | list[Any]],
    Field(description='A recipe\'s name, or {"base": name, field: value, ...} with any field of GET /v1/recipes changed.'),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)


class RolloutIn(_Strict):
    id: Id
    text: str = Field(description="The response as sampled, special tokens removed.")
    truncated: bool = Field(False, description="Sampling stopped at the length limit, not at an end token.")


class _QuestionIn(_Strict):
    id: Id
    question: str = Field("", description="The prompt's text.")
    answer: str | None = Field(None, description="The gold answer. Without it the outcome is null (no_reference_answer).")
    choices: list[str] | None = Field(None, description="Option texts, in the order of their letters.", min_length=1)
    answer_type: Annotated[str, _one_of(ANSWER_TYPES, "answer type")] = Field("auto", description="What the answer is read as.")
    precision: int | None = Field(None, ge=0, le=15, description="Decimal places the answer is asked to.")
    profile: Annotated[str, _one_of(PROFILES, "profile")] | None = Field(None, description="A benchmark's own conventions.")


class GroupIn(_QuestionIn):
    """One question and its M rollouts."""

    reference: str | None = Field(None, description="Reference reasoning; key steps are extracted from it when none are given.")
    references: list[str] | None = Field(None, description="Several; the best recall counts.", min_length=1)
    key_steps: list[KeyStepIn] | None = Field(
        None, description="Each a text, or a list of equivalent forms. An empty list says there are none."
    )
    images: list[str] = Field(default=[], description="Opaque references or data URLs; nothing is fetched.")
    rollouts: list[RolloutIn] = Field(min_length=1)

    @field_validator("rollouts")
    @classmethod
    def _unique(cls, rollouts: list[RolloutIn]) -> list[RolloutIn]:
        distinct((r.id for r in rollouts), "rollouts of one group")
        return rollouts

    @model_validator(mode="after")
    def _one_reference_field(self) -> GroupIn:
        if self.reference is not None and self.references is not None:
            raise ValueError("give reference or references, not both")
        return self


class ScoreRequest(_Strict):
    recipe: RecipeIn = "hardened"
    detail: Literal["rewards", "evidence"] = Field("rewards", description="evidence: also what each reward rests on.")
    deadline_ms: int | None = Field(None, ge=1, le=_LONGEST_DEADLINE, description="What is not ready by then is null, reason deadline.")
    groups: list[GroupIn] = Field(min_length=1)

    @field_validator("groups")
    @classmethod
    def _unique(cls, groups: list[GroupIn]) -> list[GroupIn]:
        distinct((g.id for g in groups), "groups")
        return groups


class ItemIn(_QuestionIn):
    text: str = Field(description="A response of any form; no section headers needed.")
    truncated: bool = False


class VerifyRequest(_Strict):
    recipe: RecipeIn = "hardened"
    deadline_ms: int | None = Field(None, ge=1, le=_LONGEST_DEADLINE)
    items: list[ItemIn] = Field(min_length=1)

    @field_validator("items")
    @classmethod
    def _unique(cls, items: list[ItemIn]) -> list[ItemIn]:
        distinct((i.id for i in items), "items")
        return items


class QuestionIn(_Strict):
    id: Id
    question: str = ""
    reference: str
    images: list[str] = Field(default=[], description="Data URLs, for an extractor that sees; nothing is fetched.")


class KeyStepsRequest(_Strict):
    recipe: RecipeIn = Field("hardened", description="Its extractor is used.")
    deadline_ms: int | None = Field(None, ge=1, le=_LONGEST_DEADLINE)
    questions: list[QuestionIn] = Field(min_length=1)

    @field_validator("questions")
    @classmethod
    def _unique(cls, questions: list[QuestionIn]) -> list[QuestionIn]:
        distinct((q.id for q in questions), "questions")
        return questions


def question_from(item: _QuestionIn) -> Question:
    """The question of a verify item."""
    return Question(
        id=item.id,
        text=item.question,
        answer=item.answer,
        choices=None if item.choices is None else tuple(item.choices),
        answer_type=item.answer_type,
        precision=item.precision,
        profile=item.profile,
    )


def group_from(group: GroupIn) -> Group:
    references = group.references if group.references is not None else [] if group.reference is None else [group.reference]
    question = Question(
        id=group.id,
        text=group.question,
        references=tuple(references),
        key_steps=None if group.key_steps is None else tuple(_key_step(s) for s in group.key_steps),
        answer=group.answer,
        choices=None if group.choices is None else tuple(group.choices),
        answer_type=group.answer_type,
        precision=group.precision,
        profile=group.profile,
        images=tuple(group.images),
    )
    return Group(question, tuple(Rollout(r.id, r.text, r.truncated) for r in group.rollouts))


def _key_step(given: str | list[str]) -> KeyStep:
    return KeyStep(given) if isinstance(given, str) else KeyStep(given[0], tuple(given[1:]))


def distinct(ids: Iterable[str], what: str) -> None:
    twice = [id_ for id_, n in Counter(ids).items() if n > 1]
    if twice:
        raise ValueError(f"ids must be distinct among {what}; {twice[0]!r} stands more than once")
