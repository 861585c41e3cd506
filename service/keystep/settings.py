"""How a deployment runs: KEYSTEP_* environment variables. None of them can change a reward; recipes do that.

docs/settings.md lists them, and a test holds that page to this class.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _cache_path() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keystep" / "cache.sqlite3"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="KEYSTEP_", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for every interface")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error")

    verifier_workers: int = Field(
        default_factory=_cores, ge=1, le=256, description="processes for symbolic comparison; default: one a core"
    )
    verifier_cpu_seconds: float = Field(
        5.0, gt=0, le=600, description="CPU seconds one comparison may take before it is null (verifier_timeout)"
    )
    threads: int = Field(8, ge=1, le=256, description="requests that are scored at once; others wait")

    cache_path: Annotated[Path | None, BeforeValidator(lambda value: value or None)] = Field(
        default_factory=_cache_path, description="SQLite file for extracted key steps; empty for no cache"
    )
    cache_entries: int = Field(100_000, ge=1, description="extractions kept in memory, before the file or Redis")
    redis_url: SecretStr | None = Field(
        None, description="redis://, rediss:// or unix:// of the cache that replicas share, instead of the file; may hold a password"
    )
    redis_timeout_seconds: float = Field(0.5, gt=0, le=60, description="longest wait for Redis before going on without it")
    cache_ttl_seconds: float = Field(2_592_000, gt=0, description="how long Redis keeps an extraction; 30 days")

    max_body_mib: int = Field(64, ge=1, le=4096, description="largest request body, MiB (else 413)")
    max_text_chars: int = Field(400_000, ge=1, description="longest single text, characters (else 413)")
    max_rollouts: int = Field(16_384, ge=1, description="most rollouts or items in one request (else 413)")
    max_inflight: int = Field(65_536, ge=1, description="most rollouts in flight; beyond that 429 with Retry-After")
    drain_seconds: float = Field(1.0, ge=0, le=600, description="on SIGTERM: seconds of failing /readyz before the port closes")
    grace_seconds: int = Field(30, ge=0, le=3600, description="on SIGTERM: seconds in-flight requests are given to finish")
