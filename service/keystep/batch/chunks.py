"""A chunk of an input, scored: what every engine does with it, in threads here or on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from keystep.batch import rows
from keystep.batch.readers import READERS, Entry, entries
from keystep.batch.rows import BadLine
from keystep.batch.scorers import RejectedGroupsError, Scorer


@dataclass(frozen=True, slots=True)
class Scored:
    """One chunk: the groups to write, in the wire's form, the input lines they took, and what had to be kept aside."""

    groups: list[dict[str, Any]]
    degraded: tuple[str, ...]
    lines: int
    bad: list[BadLine]


@dataclass(frozen=True, slots=True)
class Done:
    """A group that is scored already: the input lines it took."""

    lines: int


Item = Entry | Done | BadLine


@dataclass(frozen=True, slots=True)
class Input:
    """A file to score. format: a reader's name.  profile: for groups that name none.  done: ids of groups that are scored already."""

    path: Path
    format: str
    profile: str | None
    done: Collection[str]

    def items(self) -> Iterator[Item]:
        for entry in entries(READERS[self.format], rows.read(self.path)):
            if isinstance(entry, BadLine):
                yield entry
            elif entry.group.id in self.done:
                yield Done(len(entry.lines))
            elif self.profile is None or entry.group.profile is not None:
                yield entry
            else:
                yield replace(entry, group=entry.group.model_copy(update={"profile": self.profile}))


def score_chunk(chunk: list[Item], score: Scorer) -> Scored:
    found = [item for item in chunk if isinstance(item, Entry)]
    bad = [item for item in chunk if isinstance(item, BadLine)]
    lines = len(bad) + sum(len(e.lines) for e in found) + sum(item.lines for item in chunk if isinstance(item, Done))
    groups, degraded, refused = _score(found, score)
    return Scored(groups, tuple(degraded), lines, bad + refused)


def _score(found: list[Entry], score: Scorer) -> tuple[list[dict[str, Any]], set[str], list[BadLine]]:
    """What a service refuses is halved until the groups to blame stand alone; those are kept aside."""
    if not found:
        return [], set(), []
    try:
        groups, degraded = score([e.group for e in found])
    except RejectedGroupsError as error:
        if len(found) == 1:
            return [], set(), [BadLine(found[0].lines[0], str(error), found[0].group.model_dump_json(exclude_unset=True))]
        half = len(found) // 2
        (a, b, c), (x, y, z) = _score(found[:half], score), _score(found[half:], score)
        return a + x, b | y, c + z
    return groups, set(degraded), []
