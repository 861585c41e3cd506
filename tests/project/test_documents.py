"""What the documents say is what the code does."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from pathlib import Path

from keystep.recipe import RECIPES, Recipe
from keystep.settings import Settings

ROOT = Path(__file__).parents[2]


def rows(page: str) -> dict[str, list[str]]:
    """Table rows of a page by the code in their first cell."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_every_setting_is_documented_with_its_default():
    told = rows("settings.md")
    assert list(told) == [f"KEYSTEP_{name.upper()}" for name in Settings.model_fields]
    for name, field in Settings.model_fields.items():
        default, meaning = told[f"KEYSTEP_{name.upper()}"]
        assert meaning == field.description
        if field.default_factory is None:
            assert default == str(field.default)


def test_every_field_of_a_recipe_is_documented_with_its_values():
    told = rows("recipes.md")
    names = [f.name for f in dataclasses.fields(Recipe) if f.name != "name"]
    assert list(told) == names
    for name in names:
        for recipe, value in zip(("hardened", "paper", "official"), told[name][1:], strict=True):
            have = getattr(RECIPES[recipe], name)
            have = "none" if have == () else have
            assert (float(value) if isinstance(have, float) else value.strip("`")) == have


def test_make_help_lists_every_target():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"\.PHONY: (.*)", makefile).group(1).split())
    listed = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"make ([\w-]+)", listed)) == targets


def test_the_readmes_request_gets_the_readmes_answer(service):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    request, answer = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", readme, re.DOTALL)[:2])
    got = service.post("/v1/score", request).json()
    assert got["recipe"].pop("hash").startswith("sha256:")
    assert answer["recipe"].pop("hash") == "sha256:..."
    assert got == answer


def test_nothing_names_a_host_of_a_registry_or_a_path_of_a_machine():
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in tracked:
        text = (ROOT / name).read_text(encoding="utf-8", errors="replace")
        assert not re.search(r"index-url|files\.pythonhosted|registry\.npmjs|file://", text) or name == "tests/project/test_documents.py", (
            name
        )
