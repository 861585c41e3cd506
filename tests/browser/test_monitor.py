"""The monitor, while a load runs; and the shadow recipe beside it."""

from __future__ import annotations

import re
import threading
import time

import pytest
from playwright.sync_api import expect

import alarm_traces
from browser_pages import EXAMPLES
from running import running


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    """A service with a shadow recipe and a ledger."""
    folder = tmp_path_factory.mktemp("loaded")
    with running(folder, processes=1, verifier_workers=1, shadow_recipe="official", ledger_path=folder / "ledger") as service:
        yield service


def tile(page, name):
    return page.locator(".tiles .card").filter(has=page.get_by_text(name, exact=True)).locator(".value")


def test_it_follows_a_load(page, loaded):
    page.goto(f"{loaded.url}/monitor")
    expect(tile(page, "Mean reward")).to_have_text("–")
    expect(page.get_by_label("hack alarm")).to_contain_text("Too few rollouts yet")
    stop = threading.Event()

    def load():
        while not stop.is_set():
            loaded.post("/v1/score", {"groups": EXAMPLES[:10]}).raise_for_status()
            time.sleep(0.05)

    loader = threading.Thread(target=load)
    loader.start()
    try:
        expect(tile(page, "Rollouts a second")).to_have_text(re.compile(r"[1-9]"), timeout=20_000)
        expect(tile(page, "Mean reward")).to_have_text(re.compile(r"1\.\d\d"))
        first = page.get_by_text(re.compile(r"of the last \d+ rollouts")).inner_text()
        expect(page.get_by_text(first)).to_have_count(0, timeout=20_000)  # the figures move on
        expect(page.get_by_label("over time").locator("path.line").first).to_be_visible(timeout=20_000)
        expect(page.get_by_label("distributions").locator("rect.fill").first).to_be_visible()
    finally:
        stop.set()
        loader.join()
    counts = page.get_by_label("counts")
    expect(counts.get_by_role("row").filter(has_text="score")).to_contain_text("ms")
    expect(counts).to_contain_text("rollouts written")
    shadow = page.get_by_label("shadow recipe")
    expect(shadow).to_contain_text("Shadow recipe official")
    expect(shadow.get_by_role("row").filter(has_text="Outcome").locator("td").nth(2)).to_have_text(re.compile(r"[1-9]"), timeout=20_000)


def test_a_planted_hack_alarms_with_rollouts_to_look_at(page, loaded):
    for step in alarm_traces.hacks()["texts repeat themselves"]:
        for _ in range(4):  # a point is drawn every 64 rollouts
            loaded.post("/v1/score", {"groups": step}).raise_for_status()
    page.goto(f"{loaded.url}/monitor")
    alarm = page.get_by_role("alert").filter(has_text="repetition")
    expect(alarm).to_contain_text("texts that repeat themselves")
    evidence = alarm.get_by_role("link").first
    rollout = evidence.inner_text().partition(" of ")[0]
    evidence.click()
    expect(page.locator("table.rollouts tr[aria-selected='true'] td.id")).to_have_text(rollout)
    expect(page.locator(".named")).to_contain_text("repetition")


def test_hostile_rollouts_run_nothing_here_either(page, loaded):
    text = "<img src=x onerror='window.ran=1'><script>window.ran=1</script> The answer is <b>Yes</b>"
    group = {
        "id": "<script>window.ran=1</script>",
        "answer": "yes",
        "rollouts": [{"id": "<b>r</b>", "text": text}, {"id": "s", "text": "No"}],
    }
    loaded.post("/v1/score", {"groups": [group]}).raise_for_status()
    page.goto(f"{loaded.url}/monitor")
    expect(page.get_by_label("shadow recipe")).to_be_visible()
    page.locator("details summary").click()
    page.wait_for_timeout(300)
    assert page.evaluate("window.ran") is None
    assert page.locator("main script, main img").count() == 0


def test_a_shadow_that_cannot_be_scored_is_said(tmp_path):
    with running(tmp_path, processes=1, verifier_workers=1, shadow_recipe="semantic") as service:
        told = service.post("/v1/score", {"groups": EXAMPLES[:1]}).json()
        assert told["groups"][0]["rollouts"][0]["reward"] is not None
        for _ in range(50):
            if stopped := service.get("/page/monitor").json()["shadow"]["stopped"]:
                break
            time.sleep(0.1)
        assert "embedder" in stopped


def test_stopping_does_not_wait_for_the_shadow(tmp_path):
    """What is left of it is dropped; `running` fails where the service does not end."""
    with running(tmp_path, processes=1, verifier_workers=1, shadow_recipe="paper") as service:
        for _ in range(3):
            service.post("/v1/score", {"groups": EXAMPLES}).raise_for_status()
