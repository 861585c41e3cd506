"""How a deployment runs: KEYSTEP_* environment variables. None of them can change a reward; recipes do that.

docs/settings.md lists them, and a test holds that page to this class.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


def _empty_is_none(value: Any) -> Any:
    return value or None


def _cache_path() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "keystep" / "cache.sqlite3"


def _jobs_path() -> Path:
    # Not in the cache folder: what lies there may be thrown away.
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "keystep" / "jobs.sqlite3"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="KEYSTEP_", extra="ignore", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on; 0.0.0.0 for every interface")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error")
    log_format: Literal["text", "json"] = Field(
        "text", description="text for people, json for machines: an object a line (docs/observability.md)"
    )

    api_keys_path: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="file of API keys, one a line, read again when it changes; empty: whoever reaches the port may ask (docs/security.md)",
    )

    verifier_workers: int = Field(
        default_factory=_cores, ge=1, le=256, description="processes for symbolic comparison; default: one a core"
    )
    verifier_cpu_seconds: float = Field(
        5.0, gt=0, le=600, description="CPU seconds one comparison may take before it is null (verifier_timeout)"
    )
    processes: int = Field(default_factory=_cores, ge=1, le=256, description="processes that score; default: one a core")
    threads: int = Field(8, ge=1, le=256, description="requests whose key steps are looked up at once; others wait")

    cache_path: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        default_factory=_cache_path, description="SQLite file for extracted key steps; empty for no cache"
    )
    cache_entries: int = Field(100_000, ge=1, description="extractions kept in memory, before the file or Redis")
    redis_url: SecretStr | None = Field(
        None,
        description="URL of the Redis that replicas share for cache and jobs, instead of the files; may hold a password (docs/redis.md)",
    )
    redis_timeout_seconds: float = Field(0.5, gt=0, le=60, description="longest wait for Redis before going on without it")
    cache_ttl_seconds: float = Field(2_592_000, gt=0, description="how long Redis keeps an extraction; 30 days")

    jobs_path: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        default_factory=_jobs_path, description="SQLite file for jobs where there is no Redis; empty for no jobs then"
    )
    jobs_keep_seconds: float = Field(
        86_400, gt=0, le=31_536_000, description="how long a job that has ended, and its result, are kept; a day"
    )
    jobs_max_mib: int = Field(1024, ge=1, description="most that all jobs may hold, requests and results, MiB; beyond that 429")

    llm_url: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="root of an OpenAI-compatible API (`http://host:8000/v1`) for recipes with `extractor` `llm/...`; empty for none"
    )
    llm_model: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        max_length=200,
        validate_default=True,
        description="model it is asked for; the service then offers the extractors `llm/<model>` and `llm/<model>+images`",
    )
    llm_api_key: Annotated[SecretStr | None, BeforeValidator(_empty_is_none)] = Field(None, description="bearer token for it; never logged")
    llm_timeout_seconds: float = Field(120.0, gt=0, le=3600, description="seconds one of its answers may take (else extractor_unavailable)")
    llm_concurrency: int = Field(8, ge=1, le=1024, description="extractions under way at once, and connections held to it")
    llm_retries: int = Field(4, ge=0, le=100, description="tries after the first on 408, 429, 5xx and lost connections")
    llm_price_prompt: float = Field(0.0, ge=0, description="price of a million prompt tokens, for the cost in /metrics")
    llm_price_completion: float = Field(0.0, ge=0, description="price of a million completion tokens, likewise")

    embedder: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="sentence embedder for recipes with `matching` `semantic`: a name on the Hugging Face hub, or a local folder; empty for none",
    )
    embedder_backend: Literal["torch", "openvino"] = Field("torch", description="what computes it: torch, or openvino (needs that extra)")
    embedder_path: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="folder where the weights of that name lie, instead of the hub"
    )

    reward_models_path: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="JSON file of the reward models that are served, by name (docs/reward-models.md); empty for none"
    )

    questions_path: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="JSONL of groups whose questions are known by their text to trainers' protocols that carry no label; empty for none",
    )

    ledger_path: Annotated[Path | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="folder where every scored rollout is recorded, texts included; empty for no ledger (docs/ledger.md)"
    )
    ledger_sync: bool = Field(False, description="answer only once what was scored is on the ledger's disk")
    shadow_recipe: Annotated[str | None, BeforeValidator(_empty_is_none)] = Field(
        None,
        description="recipe that scores live rollouts beside the one that answers, for /monitor; a name or JSON, empty for none (docs/reports.md)",
    )
    recent_mib: int = Field(
        16, ge=0, le=4096, description="MiB of recent batches held in memory for the inspector page; 0 keeps none (docs/inspector.md)"
    )

    max_body_mib: int = Field(64, ge=1, le=4096, description="largest request body, MiB (else 413)")
    max_text_chars: int = Field(400_000, ge=1, description="longest single text, characters (else 413)")
    max_rollouts: int = Field(16_384, ge=1, description="most rollouts or items in one request (else 413)")
    max_key_steps: int = Field(1_000, ge=1, description="most key steps of one question, all their forms counted (else 413)")
    max_inflight: int = Field(65_536, ge=1, description="most rollouts in flight; beyond that 429 with Retry-After")
    max_inflight_per_key: Annotated[Annotated[int, Field(ge=1)] | None, BeforeValidator(_empty_is_none)] = Field(
        None, description="most rollouts in flight with one API key; beyond that 429 with Retry-After; empty for no such limit"
    )
    max_inflight_mib: int = Field(512, ge=1, description="most MiB of request bodies in flight; beyond that 429 with Retry-After")
    drain_seconds: float = Field(1.0, ge=0, le=600, description="on SIGTERM: seconds of failing /readyz before the port closes")
    grace_seconds: int = Field(30, ge=0, le=3600, description="on SIGTERM: seconds in-flight requests are given to finish")

    @field_validator("llm_url")
    @classmethod
    def _is_root_of_api(cls, url: str | None) -> str | None:
        parts = urlsplit(url or "http://unset")
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("give the root of the API, like http://host:8000/v1")
        if parts.username is not None or parts.query or parts.fragment:
            raise ValueError("give the root of the API alone; a key belongs into KEYSTEP_LLM_API_KEY")
        return url

    @field_validator("llm_model")
    @classmethod
    def _goes_with_url(cls, model: str | None, info: ValidationInfo) -> str | None:
        if "llm_url" in info.data and (model is None) != (info.data["llm_url"] is None):
            raise ValueError("KEYSTEP_LLM_URL and KEYSTEP_LLM_MODEL are set together, or neither is")
        return model
