"""The service as a Ray Serve deployment: the same application, a replica an actor, as many as requests ask for.

    PYTHONPATH=docker/ray serve run docker/ray/serve.yaml

starts a cluster on this machine and serves on port 8000. A cluster of several nodes has this file on the PYTHONPATH of each, and
is told with serve deploy. Replicas are alike to their callers where they share what they keep: KEYSTEP_REDIS_URL, in the environment of the cluster's nodes.
"""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from ray import serve
from ray.serve import Application

from keystep import logs
from keystep.http.app import create_app
from keystep.settings import Settings


class Fleet(BaseModel):
    """What serve.yaml may say under args.

    cores: of one replica, all of which it scores on.  busy: requests under way in a replica from which on another is wanted.
    most: requests under way in a replica, beyond which they wait outside; what they weigh, its own admission minds.
    """

    model_config = ConfigDict(extra="forbid")

    cores: int = Field(4, ge=1)
    min_replicas: int = Field(1, ge=1)
    max_replicas: int = Field(8, ge=1)
    busy: int = Field(64, ge=1)
    most: int = Field(4096, ge=1)


def app(args: dict[str, Any]) -> Application:
    """args: as Fleet has them."""
    fleet = Fleet.model_validate(args)

    def build() -> FastAPI:
        settings = Settings(processes=fleet.cores, verifier_workers=fleet.cores)
        logs.configure(settings.log_format, settings.log_level)
        return create_app(settings)

    @serve.deployment(
        name="keystep",
        ray_actor_options={"num_cpus": fleet.cores},
        max_ongoing_requests=fleet.most,
        autoscaling_config={
            "min_replicas": fleet.min_replicas,
            "max_replicas": fleet.max_replicas,
            "target_ongoing_requests": fleet.busy,
        },
    )
    @serve.ingress(build)
    class Keystep:
        """Nothing of its own."""

    return Keystep.bind()
