"""Every figure that the Grafana board and the alerts ask for is there in /metrics of a live service, under those labels."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from deploy.board import alert_queries, board_queries, labels_in, metrics_in
from http_groups import groups
from keysteps.openai_server import MODEL, Bad, openai_server
from running import running
from trainers import UNDECIDED

# Prometheus puts these on by itself, and le stands for a histogram's buckets.
_OF_PROMETHEUS = {"instance", "job", "le"}


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, set[str]]]:
    """The samples' labels by the samples' names, of a service that has seen something of each kind."""
    dead = "redis://127.0.0.1:1/0"
    with openai_server() as llm:
        llm.misbehave(Bad.REFUSAL, times=1)
        asked = {"llm_url": llm.url, "llm_model": MODEL, "llm_retries": 1, "redis_url": dead}
        with running(tmp_path_factory.mktemp("board"), **asked) as service:
            undecided = {"id": "u", "answer": "6", "key_steps": [], "rollouts": [{"id": "u/0", "text": UNDECIDED}]}
            by_llm = {"base": "hardened", "extractor": f"llm/{MODEL}"}
            question = {"id": "q", "question": "How many?", "reference": "There are 5 cubes. There is 1 ball. 5 + 1 = 6."}
            service.post("/v1/score", {"groups": [*groups(4), undecided]}).raise_for_status()
            service.post("/v1/key-steps", {"recipe": by_llm, "questions": [question]}).raise_for_status()
            slime = {"prompt": "How many?", "response": UNDECIDED, "label": "6"}
            for _ in range(3):
                fallen = service.post("/compat/slime?undecided=0", slime)
            fallen.raise_for_status()
            yield _samples(service.get("/metrics").text)


def _samples(exposition: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize("query", [*board_queries(), *alert_queries()])
def test_every_metric_that_is_asked_for_exists_with_its_labels(query: str, exposed: dict[str, set[str]]) -> None:
    names = metrics_in(query)
    assert names or "up{" in query
    for name in names:
        assert name in exposed
        assert labels_in(query) - _OF_PROMETHEUS <= exposed[name]
