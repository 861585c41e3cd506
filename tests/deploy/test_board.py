"""Every figure that the Grafana board and the alerts ask for is there in /metrics of a live service, under those labels."""

from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.board import alerts, board_queries, labels_in, metrics_in
from deploy.compose import wait_for
from http_groups import groups
from keysteps.openai_server import MODEL, Bad, openai_server
from redis_server import running_redis
from running import running
from trainers import UNDECIDED

# Prometheus puts these on by itself, and le stands for a histogram's buckets.
_OF_PROMETHEUS = {"instance", "job", "le"}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The samples' labels by the samples' names, of a service that has seen something of each kind; its Redis dies half-way."""
    folder = tmp_path_factory.mktemp("board")
    with openai_server() as llm, running_redis(folder) as redis:
        llm.misbehave(Bad.REFUSAL, times=1)
        told = {"llm_url": llm.url, "llm_model": MODEL, "llm_retries": 1, "redis_url": redis.url, "ledger_path": folder / "ledger"}
        with running(folder, **told) as service:
            job = service.post("/v1/jobs", {"groups": groups(2)}).raise_for_status().json()
            service.get(f"/v1/jobs/{job['id']}?wait=30").raise_for_status()
            # Jobs are counted every two seconds.
            wait_for("the job is counted", lambda: "keystep_jobs{" in service.get("/metrics").text)
            before = service.get("/metrics").text
            redis.process.kill()
            by_llm = {"base": "hardened", "extractor": f"llm/{MODEL}"}
            question = {"id": "q", "question": "How many?", "reference": "There are 5 cubes. There is 1 ball. 5 + 1 = 6."}
            undecided = {"id": "u", "answer": "6", "key_steps": [], "rollouts": [{"id": "u/0", "text": UNDECIDED}]}
            service.post("/v1/score", {"groups": [*groups(4), undecided]}).raise_for_status()
            service.post("/v1/key-steps", {"recipe": by_llm, "questions": [question]}).raise_for_status()
            slime = {"prompt": "How many?", "response": UNDECIDED, "label": "6"}
            # Undecided, it is a 503 twice before the URL's number stands in for it.
            statuses = [service.post("/compat/slime?undecided=0", slime).status_code for _ in range(3)]
            assert statuses == [503, 503, 200]
            return _samples(before, service.get("/metrics").text)


def _samples(*expositions: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for exposition in expositions:
        for family in text_string_to_metric_families(exposition):
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("query", [*board_queries(), *alerts().values()])
def test_every_metric_that_is_asked_for_exists_with_its_labels(query: str, exposed: dict[str, set[str]]) -> None:
    names = metrics_in(query)
    assert names or "up{" in query
    for name in names:
        assert name in exposed
        assert labels_in(query) - _OF_PROMETHEUS <= exposed[name]
