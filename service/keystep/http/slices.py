"""JSON read a slice at a time, for large bodies whose size is in one list, or in a few: a trainer's prompts, responses, labels.

Read in one call, no other thread of this process gets on meanwhile, and /livez waits (pieces.py does the same for the wire's own
groups). Where a cut is in doubt, nothing is read here, so that what is taken and what is told are what they are for any other body.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

# Up to here a body is read in twenty milliseconds. And bytes of one slice at least.
_LARGE_BYTES = 4 << 20
_SLICE = 256 * 1024
# A body of more tokens is of very small values, and takes longer to look through than to read.
_MOST_TOKENS = 1_000_000
# A string (that does not end, it goes on to the end), what opens or closes an object or a list, or a comma.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{},]', re.DOTALL)
_BLANK = b" \t\r\n"


@dataclass
class _List:
    """A list to be read in slices. key: its name in the object around it, None for a list that is the whole body."""

    key: str | None
    begin: int
    end: int
    slices: list[tuple[int, int]]

    @property
    def depth(self) -> int:
        """How deep its elements stand."""
        return 1 if self.key is None else 2


def load(body: bytes) -> Any | None:
    """What body says; None where it is to be read in one piece."""
    lists = _lists(body) if len(body) > _LARGE_BYTES else []
    if not lists or any(not body[a:b].strip(_BLANK) for found in lists for a, b in found.slices):
        return None
    skeleton, at = b"", 0
    for found in lists:
        skeleton, at = skeleton + body[at : found.begin], found.end
    try:
        whole: Any = from_json(skeleton + body[at:])
        for found in lists:
            told = whole if found.key is None else whole[found.key]
            if told != []:
                return None  # the same name again, with something else
            for begin, end in found.slices:
                told += from_json(b"[" + body[begin:end] + b"]")
    except ValueError:
        return None
    return whole


def _lists(body: bytes) -> list[_List]:
    """The lists of the top level that are longer than a slice, in order; none where that is not plain."""
    found: list[_List] = []
    keys: list[bytes] = []
    depth = key_end = 0
    key = b""
    growing: _List | None = None
    for number, token in enumerate(_TOKEN.finditer(body)):
        if number == _MOST_TOKENS:
            return []
        start, end = token.span()
        match body[start]:
            case 0x22:  # "
                if depth == 1 and growing is None:
                    key, key_end = token[0], end
            case 0x2C:  # ,
                if growing is not None and depth == growing.depth and start - growing.slices[-1][0] >= _SLICE:
                    growing.slices[-1] = (growing.slices[-1][0], start)
                    growing.slices.append((end, end))
            case 0x7B | 0x5B:  # { [
                named = depth == 1 and key_end > 0 and body[key_end:start].strip(_BLANK) == b":"
                key_end = 0  # a name names one value, and no byte is looked at twice
                if named:
                    keys.append(key)
                if body[start] == 0x5B and growing is None and (depth == 0 or named):
                    growing = _List(None if depth == 0 else key[1:-1].decode("utf-8", "replace"), end, end, [(end, end)])
                depth += 1
            case _:
                if growing is not None and depth == growing.depth:
                    growing.slices[-1] = (growing.slices[-1][0], start)
                    growing.end = start
                    if len(growing.slices) > 1:
                        found.append(growing)
                    growing = None
                depth -= 1
    plain = growing is None and len(set(keys)) == len(keys) and not any(b"\\" in one for one in keys)
    return found if plain else []
