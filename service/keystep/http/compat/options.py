"""What a trainer's URL says after its question mark: the one place where a trainer can be told anything.

http://host:8000/get_reward?recipe=paper&undecided=0
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from keystep.errors import InputError


@dataclass(frozen=True, slots=True)
class Options:
    """What the URL says after its question mark. undecided: the number that stands for a reward that could not be decided."""

    recipe: Any = "hardened"
    undecided: float | None = None
    wants: str = "number"


def options(query: Mapping[str, str]) -> Options:
    """Raises InputError, naming the parameter."""
    for name in query:
        if name not in {"recipe", "undecided", "wants"}:
            raise InputError(f"there is no parameter {name[:80]!r}; there are recipe, undecided and wants", field=name[:80])
    recipe: Any = query.get("recipe", "hardened")
    if recipe.startswith("{"):
        try:
            recipe = json.loads(recipe)
        except ValueError:
            raise InputError(
                'recipe is not JSON; give a name, or an object like {"base": "hardened"}, percent-encoded', field="recipe"
            ) from None
    undecided = query.get("undecided")
    try:
        number = None if undecided is None else float(undecided)
    except ValueError:
        number = math.nan
    if number is not None and not math.isfinite(number):
        raise InputError(f"undecided is {undecided!r}; give a finite number, or leave it out", field="undecided")
    wants = query.get("wants", "number")
    if wants not in {"number", "object"}:
        raise InputError(f"wants is {wants[:80]!r}; give number or object", field="wants")
    return Options(recipe, number, wants)
