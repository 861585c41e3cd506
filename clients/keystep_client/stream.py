"""A stream of scored groups, taken up again where a connection broke. No I/O here.

The service sends {"service", "recipe"}, then a group a line in whatever order they finish, then {"degraded"}; or, where it broke
off, {"error"}. What has come is never asked for again, and each group is given once.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from keystep_client.calls import Call
from keystep_client.errors import ProtocolError, ServiceError, UnreachableError
from keystep_client.models import RecipeRef, ScoredGroup, ScoreResult


class _Broken(BaseModel):
    detail: str


class _Line(BaseModel):
    """Any line; a group is one that has rollouts."""

    model_config = ConfigDict(extra="allow")
    recipe: RecipeRef | None = None
    rollouts: list[dict[str, Any]] | None = None
    degraded: list[str] | None = None
    error: _Broken | None = None


class Stream:
    """whole: the call as it was made."""

    def __init__(self, call: Call[ScoreResult]) -> None:
        self.whole = dataclasses.replace(call, path="/v1/score/stream")
        self._missing = self.whole.by_id()
        self._begun = False
        self._recipe: RecipeRef | None = None
        self.ended = False
        # Of the connection that is open, as the client that opened it reads them.
        self.lines: Any = None

    def rest(self) -> Call[ScoreResult]:
        """For the next request: the groups that have not come yet. Before any has, all of them, whatever is wrong with their ids."""
        return self.whole.of(list(self._missing.values())) if self._begun else self.whole

    def take(self, line: str | None) -> ScoredGroup | None:
        """The group that a line holds, if it holds one. None for a line: the answer is over without its last one."""
        if line is None:
            raise UnreachableError(
                f"{self.whole.path} broke off, {len(self._missing)} groups short; is the service still there?", lost=True
            )
        try:
            return self._read(_Line.model_validate_json(line))
        except ValidationError:
            raise ProtocolError(f"{self.whole.path} sent a line that is not keystep's ({line[:80]!r}); check the URL") from None

    def _read(self, line: _Line) -> ScoredGroup | None:
        if line.error is not None:
            raise ServiceError(f"{self.whole.path} broke off: {line.error.detail}")
        if line.rollouts is not None:
            return self._group(ScoredGroup.model_validate(line.model_dump(exclude_unset=True)))
        if line.recipe is not None and self._recipe is not None and line.recipe != self._recipe:
            raise ProtocolError(f"{self.whole.path} was answered under two recipes; run one version of the service")
        self._recipe = line.recipe or self._recipe
        if line.degraded is not None:
            raise ProtocolError(f"{self.whole.path} ended {len(self._missing)} groups short; check what stands between client and service")
        return None

    def _group(self, group: ScoredGroup) -> ScoredGroup:
        if self._missing.pop(group.id, None) is None:
            raise ProtocolError(f"{self.whole.path} sent group {group.id!r}, which was not asked for, or twice")
        self._begun = True
        # The last line says nothing that is passed on: it need not come.
        self.ended = not self._missing
        return group
