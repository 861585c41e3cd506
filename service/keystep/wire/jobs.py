"""What is answered about a job."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from keystep.jobs.store import Job
from keystep.wire.responses import RecipeRef, ScoreResponse


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Progress(_Out):
    groups: int
    groups_done: int


class JobOut(_Out):
    """A job, and once it is done its result: what POST /v1/score would have answered."""

    id: str
    status: Literal["queued", "running", "done", "cancelled"]
    service: str
    recipe: RecipeRef
    progress: Progress
    created: str = Field(description="ISO 8601, UTC.")
    expires: str | None = Field(description="When it is forgotten; null until it has ended.")
    waits_for: str | None = Field(description="Why no replica takes it up, where one had to leave it.")
    degraded: list[str]
    result: ScoreResponse | None


def job_to_json(job: Job, *, recipe: dict[str, str], service: str) -> dict[str, Any]:
    """Without its result."""
    return {
        "id": job.id,
        "status": job.state,
        "service": service,
        "recipe": recipe,
        "progress": {"groups": job.groups, "groups_done": job.done},
        "created": _iso(job.created),
        "expires": None if job.expires is None else _iso(job.expires),
        "waits_for": job.waits,
        "degraded": list(job.degraded),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
