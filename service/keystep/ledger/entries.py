"""One line of the ledger: a group with its rollouts, their texts, and what they came to."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import orjson

from keystep import __version__, wire
from keystep.nouns import Group, ScoredGroup
from keystep.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Entry:
    """at, seconds, request: as the columns of those names."""

    group: Group
    scored: ScoredGroup
    recipe: Recipe
    at: float
    seconds: float | None = None
    request: str | None = None

    @property
    def size(self) -> int:
        """Characters of its rollouts: most of what it holds."""
        return sum(len(r.text) for r in self.group.rollouts)


def line(entry: Entry) -> bytes:
    """The entry as JSON, with its newline. Hashes are SHA-256 of UTF-8; that of a question is of all that is asked but its id."""
    told = wire.group_to_json(entry.scored, "rewards")
    given = wire.group_given(entry.group)
    texts = given.pop("rollouts")
    images = [_hash(image.encode()) for image in given.pop("images", ())]
    asked = _hash(orjson.dumps([{**given, "id": None}, images], option=orjson.OPT_SORT_KEYS))
    rollouts = [
        _rollout(text, scored, advantage) for text, scored, advantage in zip(texts, told["rollouts"], told["advantages"], strict=True)
    ]
    pair = told["pair"] or {}
    recipe = entry.recipe
    row = {
        "at": entry.at,
        "seconds": entry.seconds,
        "request": entry.request,
        "service": __version__,
        "recipe": recipe.name,
        "recipe_hash": recipe.hash,
        "recipe_spec": orjson.dumps(recipe.spec).decode(),
        "group_id": given.pop("id"),
        "reference_texts": given.pop("references", None),
        "question_hash": asked,
        **given,
        "image_hashes": images or None,
        "mean": told["mean"],
        "std": told["std"],
        "zero_variance": told["zero_variance"],
        **pair,
        "rollouts": rollouts,
    }
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _rollout(given: dict[str, Any], scored: dict[str, Any], advantage: float | None) -> dict[str, Any]:
    return {
        "rollout_id": given["id"],
        "text": given["text"],
        "text_hash": _hash(given["text"].encode()),
        "truncated": given.get("truncated", False),
        **{name: scored[name] for name in ("reward", "step_rar", "step_rvr", "outcome", "key_steps_matched", "key_steps_soft")},
        "advantage": advantage,
        "read_answer": scored["answer"],
        "status": scored["status"],
        "reasons": scored["reasons"],
        "flags": scored["flags"],
        "extras": [{"name": name, "value": value} for name, value in scored["extras"].items()],
    }


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
