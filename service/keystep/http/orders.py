"""From a body's bytes to what is to be done: parsed, held to the limits of the settings, in nouns. Pure computation."""

from __future__ import annotations

from dataclasses import dataclass

from keystep import wire
from keystep.http import pieces
from keystep.http.admission import Admission
from keystep.nouns import Group
from keystep.ports import Worked
from keystep.recipe import Recipe, resolve
from keystep.verify.verifier import VerifyItem


@dataclass(frozen=True, slots=True)
class ScoreOrder:
    request: wire.ScoreRequest
    recipe: Recipe
    groups: list[Group]

    @property
    def rollouts(self) -> int:
        return sum(len(g.rollouts) for g in self.groups)

    @property
    def evidence(self) -> bool:
        return self.request.detail == "evidence"


@dataclass(frozen=True, slots=True)
class VerifyOrder:
    request: wire.VerifyRequest
    recipe: Recipe
    items: list[VerifyItem]


@dataclass(frozen=True, slots=True)
class KeyStepsOrder:
    request: wire.KeyStepsRequest
    recipe: Recipe
    texts: list[Worked]


class Orders:
    """Each method raises InputError, naming the field."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission

    def score(self, body: bytes) -> ScoreOrder:
        self._admission.check_objects(body)
        request = pieces.parse(body)
        recipe = resolve(request.recipe)
        self._check_groups(request.groups)
        return ScoreOrder(request, recipe, [wire.group_from(g) for g in request.groups])

    def verify(self, body: bytes) -> VerifyOrder:
        self._admission.check_objects(body)
        request = wire.parse(wire.VerifyRequest, body)
        recipe = resolve(request.recipe)
        for i, item in enumerate(request.items):
            self._check_question(f"items.{i}", item)
            self._admission.check_text(f"items.{i}.text", item.text)
        return VerifyOrder(request, recipe, [VerifyItem(wire.question_from(i), i.text, truncated=i.truncated) for i in request.items])

    def key_steps(self, body: bytes) -> KeyStepsOrder:
        self._admission.check_objects(body)
        request = wire.parse(wire.KeyStepsRequest, body)
        recipe = resolve(request.recipe)
        for i, question in enumerate(request.questions):
            self._admission.check_text(f"questions.{i}.question", question.question)
            self._admission.check_text(f"questions.{i}.reference", question.reference)
            for j, image in enumerate(question.images):
                self._admission.check_text(f"questions.{i}.images.{j}", image)
        return KeyStepsOrder(request, recipe, [Worked(q.question, q.reference, tuple(q.images)) for q in request.questions])

    def _check_groups(self, groups: list[wire.GroupIn]) -> None:
        for i, group in enumerate(groups):
            where = f"groups.{i}"
            self._check_question(where, group)
            self._admission.check_text(f"{where}.reference", group.reference)
            for j, reference in enumerate(group.references or ()):
                self._admission.check_text(f"{where}.references.{j}", reference)
            self._check_key_steps(where, group.key_steps or [])
            for j, image in enumerate(group.images):
                self._admission.check_text(f"{where}.images.{j}", image)
            for j, rollout in enumerate(group.rollouts):
                self._admission.check_text(f"{where}.rollouts.{j}.text", rollout.text)

    def _check_question(self, where: str, item: wire.GroupIn | wire.ItemIn) -> None:
        self._admission.check_text(f"{where}.question", item.question)
        self._admission.check_text(f"{where}.answer", item.answer)
        for i, choice in enumerate(item.choices or ()):
            self._admission.check_text(f"{where}.choices.{i}", choice)

    def _check_key_steps(self, where: str, key_steps: list[list[str] | str]) -> None:
        forms = [[step] if isinstance(step, str) else step for step in key_steps]
        self._admission.check_key_steps(f"{where}.key_steps", sum(map(len, forms)))
        for i, step in enumerate(forms):
            for form in step:
                self._admission.check_text(f"{where}.key_steps.{i}", form)
