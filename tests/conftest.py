from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from keystep.engine import Engine, build
from keystep.settings import Settings
from redis_server import redis_cluster, running_redis
from running import Service, running

# Two noisy cores: a slow example is not a wrong one. Failing examples are printed, so no database is kept.
settings.register_profile("keystep", deadline=None, database=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("keystep")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One real service for every test that leaves it as it was."""
    with running(tmp_path_factory.mktemp("service")) as it:
        yield it


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with real data and the contract check; skips, naming it, where it is missing."""
    folder = Path(os.environ.get("KEYSTEP_SHARED") or Path(__file__).parents[2] / "shared")
    if not folder.is_dir():
        pytest.skip(f"real data and tools are missing: KEYSTEP_SHARED names no folder ({folder.name})")
    return folder


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One warm engine in this process."""
    it = build(Settings(cache_path=tmp_path_factory.mktemp("engine") / "cache.sqlite3", verifier_workers=2))
    it.start()
    yield it
    it.close()


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis of the module's own."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server.url


@pytest.fixture(scope="module")
def cluster_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis Cluster of the module's own."""
    with redis_cluster(tmp_path_factory.mktemp("cluster")) as server:
        yield server.url
