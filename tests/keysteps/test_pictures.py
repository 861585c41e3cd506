"""Pictures: shown to an extractor whose name says that it sees, by data URL; fetched never; part of the content address."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from keystep.cache.memory import MemoryCache
from keystep.cache.tiers import TieredCache
from keystep.keysteps.llm import LlmExtractor, from_settings
from keystep.keysteps.pictures import MAX_PICTURES, pictures
from keystep.keysteps.source import KeyStepSource, RulesExtractor
from keystep.ports import Worked
from keystep.settings import Settings
from keysteps.openai_server import MODEL, Bad, FakeOpenAI, openai_server
from keysteps.test_llm import KEY_STEPS, QUESTION, REFERENCE
from running import running

RED, BLUE = "data:image/png;base64,iVBORw0KGgo=", "data:image/jpeg;base64,/9j/4AAQ"
OTHERS = (
    "https://host/red.png",
    "/data/red.png",
    "data:text/html;base64,PGI+",
    "data:image/png;base64,not base64!",
    "data:image/png,raw",
    "",
)


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with openai_server() as it:
        yield it


@pytest.fixture
def extractors(server: FakeOpenAI) -> Iterator[tuple[LlmExtractor, ...]]:
    made = from_settings(Settings(llm_url=server.url, llm_model=MODEL, llm_retries=0))
    yield made
    for extractor in made:
        extractor.close()


def source(extractor, cache=None) -> KeyStepSource:
    return KeyStepSource(extractor, TieredCache(cache or MemoryCache(100)))


def test_only_well_formed_data_urls_are_pictures():
    assert pictures((RED, *OTHERS, BLUE, RED)) == (RED, BLUE)
    many = [f"data:image/png;base64,AAA{i}" for i in range(9)]
    assert pictures(many) == tuple(many[:MAX_PICTURES])


def test_a_deployment_offers_one_that_sees_and_one_that_does_not(extractors):
    assert [(e.name, e.sees) for e in extractors] == [(f"llm/{MODEL}", False), (f"llm/{MODEL}+images", True)]
    assert [e.address for e in extractors] == [f"llm/1/prompts/1/parser/1/{MODEL}", f"llm/1/prompts/1/pictures/1/parser/1/{MODEL}"]


def test_pictures_are_shown_once_beside_the_text_and_nothing_is_fetched(server, extractors):
    (got,) = source(extractors[1]).get_many([Worked(QUESTION, REFERENCE, (RED, *OTHERS, BLUE))], set())
    assert got.key_steps == KEY_STEPS
    extract, refine, augment = (body["messages"] for _, _, body in server.seen)
    text, *shown = extract[1]["content"]
    assert json.loads(text["text"])["question"] == QUESTION
    assert shown == [{"type": "image_url", "image_url": {"url": url}} for url in (RED, BLUE)]
    assert "copy from the\nsolution alone" in extract[0]["content"]
    assert isinstance(refine[1]["content"], str)
    assert isinstance(augment[1]["content"], str)


def test_a_reply_that_is_asked_for_again_is_asked_with_the_pictures(server, extractors):
    server.misbehave(Bad.SCHEMA, times=1)
    assert extractors[1].extract(QUESTION, REFERENCE, (RED,)) == KEY_STEPS
    again = server.seen[1][2]["messages"]
    assert (len(again), again[1]["content"][1]["image_url"]["url"]) == (4, RED)


@pytest.mark.parametrize("images", [(), OTHERS])
def test_without_pictures_both_ask_the_same(server, extractors, images):
    for extractor in extractors:
        source(extractor).get_many([Worked(QUESTION, REFERENCE, images)], set())
    asked = [body for _, _, body in server.seen]
    assert asked[:3] == asked[3:]


def test_the_one_that_does_not_see_is_shown_nothing(server, extractors):
    source(extractors[0]).get_many([Worked(QUESTION, REFERENCE, (RED,))], set())
    assert RED not in json.dumps([body for _, _, body in server.seen])


def test_pictures_are_part_of_the_content_address_where_they_are_seen(extractors):
    seeing, blind = source(extractors[1]), source(extractors[0])
    kept = {Worked(QUESTION, REFERENCE, (RED,)): KEY_STEPS}
    for one in (seeing, blind):
        one.keep(kept, set())
    same = [Worked(QUESTION, REFERENCE, images) for images in ((RED,), ("/elsewhere/red.png", RED))]
    assert [e.cached for e in seeing.get_many(same, set())] == [True, True]
    others = [Worked(QUESTION, REFERENCE, images) for images in ((BLUE,), (RED, BLUE), ())]
    assert [e.cached for e in seeing.get_many(others, set())] == [False, False, False]
    assert [e.cached for e in blind.get_many(others, set())] == [True, True, True]


def test_the_rules_are_blind():
    extractor = RulesExtractor()
    assert extractor.extract(QUESTION, REFERENCE, (RED,)) == extractor.extract(QUESTION, REFERENCE)


def test_through_a_service_with_what_it_cost(server, tmp_path):
    told = {"llm_url": server.url, "llm_model": MODEL, "llm_retries": 1, "llm_price_prompt": 2.5, "llm_price_completion": 10}
    asked = {"id": "q", "question": QUESTION, "reference": REFERENCE, "images": [RED]}
    with running(tmp_path, **told) as service:
        recipe = {"base": "hardened", "extractor": f"llm/{MODEL}+images"}
        rollouts = [{"id": "r", "text": REFERENCE}]
        scored = service.post("/v1/score", {"recipe": recipe, "groups": [asked | {"answer": "4", "rollouts": rollouts}]}).json()
        assert scored["groups"][0]["rollouts"][0]["status"] == "ok"
        again = service.post("/v1/key-steps", {"recipe": recipe, "questions": [asked]}).json()
        assert (again["questions"][0]["cached"], again["questions"][0]["extractor"]) == (True, f"llm/{MODEL}+images")
        assert server.seen[0][2]["messages"][1]["content"][1]["image_url"]["url"] == RED
        server.misbehave(Bad.BROKEN, times=1)
        service.post("/v1/key-steps", {"recipe": recipe, "questions": [asked | {"question": "Another?"}]})
        server.misbehave(Bad.REFUSAL)
        service.post("/v1/key-steps", {"recipe": recipe, "questions": [asked | {"question": "A third?"}]})
        told = service.get("/metrics").text
    for line in (
        "keystep_llm_requests_total 8.0",
        "keystep_llm_retries_total 1.0",
        'keystep_llm_tokens_total{kind="prompt"} 700.0',
        'keystep_llm_tokens_total{kind="completion"} 70.0',
        "keystep_llm_cost_total 0.00245",
        f'keystep_llm_failures_total{{extractor="llm/{MODEL}+images",reason="extraction_refused"}} 1.0',
    ):
        assert line in told, told
