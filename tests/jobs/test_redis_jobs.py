"""What is Redis's own: garbled answers are never scored and never told."""

from __future__ import annotations

import pytest

from keystep.errors import CacheError, JobStoreError, OverloadedError
from keystep.jobs.redis import RedisJobs
from keystep.jobs.store import NewJob, State
from redis_server import running_redis
from tcp_proxy import proxy_to

GROUPS = [f'{{"id": "{i}", "text": "so {i} + {i} = {2 * i}"}}' for i in range(40)]


def test_what_comes_back_is_what_was_stored_or_an_error(tmp_path):
    with running_redis(tmp_path) as server, proxy_to(server.url) as proxy:
        store = RedisJobs(proxy.url(server.url), timeout=0.2, rest=0.0)
        store.submit(NewJob("a", None, "f", '{"about": 1}', GROUPS, 4), room=1 << 20)
        proxy.garbage = True
        claimed, failures = 0, 0
        for _ in range(150):
            try:
                job = store.get("a")
                assert job is None or (job.about, job.groups) == ('{"about": 1}', 40)
                if (work := store.claim(lease=0.001)) is not None:
                    claimed += 1
                    assert work.about == '{"about": 1}'
                    assert all(group == GROUPS[at] for at, group in work.groups.items())
            except JobStoreError:
                failures += 1
        assert failures > 50
        proxy.garbage = False
        honest = RedisJobs(server.url, timeout=5)
        while (work := honest.claim(lease=60)) is not None:
            honest.keep(work, {at: f'"result {at}"' for at in work.groups}, [], keep=60)
        done = honest.get("a")
        assert done.state == State.DONE
        proxy.garbage = True
        for _ in range(50):
            try:
                assert store.results(done) == [f'"result {at}"' for at in range(40)]
            except JobStoreError:
                failures += 1
        store.close()
        honest.close()


def test_garbage_on_the_way_in_is_no_other_job(tmp_path):
    with running_redis(tmp_path) as server, proxy_to(server.url) as proxy:
        proxy.garbage = True
        store = RedisJobs(proxy.url(server.url), timeout=0.2, rest=0.0)
        for i in range(30):
            with pytest.raises((JobStoreError, OverloadedError)):
                store.submit(NewJob(f"j{i}", "key", "f", "{}", GROUPS, 4), room=1 << 20)
        store.close()


def test_a_url_that_is_none_says_the_mend():
    with pytest.raises(CacheError, match="KEYSTEP_REDIS_URL"):
        RedisJobs("http://host", timeout=1)
