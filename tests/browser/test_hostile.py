"""Rollouts that try to be more than text."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from browser_pages import paste, rows, settled

SCRIPTS = [
    "<script>window.ran = 1</script>",
    "<img src=x onerror='window.ran = 1'>",
    "<svg onload='window.ran = 1'><a href='javascript:window.ran=1'>x</a></svg>",
    "</div></main><h1 id=injected>gone</h1><style>body { display: none }</style>",
    "<iframe srcdoc='<script>parent.ran = 1</script>'></iframe>",
    "{{constructor.constructor('window.ran = 1')()}} ${window.ran = 1} `window.ran = 1`",
    "\u202edesrever\u202c \u2066isolated שלום עולם مرحبا\u2069",
    "👩‍👩‍👧‍👦 🇰🇷 😀 e\u0301 \u0000 \u001b[31mred \ufeff \u2028 \u2029",
    "a" * 30_000,
]


@pytest.fixture
def inspector(page, lively):
    page.goto(lively.url)
    expect(page.locator("#recipe option")).to_have_count(4)
    return page


def harmless(page):
    assert page.evaluate("window.ran") is None
    assert page.locator("#injected, main script, main img, main iframe").count() == 0
    expect(page.locator("main")).to_be_visible()


def drawn(page):
    return page.evaluate("[...document.querySelectorAll('.text .body')].map((b) => b.textContent).join('')")


def test_markup_is_text_wherever_it_stands(inspector):
    for text in SCRIPTS:
        answer = (
            f"### Image Description:\n{text}\n\n### Rationales:\n{text}\n\n### Step 1:\n{text} 7 - 3 = 4\n\n### The final answer is: {text}"
        )
        group = {
            "id": text[:300],
            "question": text,
            "answer": text,
            "key_steps": [[text], ["7 - 3 = 4"]],
            "choices": [text, "b"],
            "rollouts": [{"id": f"r {text}"[:300], "text": answer}],
        }
        paste(inspector, json.dumps(group))
        rows(inspector)
        harmless(inspector)
        assert text.strip() in drawn(inspector)
        inspector.get_by_role("button", name="Side by side").click()
        harmless(inspector)
        inspector.get_by_role("button", name="Side by side").click()
    assert inspector.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_marks_lie_right_beside_characters_outside_of_the_first_plane(inspector):
    text = "### Image Description:\n😀😀\n\n### Rationales:\n🇰🇷\n\n### Step 1:\n👩‍👩‍👧‍👦 so 7 - 3 = 4 😀\n\n### The final answer is: 4"
    paste(inspector, text, gold="4", steps="7 - 3 = 4")
    expect(inspector.locator("mark[data-keys='0']")).to_have_text("7 - 3 = 4")
    expect(inspector.locator(".text mark.answer")).to_have_text("4")


def test_a_megabyte_is_shown_whole(inspector, tmp_path):
    line = "The bowl <b>holds</b> seven oranges and three bananas, and that is all. "
    head, tail = "### Image Description:\nA\n\n### Rationales:\nB\n\n### Step 1:\n", "\n7 - 3 = 4\n\n### The final answer is: 4"
    open_text(inspector, tmp_path, head + line * (999_000 // len(line)) + tail)
    rows(inspector)
    assert len(drawn(inspector)) > 990_000
    harmless(inspector)


def test_what_is_too_long_is_said_and_shown_all_the_same(inspector, tmp_path):
    open_text(inspector, tmp_path, "x" * 1_000_001)
    expect(inspector.get_by_role("alert").filter(has_text="KEYSTEP_MAX_TEXT_CHARS")).to_be_visible()
    assert len(drawn(inspector)) == 1_000_001


def open_text(page, tmp_path, text):
    """One rollout, opened from a file."""
    group = {"id": "long", "answer": "4", "key_steps": ["7 - 3 = 4"], "rollouts": [{"id": "long/0", "text": text}]}
    (tmp_path / "long.json").write_text(json.dumps(group))
    page.set_input_files("#file", tmp_path / "long.json")
    page.wait_for_selector("main .question")
    settled(page)
