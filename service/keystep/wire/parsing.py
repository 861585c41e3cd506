"""Bytes to a request, or an InputError that names each field, its value and the mend."""

from __future__ import annotations

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from keystep.errors import InputError

M = TypeVar("M", bound=BaseModel)

# A value is shown in an error up to this many characters; the rest is the caller's own.
_SHOWN = 80
_MOST_ERRORS = 20


class InvalidRequestError(InputError):
    """A body that is not the request it should be. malformed: not even JSON. errors: (field, message) each."""

    def __init__(self, errors: list[tuple[str, str]], *, malformed: bool = False) -> None:
        field, message = errors[0]
        super().__init__(f"{field}: {message}" if field else message, field=field)
        self.errors = errors
        self.malformed = malformed


def parse(model: type[M], body: bytes) -> M:
    """Validate in one pass. Unknown fields, wrong types, NaN, cut or non-UTF-8 JSON: InvalidRequestError."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_url=False)
        malformed = any(e["type"] == "json_invalid" for e in found)
        raise InvalidRequestError(_distinct([(_path(e["loc"]), e) for e in found])[:_MOST_ERRORS], malformed=malformed) from None


# What pydantic says of a union's other branches: true, but not what the caller got wrong.
_OTHER_BRANCH = frozenset({"list_type", "string_type", "dict_type", "float_type"})


def _path(loc: Any) -> str:
    """The path on the wire: pydantic's own names of types, which it puts between fields, are left out."""
    return ".".join(str(part) for part in loc if isinstance(part, int) or (part not in _TYPES and not _TYPE.search(part)))


_TYPES = frozenset({"str", "int", "float", "bool"})
_TYPE = re.compile(r"[\[(]")


def _distinct(errors: list[tuple[str, Any]]) -> list[tuple[str, str]]:
    """One message a field: the one that says most."""
    best: dict[str, Any] = {}
    for field, error in errors:
        if field not in best or best[field]["type"] in _OTHER_BRANCH:
            best[field] = error
    return [(field, _told(error)) for field, error in best.items()]


def _told(error: Any) -> str:
    kind = error["type"]
    if kind == "json_invalid":
        return f"the body is not JSON: {error['ctx']['error']}"
    if kind == "extra_forbidden":
        return "there is no such field; remove it or mend its spelling"
    if kind == "missing":
        return "this field is required"
    message = error["msg"].removeprefix("Value error, ")
    return f"{message[:1].lower()}{message[1:]} (got {_shown(error['input'])})"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... {type(value).__name__} of {len(text)} characters"
