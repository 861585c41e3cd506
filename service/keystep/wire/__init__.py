"""The wire (v1): JSON in, nouns; nouns, JSON out. One place for the service, the batch runner and the documentation."""

from keystep.wire.given import group_given
from keystep.wire.parsing import parse
from keystep.wire.requests import GroupIn, ItemIn, KeyStepsRequest, ScoreRequest, VerifyRequest, group_from, question_from
from keystep.wire.responses import group_to_json, key_steps_to_json, outcome_to_json, recipe_to_json

__all__ = [
    "GroupIn",
    "ItemIn",
    "KeyStepsRequest",
    "ScoreRequest",
    "VerifyRequest",
    "group_from",
    "group_given",
    "group_to_json",
    "key_steps_to_json",
    "outcome_to_json",
    "parse",
    "question_from",
    "recipe_to_json",
]
