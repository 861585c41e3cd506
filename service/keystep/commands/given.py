"""Settings and recipes as a command is given them: options over environment variables, names or JSON."""

from __future__ import annotations

import json
from typing import Any

from keystep.errors import InputError


def settings(**given: Any) -> Any:
    """A Settings. Raises InputError that names the option or the variable that is wrong."""
    from pydantic import ValidationError

    from keystep.settings import Settings

    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0])
        told = f"--{name} or KEYSTEP_{name.upper()}" if name in given else f"KEYSTEP_{name.upper()}"
        raise InputError(f"{told} is {first['input']!r}: {first['msg']}", field=name) from None


def recipe_spec(given: str, option: str = "--recipe") -> str | dict[str, Any]:
    """A recipe as a command is given it: a name, or JSON. InputError where it is neither; whether it exists is told elsewhere."""
    if not given.lstrip().startswith("{"):
        return given
    try:
        recipe: dict[str, Any] = json.loads(given)
    except ValueError as error:
        raise InputError(
            f'{option} is not JSON ({error}); quote it like \'{{"base": "hardened", "alpha": 0.2}}\'', field="recipe"
        ) from None
    return recipe
