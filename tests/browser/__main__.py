"""make screenshots: the pictures of docs/, taken of a real service with the examples' rollouts. OUT: where they go."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

import alarm_traces
from browser_pages import EXAMPLES, chromium_path, rows, settled
from running import Service, running


def inspect(page: Page, out: Path, url: str) -> None:
    page.goto(url)
    page.locator("#recent button").first.click()
    settled(page)
    rows(page)
    page.locator("#other").select_option("paper")
    settled(page)
    page.keyboard.press("Escape")
    page.locator("table.rollouts tbody tr").nth(2).click()
    page.screenshot(path=out / "inspector.png")
    page.locator("#other").select_option("")
    settled(page)
    page.locator("#theme").click()
    page.get_by_role("button", name="Side by side").click()
    page.screenshot(path=out / "side-by-side.png")


def monitor(page: Page, out: Path, service: Service) -> None:
    """A run that begins to repeat itself, while it is looked at."""
    for step in alarm_traces.hacks()["texts repeat themselves"]:
        for _ in range(4):  # a point is drawn every 64 rollouts
            service.post("/v1/score", {"groups": step}).raise_for_status()
    page.goto(f"{service.url}/monitor")
    page.get_by_label("over time").locator("path.line").first.wait_for()
    page.screenshot(path=out / "monitor.png")


def main(out: Path) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), processes=1, verifier_workers=1) as service,
        sync_playwright() as playwright,
    ):
        for at in range(0, 20, 5):
            service.post("/v1/score", {"groups": EXAMPLES[at : at + 5]}).raise_for_status()
        browser = playwright.chromium.launch(executable_path=chromium_path())
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB", color_scheme="light")
        inspect(page, out, service.url)
        page.evaluate("localStorage.clear()")
        monitor(page, out, service)
        browser.close()


main(Path(sys.argv[1]))
