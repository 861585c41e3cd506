"""The inspector, as a person uses it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser_pages import EXAMPLES, paste, rows
from keystep.nouns import Flag, Reason

PAGE = Path(__file__).parents[2] / "service/keystep/http/page"
GUARDS = "".join(f.read_text(encoding="utf-8") for name in ("phrases", "tiers") for f in PAGE.parents[1].glob(f"core/{name}.py"))
TEXT = EXAMPLES[0]["rollouts"][0]["text"]


@pytest.fixture
def inspector(page, lively):
    page.goto(lively.url)
    expect(page.locator("#recipe option")).to_have_count(4)
    return page


def test_a_pasted_rollout_is_shown_with_what_was_found(inspector):
    paste(inspector, TEXT, question="How many more oranges?", gold="4", steps="7 oranges | seven oranges\n3 bananas\n7 - 3 = 4\n9 pears")
    (row,) = rows(inspector)
    assert row[2] == "2.08"
    assert "right" in row[3]
    found = inspector.locator(".steps li")
    expect(found).to_have_count(4)
    expect(inspector.locator(".text mark.fuzzy[data-keys='0']")).to_contain_text("oranges")
    missed = inspector.locator(".card", has=inspector.get_by_text("Key steps missed")).locator("li")
    expect(missed).to_have_count(1)
    expect(missed).to_contain_text("9 pears")
    sections = inspector.locator(".section .kind").all_inner_texts()
    assert [re.sub(r"^\d+ ", "", s) for s in sections] == [
        "Description",
        "Rationale",
        "Introduction",
        "Step 1",
        "Step 2",
        "Step 3",
        "Answer",
    ]
    expect(inspector.locator(".text mark.answer")).to_have_text("4")
    # 1 (right) + 0.1 * 3/4 + 1, as a sum.
    assert inspector.locator(".sum tbody td.number").all_inner_texts() == ["1.000", "0.075", "1.000", "2.075"]
    # The text on the page is the text that was pasted.
    drawn = "".join(inspector.locator(".text .body").all_inner_texts())
    assert re.sub(r"\s", "", drawn) == re.sub(r"\s", "", TEXT)


def test_pointing_at_a_key_step_lights_up_where_it_stands(inspector):
    paste(inspector, TEXT, gold="4", steps="7 oranges | seven oranges\n7 - 3 = 4")
    step = inspector.locator(".steps li", has_text="7 - 3 = 4")
    mark = inspector.locator("mark[data-keys='1']")
    step.hover()
    expect(mark).to_have_class(re.compile("lit"))
    expect(inspector.locator("mark[data-keys='0']")).not_to_have_class(re.compile("lit"))
    inspector.locator("#help").hover()
    expect(mark).not_to_have_class(re.compile("lit"))
    mark.hover()
    expect(step).to_have_class(re.compile("lit"))


def test_a_missed_key_step_shows_what_stood_nearest_and_what_blocked_it(inspector):
    text = "### Image Description:\nA rope.\n\n### Rationales:\nDivide.\n\n### Step 1:\nIt is not true that AD is a median.\n\n### The final answer is: 3"
    paste(inspector, text, gold="3", steps="AD is a median")
    missed = inspector.locator(".steps li")
    expect(missed).to_contain_text("Blocked: stated only to be denied · nearest: “AD is a median”")
    expect(inspector.locator(".text mark.near")).to_contain_text("AD is a median")
    expect(inspector.locator(".named")).to_contain_text("negated_step")


def test_paging_through_a_file_by_keyboard_alone(inspector, tmp_path):
    file = tmp_path / "groups.jsonl"
    file.write_text("".join(json.dumps(g) + "\n" for g in EXAMPLES[:3]))
    inspector.set_input_files("#file", file)
    expect(inspector.locator("#groups button")).to_have_count(3)
    heading = inspector.locator(".head h2")
    expect(heading).to_have_text(EXAMPLES[0]["id"])
    selected = inspector.locator("table.rollouts tr[aria-selected='true'] td.id")
    for key, rollout in (("j", 1), ("j", 2), ("k", 1)):
        inspector.keyboard.press(key)
        expect(selected).to_have_text(EXAMPLES[0]["rollouts"][rollout]["id"])
    inspector.keyboard.press("n")
    expect(heading).to_have_text(EXAMPLES[1]["id"])
    inspector.keyboard.press("p")
    expect(heading).to_have_text(EXAMPLES[0]["id"])
    inspector.keyboard.press("s")
    expect(inspector.locator(".columns article")).to_have_count(4)
    inspector.keyboard.press("?")
    expect(inspector.locator("#help-dialog")).to_be_visible()
    inspector.keyboard.press("Escape")
    expect(inspector.locator("#help-dialog")).to_be_hidden()


def test_side_by_side_says_what_the_service_says(inspector, lively):
    group = EXAMPLES[1]
    told = lively.post("/v1/score", {"groups": [group]}).json()["groups"][0]
    paste(inspector, json.dumps({"groups": [group]}))
    cells = rows(inspector)
    assert [row[2] for row in cells] == [f"{r['reward']:.2f}" for r in told["rollouts"]]
    assert [row[6].replace("−", "-") for row in cells] == [f"{a:.2f}" for a in told["advantages"]]
    assert [row[7] for row in cells].count("chosen") == 1
    inspector.get_by_role("button", name="Side by side").click()
    columns = inspector.locator(".columns article")
    expect(columns).to_have_count(len(group["rollouts"]))
    expect(columns.filter(has=inspector.locator(".tag.chosen"))).to_contain_text(told["pair"]["chosen"])


def test_switching_the_recipe_shows_the_difference(inspector):
    # "Yes" against "yes": the released code compares case and all.
    text = (
        "### Image Description:\nA\n\n### Rationales:\nB\n\n### Let's think step by step.\n\n### Step 1:\nC\n\n### The final answer is: Yes"
    )
    paste(inspector, text, gold="yes", steps="C")
    assert rows(inspector)[0][2] == "2.10"
    inspector.locator("#other").select_option("official")
    expect(inspector.locator("table.rollouts th").nth(3)).to_have_text("vs official")
    assert rows(inspector)[0][3] == "+1.00"
    inspector.locator("#other").select_option("")
    inspector.locator("#recipe").select_option("official")
    expect(inspector.locator("table.rollouts tbody td b")).to_have_text("1.10")


def test_a_recipe_that_is_not_served_is_said_and_the_text_stays(inspector):
    paste(inspector, TEXT, gold="4")
    rows(inspector)
    inspector.locator("#recipe").select_option("semantic")
    expect(inspector.get_by_role("alert").filter(has_text="embedder")).to_be_visible()
    expect(inspector.locator(".text .body")).to_contain_text("seven oranges")


def test_recent_batches_can_be_picked_and_looking_adds_none(inspector, lively):
    lively.post("/v1/score", {"recipe": {"base": "hardened", "alpha": 0.2}, "groups": EXAMPLES[4:6]})
    batches = inspector.locator("#recent button")
    expect(batches.first).to_contain_text("hardened(alpha=0.2)")
    before = len(lively.get("/page/recent").json()["batches"])
    counted = re.search(r"keystep_rollouts_total.*", lively.get("/metrics").text)[0]
    batches.first.click()
    expect(inspector.locator("#groups button")).to_have_count(2)
    expect(inspector.locator("#recipe")).to_have_value("hardened(alpha=0.2)")
    expect(inspector.locator(".sum")).to_contain_text("α 0.2")
    assert re.search(r"keystep_rollouts_total.*", lively.get("/metrics").text)[0] == counted
    assert len(lively.get("/page/recent").json()["batches"]) == before


def test_what_is_copied_can_be_sent(inspector, lively, context):
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=lively.url)
    paste(inspector, json.dumps(EXAMPLES[2]))
    rows(inspector)
    inspector.get_by_role("button", name="Copy JSON").click()
    expect(inspector.locator("#said")).to_have_text("JSON copied")
    copied = json.loads(inspector.evaluate("navigator.clipboard.readText()"))
    assert [r["text"] for r in copied["rollouts"]] == [r["text"] for r in EXAMPLES[2]["rollouts"]]
    assert copied["scored"]["rollouts"][0]["evidence"]["sections"]
    inspector.get_by_role("button", name="Copy curl").click()
    expect(inspector.locator("#said")).to_have_text("curl copied")
    command = inspector.evaluate("navigator.clipboard.readText()")
    assert command.startswith(f"curl {lively.url}/v1/score ")
    body = re.search(r"--data-binary '(.*)'$", command, re.DOTALL)[1].replace("'\\''", "'")
    assert lively.post("/v1/score", json.loads(body)).status_code == 200


def test_dark_and_light(inspector):
    ground = lambda: inspector.evaluate("getComputedStyle(document.body).backgroundColor")
    light = ground()
    inspector.keyboard.press("t")
    assert ground() != light
    inspector.reload()
    assert inspector.evaluate("document.documentElement.dataset.theme") == "dark"


def test_what_is_no_group_is_said_where_it_was_pasted(inspector):
    paste(inspector, '{"groups": [{"id": "q"}]}')
    expect(inspector.locator("#paste-fault")).to_contain_text('no "rollouts"')
    inspector.keyboard.press("Escape")
    expect(inspector.locator("#paste-dialog")).to_be_hidden()


def test_the_terms_add_up_to_the_reward_with_a_learned_one_too(inspector):
    recipe = {
        "alpha": 0.1,
        "weight_step_rar": 1,
        "weight_step_rvr": 0.5,
        "weight_outcome": 0,
        "extras": [{"reward_model": "prm", "weight": 2}],
    }
    rollout = {"reward": 1.05 + 0.5 + 1.4, "step_rar": 1.05, "step_rvr": 1, "outcome": 1, "key_steps_matched": 0.5, "extras": {"prm": 0.7}}
    terms = "async ([rollout, recipe]) => (await import('/page/rollout.js')).termsOf(rollout, recipe)"
    told = inspector.evaluate(terms, [rollout, recipe])
    assert sum(t["value"] for t in told) == pytest.approx(rollout["reward"])
    assert [t["name"] for t in told] == ["StepRAR: answer", "StepRAR: key steps", "StepRVR", "prm"]
    rollout["extras"]["prm"] = None
    assert inspector.evaluate(terms, [rollout, recipe])[-1]["value"] is None


def test_only_the_pages_own_files_are_served(lively):
    page = lively.get("/")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["cache-control"] == "no-cache"
    assert lively.get("/page/inspector.js").headers["content-type"].startswith("text/javascript")
    for path in ("/page/__init__.py", "/page/..%2f__init__.py", "/page/nothing.js", "/page/recent/none", "/page/rollout?group=q&id=none"):
        assert lively.get(path).status_code == 404, path


def test_every_reason_flag_and_guard_has_words():
    words = (PAGE / "words.js").read_text(encoding="utf-8")
    guards = {"than", "question", "retracted", "hypothetical", "out_of_order"} | set(re.findall(r'"((?:other|no)_[a-z]+)"', GUARDS))
    for name in (*Reason, *Flag, *guards):
        assert f"{name}: " in words, name
