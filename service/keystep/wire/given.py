"""What was asked, written down again: the other way round than requests.py. For whoever keeps requests and shows them later."""

from __future__ import annotations

from typing import Any

from keystep.nouns import Group


def group_given(group: Group) -> dict[str, Any]:
    """The group as POST /v1/score takes it; what stands at its default is left out."""
    question = group.question
    told: dict[str, Any] = {
        "id": question.id,
        "question": question.text,
        "references": list(question.references) or None,
        "key_steps": None if question.key_steps is None else [list(step.forms) for step in question.key_steps],
        "answer": question.answer,
        "choices": None if question.choices is None else list(question.choices),
        "answer_type": None if question.answer_type == "auto" else question.answer_type,
        "precision": question.precision,
        "profile": question.profile,
        "images": list(question.images) or None,
        "rollouts": [{"id": r.id, "text": r.text, **({"truncated": True} if r.truncated else {})} for r in group.rollouts],
    }
    return {name: value for name, value in told.items() if value is not None}
