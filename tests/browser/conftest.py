"""A real browser on a real service. Chromium is the system's: KEYSTEP_CHROMIUM names it, else it is looked for on the PATH."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from browser_pages import Watched, chromium_path
from running import Service, running


@pytest.fixture(scope="module")  # while Playwright runs, its event loop is the thread's: other tests could run none
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path())
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def lively(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for all that is looked at, that takes texts of a megabyte."""
    with running(tmp_path_factory.mktemp("lively"), processes=1, verifier_workers=1, max_text_chars=1_000_000) as it:
        yield it


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A person's own window: English, light."""
    context = chromium.new_context(viewport={"width": 1360, "height": 900}, locale="en-GB", color_scheme="light")
    context.set_default_timeout(15_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Nothing may be said on its console, no script fail, nothing be asked of anybody else, no dialog open."""
    page = context.new_page()
    watched = Watched(page)
    yield page
    assert watched.faults == []
