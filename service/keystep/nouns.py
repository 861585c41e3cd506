"""The words of keystep, as frozen values. Standard library only; everything else imports these.

    Question -> what was asked, and what a right answer is
    Rollout  -> one sampled response            Group  -> the M rollouts of one question
    KeyStep  -> one key element of the reference and its accepted equivalent forms
    StepMatch -> key step -> where in the rollout it was found, by which tier, how surely
    Section, Structure -> the parts a response is made of, as spans of its text
    Outcome  -> right, wrong, absent or undecided, with the answer that was read and why
    Reward   -> step_rar, step_rvr, outcome, total; any of them None, with a reason
    Pair     -> chosen and rejected rollout of one question, with margin

Every span is ``(start, end)`` in characters of the text exactly as it was sent, end exclusive, so that evidence can be
shown on the text the caller holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar, dataclass_transform

Span = tuple[int, int]
T = TypeVar("T")


@dataclass_transform(frozen_default=True)
def noun(cls: type[T]) -> type[T]:
    """A value: equal by content, and hashed by it. That nobody assigns to its fields is mypy's to see; when Python does, to make one
    takes several times as long, and a rollout's evidence is some thirty of them (docs/decisions/0011)."""
    return dataclass(slots=True, unsafe_hash=True)(cls)


class Reason(StrEnum):
    """Why a component is null, or why it is what it is. A closed list: trainers switch on these names."""

    # Machine failures: the component is null.
    VERIFIER_TIMEOUT = "verifier_timeout"  # symbolic comparison ran out of its CPU budget
    VERIFIER_CRASHED = "verifier_crashed"  # the worker process died under this answer (memory, signal)
    EXTRACTOR_UNAVAILABLE = "extractor_unavailable"  # key steps were to be extracted and could not be
    EXTRACTION_INVALID = "extraction_invalid"  # the extractor's model gave nothing that can be used, twice
    EXTRACTION_REFUSED = "extraction_refused"  # the extractor's model declined
    MODEL_UNAVAILABLE = "model_unavailable"  # a learned model that the recipe needs failed, or is gone
    JUDGE_UNAVAILABLE = "judge_unavailable"  # a judge's endpoint gave no answer
    JUDGE_INVALID = "judge_invalid"  # a judge gave nothing that can be read, twice
    JUDGE_REFUSED = "judge_refused"  # a judge declined
    TRUNCATED_STEPS = "truncated_steps"  # a process reward model's length does not reach the last step
    DEADLINE = "deadline"  # the request's deadline_ms passed before this was computed
    INTERNAL_ERROR = "internal_error"  # a defect of keystep's own; logged with its traceback
    # Nobody can tell by rule: null, unless the recipe says zero.
    NEEDS_JUDGE = "needs_judge"  # a careful reader could tell, rules cannot
    # Nothing to compute from.
    NO_KEY_STEPS = "no_key_steps"  # no key steps and no reference: k is 0
    NO_REFERENCE_ANSWER = "no_reference_answer"  # no gold answer was given: outcome null
    # The model's own failures: a zero, and why.
    NO_ANSWER = "no_answer"
    SEVERAL_ANSWERS = "several_answers"  # different answers were offered; they earn nothing
    REFUSAL = "refusal"  # "cannot be determined"
    TRUNCATED_ANSWER = "truncated_answer"  # the text was cut within its answer
    TOO_COMPLEX = "too_complex"  # the answer exceeds the size bounds set before symbolic work: unreadable, not equal
    # StepRVR is 0 because ...
    NO_STRUCTURE = "no_structure"
    MISSING_BACKGROUND = "missing_background"
    MISSING_STEPS = "missing_steps"
    MISSING_ANSWER = "missing_answer"
    EMPTY_BACKGROUND = "empty_background"
    EMPTY_STEP = "empty_step"
    EMPTY_ANSWER = "empty_answer"
    SEVERAL_ANSWER_SECTIONS = "several_answer_sections"
    BACKGROUND_AFTER_STEPS = "background_after_steps"
    ANSWER_BEFORE_STEPS = "answer_before_steps"
    STEPS_OUT_OF_ORDER = "steps_out_of_order"  # only the official recipe minds the numbering


class Flag(StrEnum):
    """What a person should look at. A flag never changes a reward by itself; the recipe says what each costs."""

    STEP_STUFFING = "step_stuffing"  # the list of key steps was dumped instead of reasoned
    EQUATION_STUFFING = "equation_stuffing"  # far more equations than the question can need
    NUMBER_STUFFING = "number_stuffing"  # runs of numbers that derive nothing
    COPIED_QUESTION = "copied_question"
    NEGATED_STEP = "negated_step"  # a key step is stated only to be denied
    CONFLICTING_STEP = "conflicting_step"  # the same left side with two results
    RUN_ON = "run_on"  # text goes on after the answer (a new question, more prose)
    REPETITION = "repetition"
    SEVERAL_ANSWERS = "several_answers"
    CONFLICTING_ANSWERS = "conflicting_answers"  # a letter and the text beside it, or two places of the answer section, disagree
    HEDGED = "hedged"  # "maybe 5", "5, but it might be 6"
    RETHINK = "rethink"  # reflection text ("I think I have made a mistake")
    TRUNCATED = "truncated"
    MODEL_INPUT_TRUNCATED = "model_input_truncated"  # a reward model of the recipe read only the first of its tokens


