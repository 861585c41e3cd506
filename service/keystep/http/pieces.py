"""A large body of POST /v1/score, read a group at a time.

pydantic reads JSON in one call, in which no other thread of this process gets on: a third of a second for 55 MiB, and /livez waits.
So a large body is cut where its groups begin and end, and each is read by itself. Where a cut is in doubt, or something is
wrong, the body is read whole, so that what is taken and what is told are what they are for any other body.
"""

from __future__ import annotations

import re
from itertools import pairwise

from pydantic import ValidationError

from keystep import wire

# Up to here a body, of about a thousand rollouts, is read in twenty milliseconds.
_LARGE_BYTES = 4 << 20
# A string, or what opens or closes an object or a list. Nothing is ever tried a second way, nor read twice: a string that does
# not end goes on to the end.
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_BLANK = b" \t\r\n"


def parse(body: bytes) -> wire.ScoreRequest:
    """Raises InvalidRequestError."""
    return (_by_groups(body) if len(body) > _LARGE_BYTES else None) or wire.parse(wire.ScoreRequest, body)


def _by_groups(body: bytes) -> wire.ScoreRequest | None:
    """None where the body is to be read whole."""
    spans = cuts(body)
    if not spans:
        return None
    try:
        # All but the groups after the first; so what stands around and between them is held to be JSON too.
        request = wire.ScoreRequest.model_validate_json(body[: spans[0][1]] + body[spans[-1][1] :])
        groups = [*request.groups, *(wire.GroupIn.model_validate_json(body[a:b]) for a, b in spans[1:])]
    except ValidationError:
        return None
    if len({group.id for group in groups}) < len(groups):
        return None
    return request.model_copy(update={"groups": groups})


def cuts(body: bytes) -> list[tuple[int, int]]:
    """Where each element of the top level's "groups" begins and ends; empty where that is not plain."""
    spans: list[tuple[int, int]] = []
    depth = begin = key_end = 0
    inside = False  # what "groups" names
    for token in _TOKEN.finditer(body):
        start = token.start()
        match body[start]:
            case 0x22:  # "
                if depth == 1 and b"\\" in token[0]:
                    return []  # it may be "groups", written another way
                if depth == 1:
                    key_end = token.end() if token[0] == b'"groups"' else 0
            case 0x7B | 0x5B:  # { [
                if depth == 1:
                    inside = bool(key_end) and body[key_end:start].strip(_BLANK) == b":"
                    key_end = 0  # a name names one value, and no byte is looked at twice
                elif depth == 2 and inside:
                    begin = start
                depth += 1
            case _:
                depth -= 1
                if depth == 2 and inside:
                    spans.append((begin, token.end()))
    gaps = (body[end:begin].strip(_BLANK) for (_, end), (begin, _) in pairwise(spans))
    return spans if all(gap == b"," for gap in gaps) else []
