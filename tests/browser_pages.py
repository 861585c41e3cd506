"""What the tests and `make screenshots` do with the pages, as a person would."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Page

EXAMPLES = [json.loads(line) for line in (Path(__file__).parents[1] / "clients/examples/groups.jsonl").read_text().splitlines()]


def chromium_path() -> str:
    """Of the system's Chromium."""
    found = filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome")))
    path = os.environ.get("KEYSTEP_CHROMIUM") or next(found, None)
    assert path, "this needs Chromium: install it (Debian: apt-get install chromium), or let KEYSTEP_CHROMIUM name it"
    return path


class Watched:
    """faults: whatever a page should not do: errors on its console, scripts that fail, dialogs, requests to other hosts."""

    def __init__(self, page: Page) -> None:
        self.faults: list[str] = []
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"script: {error}"))
        page.on("request", lambda request: self._request(page, request.url))

    def _console(self, message: ConsoleMessage) -> None:
        # A browser notes every answer over 399; that a request is refused is said on the page.
        refused = message.text.startswith("Failed to load resource") and message.location["url"].endswith("/page/score")
        if message.type in {"error", "warning"} and not refused:
            self.faults.append(f"console: {message.text}")

    def _request(self, page: Page, url: str) -> None:
        asked, shown = urlsplit(url), urlsplit(page.url)
        if asked.scheme in {"http", "https"} and shown.netloc and asked.netloc != shown.netloc:
            self.faults.append(f"request: {url[:200]}")


def paste(page: Page, text: str, *, question: str = "", gold: str = "", steps: str = "") -> None:
    """The paste dialog, filled in and sent; steps: a key step a line."""
    page.get_by_role("button", name="Paste…").click()
    page.locator("#pasted").fill(text)
    for field, value in (("#asked", question), ("#gold", gold), ("#steps", steps)):
        if value:
            page.locator(field).fill(value)
    page.get_by_role("button", name="Score").click()


def settled(page: Page) -> None:
    """Until what is shown is what was asked for."""
    page.wait_for_selector("main[aria-busy='false']", timeout=60_000)


def rows(page: Page) -> list[list[str]]:
    """The table of the group's rollouts, cell by cell."""
    settled(page)
    page.wait_for_selector("table.rollouts")
    return [row.locator("td").all_inner_texts() for row in page.locator("table.rollouts tbody tr").all()]
