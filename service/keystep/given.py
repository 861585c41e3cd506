"""Settings as a command is given them: options over environment variables."""

from __future__ import annotations

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
