"""The LLM extractor against a real HTTP server: what it asks, what it makes of good replies, what it does about bad ones."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.utils import formatdate
from time import sleep, time

import pytest
from pydantic import SecretStr, ValidationError

from keystep.errors import ComponentError
from keystep.keysteps.llm import LlmExtractor, from_settings
from keystep.keysteps.openai import Usage
from keystep.nouns import KeyStep, Reason
from keystep.settings import Settings
from keysteps.openai_server import MODEL, Bad, FakeOpenAI, openai_server

QUESTION = "How many more oranges than bananas are in the bowl?"
REFERENCE = r"""### Image Description:
A blue bowl holds fruit. There are 7 oranges. There are 3 bananas.

### Rationales:
The question compares two kinds of fruit.

### Let's think step by step.

### Step 1:
The difference is 7 - 3 = 4 oranges.

### Step 2:
As a check, half of it is $\frac{4}{2} = 2$ for each side.

### The final answer is:
4"""
KEY_STEPS = (
    KeyStep("A blue bowl holds fruit"),
    KeyStep("There are 7 oranges"),
    KeyStep("There are 3 bananas"),
    KeyStep("7 - 3 = 4", ("7 minus 3 equals 4", "7-3=4")),
    KeyStep(r"\frac{4}{2} = 2", ("4/2 = 2", r"\frac{4}{2} is 2")),
)
# 40 different words in one step: a model that takes each for an element has too many.
LONG = "### Step 1:\n" + " ".join(f"w{chr(97 + i // 7)}{chr(97 + i % 7)}rd" for i in range(40)) + "\n\n### The final answer is:\n4"

Build = Callable[..., LlmExtractor]


@pytest.fixture
def server() -> Iterator[FakeOpenAI]:
    with openai_server() as it:
        yield it


@pytest.fixture
def build(server: FakeOpenAI) -> Iterator[Build]:
    """Extractors of that server; they try once and have 10 seconds, unless told otherwise."""
    built = []

    def make(*, sees: bool = False, **settings: object) -> LlmExtractor:
        told = {"llm_url": server.url, "llm_model": MODEL, "llm_retries": 0, "llm_timeout_seconds": 10, **settings}
        blind, seeing = from_settings(Settings(**told))
        built.append(blind)
        return seeing if sees else blind

    yield make
    for extractor in built:
        extractor.close()


def failure(extractor: LlmExtractor, reference: str = REFERENCE) -> ComponentError:
    with pytest.raises(ComponentError) as raised:
        extractor.extract(QUESTION, reference)
    return raised.value


def test_three_questions_make_key_steps(server, build):
    extractor = build(llm_api_key="secret-key")
    assert extractor.extract(QUESTION, REFERENCE) == KEY_STEPS
    assert server.stages() == ["extract", "refine", "augment"]
    assert extractor.usage == Usage(requests=3, prompt_tokens=300, completion_tokens=30)
    assert extractor.counts == {}


def test_what_is_asked(server, build):
    build(llm_api_key="secret-key ").extract(QUESTION, REFERENCE)
    for _, headers, body in server.seen:
        assert headers["authorization"] == "Bearer secret-key"
        assert (body["model"], body["temperature"]) == (MODEL, 0)
        assert [m["role"] for m in body["messages"]] == ["system", "user"]
    shown = json.loads(server.seen[0][2]["messages"][1]["content"])
    assert shown["question"] == QUESTION
    # The answer is not shown, so that it cannot be leaked by copying.
    assert [s["name"] for s in shown["sections"]] == ["Image Description", "Rationales", "Step 1", "Step 2"]
    assert "final answer" not in json.dumps(shown)


def test_without_a_key_no_header_is_sent(server, build):
    build().extract(QUESTION, REFERENCE)
    assert all("authorization" not in headers for _, headers, _ in server.seen)


def test_name_and_address_say_what_decides_the_result(build):
    extractor = build(llm_concurrency=3)
    assert (extractor.name, extractor.concurrency) == ("llm/tiny-vl", 3)
    assert extractor.address == "llm/1/prompts/1/parser/1/tiny-vl"


def test_a_reference_of_nothing_but_an_answer_has_no_key_steps_and_asks_nobody(server, build):
    assert build().extract(QUESTION, "### The final answer is:\n4") == ()
    assert build().extract(QUESTION, "  \n") == ()
    assert server.seen == []


def test_a_reference_too_long_to_read_is_refused_not_cut(server, build):
    assert failure(build(), "x = 1. " * 6000).reason is Reason.EXTRACTION_INVALID
    assert server.seen == []


# misbehaviour -> the reason it ends with when it does not end, and how many requests that takes
FAILURES = {
    Bad.BUSY: (Reason.EXTRACTOR_UNAVAILABLE, 1),
    Bad.BROKEN: (Reason.EXTRACTOR_UNAVAILABLE, 1),
    Bad.SLOW: (Reason.EXTRACTOR_UNAVAILABLE, 1),
    Bad.DRIPPING: (Reason.EXTRACTOR_UNAVAILABLE, 1),
    Bad.CUT: (Reason.EXTRACTOR_UNAVAILABLE, 1),
    Bad.NOT_JSON: (Reason.EXTRACTION_INVALID, 2),
    Bad.SCHEMA: (Reason.EXTRACTION_INVALID, 2),
    Bad.NO_CHOICES: (Reason.EXTRACTION_INVALID, 2),
    Bad.EMPTY: (Reason.EXTRACTION_INVALID, 2),
    Bad.TOKEN_LIMIT: (Reason.EXTRACTION_INVALID, 2),
    Bad.REFUSAL: (Reason.EXTRACTION_REFUSED, 1),
    Bad.FILTERED: (Reason.EXTRACTION_REFUSED, 1),
    Bad.HUGE: (Reason.EXTRACTOR_UNAVAILABLE, 1),
    Bad.LANGUAGE: (Reason.EXTRACTION_INVALID, 2),
    Bad.NOTHING: (Reason.EXTRACTION_INVALID, 2),
}


@pytest.mark.parametrize("bad", FAILURES)
def test_misbehaviour_that_lasts_ends_in_a_named_failure(server, build, bad):
    server.misbehave(bad)
    server.delay = 4.0
    reason, requests = FAILURES[bad]
    extractor = build(llm_timeout_seconds=0.6)
    assert failure(extractor).reason is reason
    assert (len(server.seen), extractor.usage.requests) == (requests, requests)


def test_too_many_steps_end_in_a_named_failure(server, build):
    server.misbehave(Bad.TOO_MANY)
    error = failure(build(), LONG)
    assert error.reason is Reason.EXTRACTION_INVALID
    assert "40 elements" in str(error)


@pytest.mark.parametrize("bad", [Bad.NOT_JSON, Bad.SCHEMA, Bad.NO_CHOICES, Bad.EMPTY, Bad.TOKEN_LIMIT])
@pytest.mark.parametrize("stage", ["extract", "refine", "augment"])
def test_a_reply_of_no_use_is_asked_for_again_with_what_was_wrong(server, build, bad, stage):
    server.misbehave(bad, times=1, stage=stage)
    extractor = build()
    assert extractor.extract(QUESTION, REFERENCE) == KEY_STEPS
    assert (len(server.seen), extractor.counts["repairs"]) == (4, 1)
    (again,) = (body for _, _, body in server.seen if len(body["messages"]) == 4)
    assert again["messages"][3]["content"].startswith("That reply cannot be used: ")


def test_a_reply_that_was_cut_off_is_told_to_be_briefer(server, build):
    server.misbehave(Bad.TOKEN_LIMIT, times=1)
    build().extract(QUESTION, REFERENCE)
    assert "it was cut off: be briefer" in server.seen[1][2]["messages"][3]["content"]


@pytest.mark.parametrize("stage", ["refine", "augment"])
def test_ids_left_out_are_asked_for_once_more(server, build, stage):
    server.misbehave(Bad.LOST_IDS, times=1, stage=stage)
    assert build().extract(QUESTION, REFERENCE) == KEY_STEPS
    server.misbehave(Bad.LOST_IDS, stage=stage)
    error = failure(build())
    assert error.reason is Reason.EXTRACTION_INVALID
    assert "each id from 0 to 4 exactly once; it has [1, 2, 3, 4]" in str(error)


@pytest.mark.parametrize("bad", [Bad.LANGUAGE, Bad.NOTHING])
def test_elements_that_do_not_stand_in_the_reference_are_asked_for_again(server, build, bad):
    server.misbehave(bad, times=1)
    assert build().extract(QUESTION, REFERENCE) == KEY_STEPS
    assert "word for word" in server.seen[1][2]["messages"][3]["content"]


def test_a_reply_without_end_is_not_looked_at_one_by_one(server, build):
    server.misbehave(Bad.ENDLESS)
    error = failure(build(), "### Step 1:\n" + "x = 1, y = 2. " * 2500 + "\n\n### The final answer is:\n4")
    assert "more than 512 elements" in str(error)


def test_too_many_steps_once_are_mended(server, build):
    server.misbehave(Bad.TOO_MANY, times=1)
    assert len(build().extract(QUESTION, LONG)) == 1
    assert server.stages() == ["extract", "extract", "refine", "augment"]


def test_duplicated_steps_become_one(server, build):
    server.misbehave(Bad.DUPLICATES)
    extractor = build()
    assert extractor.extract(QUESTION, REFERENCE) == KEY_STEPS
    assert extractor.counts["duplicate"] > 10


def test_a_leaked_answer_is_no_key_step_and_no_form_of_one(server, build):
    server.misbehave(Bad.LEAKED)
    extractor = build()
    assert extractor.extract(QUESTION, REFERENCE) == KEY_STEPS
    assert extractor.counts["leaked"] + extractor.counts["ungrounded"] + extractor.counts["unequal"] >= 2 + 3 * len(KEY_STEPS)


def test_a_leaked_word_is_no_form_of_a_key_step(server, build):
    server.misbehave(Bad.NAMED)
    extractor = build()
    reference = "### Step 1:\nShe is tall.\n\n### The final answer is:\nAnna"
    assert extractor.extract("Who is it?", reference) == (KeyStep("She is tall", ("Anna stands there",)),)
    assert extractor.counts["leaked"] == 2


def test_an_equivalent_that_says_less_is_none(server, build):
    server.misbehave(Bad.VAGUE)
    assert build().extract(QUESTION, REFERENCE) == KEY_STEPS


def test_key_steps_stand_in_the_references_order(server, build):
    server.misbehave(Bad.SHUFFLED)
    assert build().extract(QUESTION, REFERENCE) == KEY_STEPS


def test_closing_ends_what_is_under_way_in_a_named_failure(server, build):
    server.misbehave(Bad.BUSY)
    server.retry_after = "1"
    extractor = build(llm_retries=9)
    with ThreadPoolExecutor(1) as threads:
        under_way = threads.submit(extractor.extract, QUESTION, REFERENCE)
        while not server.seen:
            sleep(0.01)
        extractor.close()
        error = under_way.exception()
    assert isinstance(error, ComponentError)
    assert error.reason is Reason.EXTRACTOR_UNAVAILABLE


def test_invented_steps_are_dropped(server, build):
    server.misbehave(Bad.INVENTED)
    extractor = build()
    assert extractor.extract(QUESTION, REFERENCE) == KEY_STEPS
    assert extractor.counts["ungrounded"] == 8


def test_at_most_three_elements_describe_the_image_and_none_is_long(server, build):
    sentences = [f"The {colour} ball is round" for colour in ("red", "blue", "green", "white")]
    long = "The step that says " + "very " * 70 + "much"
    reference = (
        f"### Image Description:\n{'. '.join(sentences)}.\n\n### Step 1:\nThe black ball is big. {long}.\n\n### The final answer is:\n4"
    )
    assert [s.text for s in build().extract(QUESTION, reference)] == [*sentences[:3], "The black ball is big"]


def test_what_stands_in_two_sections_counts_where_the_model_found_it(server, build):
    facts = ". ".join(f"The {colour} ball is round" for colour in ("red", "blue", "green", "white"))
    server.misbehave(Bad.LAST_SECTION)
    got = build().extract(QUESTION, f"### Image Description:\n{facts}.\n\n### Step 1:\n{facts}.\n\n### The final answer is:\n4")
    assert ". ".join(s.text for s in got) == facts


def test_a_key_step_has_at_most_six_equivalents(server, build):
    server.misbehave(Bad.MANY_FORMS)
    assert all(len(step.equivalents) == 6 for step in build().extract(QUESTION, REFERENCE))


def test_no_form_stands_in_two_key_steps(server, build):
    server.misbehave(Bad.SHARED_FORM)
    reference = "### Step 1:\nThe ball is red. The cube is blue.\n\n### The final answer is:\n4"
    assert build().extract(QUESTION, reference) == (KeyStep("The ball is red", ("it is coloured brightly",)), KeyStep("The cube is blue"))


def test_other_numbers_are_neither_a_core_nor_an_equivalent(server, build):
    server.misbehave(Bad.WRONG_NUMBERS)
    extractor = build()
    # The refinements with an 8 for a 7 are not taken: those elements stay as the reference has them.
    assert [(s.text, s.equivalents) for s in extractor.extract(QUESTION, REFERENCE)] == [
        ("A blue bowl holds fruit", ()),
        ("There are 7 oranges", ()),
        ("There are 3 bananas", ()),
        ("The difference is 7 - 3 = 4 oranges", ()),
        (r"\frac{4}{2} = 2", ("4/2 = 2", r"\frac{4}{2} is 2")),
    ]
    assert extractor.counts["unrefined"] == 2


@pytest.mark.parametrize("stage", ["refine", "augment"])
def test_another_language_in_a_later_stage_adds_nothing(server, build, stage):
    server.misbehave(Bad.LANGUAGE, stage=stage)
    got = build().extract(QUESTION, REFERENCE)
    assert all(form.isascii() for step in got for form in step.forms)
    assert [s.text for s in got][:3] == [s.text for s in KEY_STEPS][:3]


def test_latex_with_single_backslashes_is_read(server, build):
    server.misbehave(Bad.ONE_BACKSLASH)
    assert build().extract(QUESTION, REFERENCE) == KEY_STEPS


def test_a_markdown_fence_around_the_json_is_read(server, build):
    server.misbehave(Bad.FENCED)
    assert build().extract(QUESTION, REFERENCE) == KEY_STEPS
    assert len(server.seen) == 3


@pytest.mark.parametrize("bad", [Bad.BUSY, Bad.BROKEN, Bad.CUT])
def test_what_passes_is_tried_again(server, build, bad):
    server.misbehave(bad, times=2)
    extractor = build(llm_retries=2)
    assert extractor.extract(QUESTION, REFERENCE) == KEY_STEPS
    assert extractor.usage == Usage(requests=5, retries=2, prompt_tokens=300, completion_tokens=30)


@pytest.mark.parametrize("kind", ["seconds", "date"])
def test_retry_after_is_waited_for(server, build, kind):
    server.retry_after = "1" if kind == "seconds" else formatdate(time() + 2.5, usegmt=True)
    server.misbehave(Bad.BUSY, times=1)
    assert build(llm_retries=1).extract(QUESTION, REFERENCE) == KEY_STEPS
    assert server.seen[1][0] - server.seen[0][0] >= 1.0


def test_a_server_that_asks_for_too_much_patience_is_away(server, build):
    server.retry_after = "3600"
    server.misbehave(Bad.BUSY)
    assert failure(build(llm_retries=5)).reason is Reason.EXTRACTOR_UNAVAILABLE
    assert len(server.seen) == 1


def test_a_time_out_is_not_asked_again(server, build):
    server.misbehave(Bad.SLOW, times=1)
    error = failure(build(llm_retries=5, llm_timeout_seconds=0.3))
    assert "KEYSTEP_LLM_TIMEOUT_SECONDS" in str(error)
    assert len(server.seen) == 1


def test_nobody_there_is_told(build):
    with openai_server() as gone:
        pass
    error = failure(build(llm_url=gone.url, llm_retries=1))
    assert error.reason is Reason.EXTRACTOR_UNAVAILABLE
    assert "asked 2 times at most: ConnectError" in str(error)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"llm_model": "other"}, "HTTP 400: .*no such model other"),
        ({"llm_url": "{root}/v2"}, "HTTP 400: .*no such path /v2/chat/completions"),
    ],
)
def test_a_request_that_is_refused_is_told_and_not_repeated(server, build, settings, said):
    told = {name: value.format(root=server.url.removesuffix("/v1")) for name, value in settings.items()}
    with pytest.raises(ComponentError, match=said) as raised:
        build(llm_retries=5, **told).extract(QUESTION, REFERENCE)
    assert raised.value.reason is Reason.EXTRACTOR_UNAVAILABLE
    assert server.seen == []


def test_a_server_of_another_kind_is_told(build, service):
    error = failure(build(llm_url=service.url))
    assert error.reason is Reason.EXTRACTOR_UNAVAILABLE
    assert "HTTP 404" in str(error) or "does not answer a chat completion" in str(error)


def test_the_key_is_told_to_nobody_but_the_server(server, build, caplog):
    settings = Settings(llm_url=server.url, llm_model=MODEL, llm_api_key=SecretStr("hush-hush"))
    assert "hush" not in repr(settings) + settings.model_dump_json() + str(settings.model_dump())
    server.misbehave(Bad.BROKEN)
    with caplog.at_level(logging.DEBUG):
        error = failure(build(llm_api_key="hush-hush", llm_retries=1))
    assert server.seen[0][1]["authorization"] == "Bearer hush-hush"
    assert "hush" not in caplog.text + str(error) + repr(error.__cause__)


def test_many_threads_share_one_extractor_and_its_connections(server, build):
    server.think = 0.02
    extractor = build(llm_concurrency=4)
    with ThreadPoolExecutor(16) as threads:
        got = list(threads.map(lambda n: extractor.extract(f"{QUESTION} ({n})", REFERENCE), range(32)))
    assert got == [KEY_STEPS] * 32
    assert extractor.usage.requests == 96
    assert 1 < server.most_at_once <= 4
    assert threading.active_count() < 60


def test_url_and_model_are_set_together(monkeypatch):
    monkeypatch.delenv("KEYSTEP_LLM_URL", raising=False)
    assert from_settings(Settings(llm_url="", llm_model="")) == ()
    for half in ({"llm_url": "http://h/v1"}, {"llm_model": "m"}):
        with pytest.raises(ValidationError, match="set together"):
            Settings(**half)


@pytest.mark.parametrize("url", ["h:8000/v1", "ftp://h/v1", "http://", "http://me:word@h/v1", "http://h/v1?key=1"])
def test_a_bad_url_is_refused(url):
    with pytest.raises(ValidationError, match="root of the API"):
        Settings(llm_url=url, llm_model="m")
