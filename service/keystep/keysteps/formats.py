"""Key steps as others write them: R1-VL's raw string and ``{"Steps": [...]}``. Read and written here, nowhere else.

    Key Elements:
    Image Description: ["k1", "k2"]; Rationales: ["k3"]; Step 1: ["k4"], Step 2: ["k5"]

In the raw string a key element is one form; in ``Steps`` a group is a string or a list of alternatives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from keystep.errors import InputError
from keystep.nouns import KeyStep

_SECTION = re.compile(r"(Image Description|Rationales?|Step\s*\d+)\s*:\s*\[", re.IGNORECASE)
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"|\'((?:[^\'\\]|\\.)*)\'', re.DOTALL)


def read_raw(text: str) -> tuple[KeyStep, ...]:
    """The key elements of R1-VL's raw string, in order. Raises InputError when it has no section at all."""
    out: list[KeyStep] = []
    sections = list(_SECTION.finditer(text))
    if not sections:
        raise InputError('no section was found; a raw string reads \'Step 1: ["k1", "k2"], Step 2: [...]\'', field="key_steps")
    for at, section in enumerate(sections):
        end = sections[at + 1].start() if at + 1 < len(sections) else len(text)
        for found in _STRING.finditer(_bracketed(text, section.end(), end)):
            form = _unescape(found[1] if found[1] is not None else found[2]).strip()
            if form:
                out.append(KeyStep(form))
    return tuple(out)


def _bracketed(text: str, start: int, end: int) -> str:
    """The text of a list up to the bracket that closes it; brackets within its strings close nothing."""
    at = start
    while at < end:
        if text[at] == "]":
            return text[start:at]
        if text[at] in "\"'":
            found = _STRING.match(text, at, end)
            if found is not None:
                at = found.end()
                continue
        at += 1
    return text[start:end]


def _unescape(body: str) -> str:
    """Models write LaTeX into these strings with one backslash; only what JSON must escape is undone."""
    return body.replace('\\"', '"').replace("\\'", "'").replace("\\\\", "\\")


def write_raw(sections: Mapping[str, Iterable[KeyStep]]) -> str:
    """R1-VL's raw string: section name -> key steps. Alternatives have no place in it: each key step's text is written."""
    body = "; ".join(f"{name}: [{', '.join(_quoted(step.text) for step in steps)}]" for name, steps in sections.items())
    return f"Key Elements:\n{body}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def read_steps(value: str | Mapping[str, Any]) -> tuple[KeyStep, ...]:
    """``{"Steps": [group, ...]}`` as an object or its JSON. Raises InputError naming the group that is wrong."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError as error:
            raise InputError(f"not JSON: {error}", field="key_steps") from error
    if not isinstance(value, Mapping) or not isinstance(value.get("Steps"), list):
        raise InputError('must be an object with a list "Steps"', field="key_steps")
    return tuple(group(item, f"key_steps.Steps.{at}") for at, item in enumerate(value["Steps"]))


def read(value: Any) -> tuple[KeyStep, ...]:
    """Either notation, told apart by its first character. Raises InputError."""
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        return read_raw(value)
    return read_steps(value)


def group(item: Any, field: str) -> KeyStep:
    """One key step from a string or a non-empty list of alternative strings. Raises InputError naming ``field``."""
    forms = [item] if isinstance(item, str) else item
    if not isinstance(forms, list | tuple) or not forms:
        raise InputError("a key step is a string or a non-empty list of strings", field=field)
    for form in forms:
        if not isinstance(form, str) or not form.strip():
            raise InputError(f"a form of a key step must be a non-empty string, not {form!r}", field=field)
    return KeyStep(forms[0], tuple(forms[1:]))


def write_steps(steps: Iterable[KeyStep]) -> dict[str, list[str | list[str]]]:
    """``{"Steps": [...]}``; a key step of one form is a string."""
    return {"Steps": [list(step.forms) if step.equivalents else step.text for step in steps]}
