"""docs/verification.md names every field, type and profile there is, and none that is not."""

from __future__ import annotations

import re
from pathlib import Path

from keystep.verify import kinds
from keystep.verify.profiles import PROFILES
from keystep.wire.responses import OutcomeOut

PAGE = (Path(__file__).parents[2] / "docs" / "verification.md").read_text(encoding="utf-8")


def rows(heading: str) -> dict[str, str]:
    """The first table under a heading: its first cells' code, and the cells after."""
    section = PAGE.split(f"\n## {heading}", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.MULTILINE))


def test_the_fields_of_an_outcome():
    assert list(rows("What `/v1/verify` answers")) == list(OutcomeOut.model_fields)


def test_the_types_and_their_other_names():
    told = rows("Types")
    assert set(told) == set(kinds.NAMES.values()) - {"auto"}
    for kind, cells in told.items():
        for name in filter(None, cells.split(" | ")[0].split(", ") if not cells.startswith("| ") else ()):
            assert kinds.NAMES[name] == kind


def test_the_profiles():
    assert set(rows("Profiles")) == set(PROFILES)