class SectionKind(StrEnum):
    DESCRIPTION = "description"  # what the image shows
    RATIONALE = "rationale"  # what the question asks for
    INTRO = "intro"  # "Let's think step by step."
    STEP = "step"
    ANSWER = "answer"


@noun
class KeyStep:
    """One key element of the reference: a text and its accepted equivalent forms."""

    text: str
    equivalents: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        return (self.text, *self.equivalents)


@noun
class Question:
    """What was asked and what counts as right.

    key_steps: None when they are to be extracted from references; an empty tuple says there are none.
    answer: the gold; None when there is none (outcome is then null).
    precision: decimal places the answer is asked to; None when not stated.
    images: opaque references or data URLs; never fetched.
    """

    id: str
    text: str = ""
    references: tuple[str, ...] = ()
    key_steps: tuple[KeyStep, ...] | None = None
    answer: str | None = None
    choices: tuple[str, ...] | None = None
    answer_type: str = "auto"
    precision: int | None = None
    profile: str | None = None
    images: tuple[str, ...] = ()


@noun
class Rollout:
    """One sampled response. truncated: sampling stopped at the length limit, not at an end token."""

    id: str
    text: str
    truncated: bool = False


@noun
class Group:
    question: Question
    rollouts: tuple[Rollout, ...]

    @property
    def id(self) -> str:
        return self.question.id


@noun
class Section:
    """One section: its header and its body, as spans. number: of a step, as written."""

    kind: SectionKind
    header: Span
    body: Span
    number: int | None = None


@noun
class Structure:
    """How a text is divided. grammar: 'mulberry', 'llava_cot', 'think' or 'plain' (no sections at all)."""

    grammar: str
    sections: tuple[Section, ...] = ()

    def of(self, *kinds: SectionKind) -> tuple[Section, ...]:
        return tuple([s for s in self.sections if s.kind in kinds])


@noun
class StepMatch:
    """Where one key step was found, or what stood nearest and what blocked it.

    key_step: its index in the question's key steps.  score: 0..1, the soft match.  matched: the hard decision.
    tier: 'exact', 'numeric', 'fuzzy' ('semantic' with an embedder); None when nothing came near.
    form: the form of the key step that was compared.  span: in the rollout's text.
    blocked: for a miss, the guard that stood in the way ('negated', 'other_result', 'other_unit', ...).
    """

    key_step: int
    score: float
    matched: bool
    tier: str | None = None
    form: str | None = None
    span: Span | None = None
    blocked: str | None = None


@noun
class Outcome:
    """The verdict on one answer.

    value: 1.0 right, 0.0 wrong or absent, None undecided (then reasons say why).
    answer: what was read as the answer, None when none was given.  span: where.
    answer_type: what it was compared as.  method: which comparison decided ('choice', 'number', 'text', 'symbolic', ...).
    """

    value: float | None
    answer: str | None = None
    span: Span | None = None
    answer_type: str | None = None
    method: str | None = None
    reasons: tuple[Reason, ...] = ()
    flags: tuple[Flag, ...] = ()


@noun
class Validity:
    """The two halves of StepRVR. reasons: each defect found, by name."""

    completeness: bool
    logic: bool
    reasons: tuple[Reason, ...] = ()


@noun
class Reward:
    """What one rollout is worth. total is None as soon as a component it needs is None.

    k: matched key steps / key steps.  k_soft: mean match score.  (0 without key steps.)
    """

    total: float | None
    step_rar: float | None
    step_rvr: float | None
    outcome: float | None
    k: float | None
    k_soft: float | None
    reasons: tuple[Reason, ...] = ()
    flags: tuple[Flag, ...] = ()
    extras: tuple[tuple[str, float | None], ...] = ()


@noun
class Evidence:
    """What a reward rests on.

    key_steps: those that were looked for (of the reference with the best recall, where there are several).
    excluded: text that was left out of key-step matching (stuffing).
    """

    structure: Structure
    validity: Validity
    matches: tuple[StepMatch, ...]
    outcome: Outcome
    key_steps: tuple[KeyStep, ...] = ()
    excluded: tuple[Span, ...] = ()


@noun
class ScoredRollout:
    """reward and evidence; evidence is None only where scoring itself failed (reason internal_error or deadline)."""

    id: str
    reward: Reward
    evidence: Evidence | None = None


@noun
class Advantages:
    """Group-normalised rewards, one a rollout, None where the reward is None."""

    values: tuple[float | None, ...]
    mean: float | None
    std: float
    zero_variance: bool


@noun
class Pair:
    """The best and the worst rollout of a group, by id; margin > 0."""

    chosen: str
    rejected: str
    margin: float


@noun
class ScoredGroup:
    id: str
    rollouts: tuple[ScoredRollout, ...]
    advantages: Advantages
    pair: Pair | None
