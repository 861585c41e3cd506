"""A response's steps, as process reward models judge them: the bodies of its step sections, else its paragraphs."""

from __future__ import annotations

import re
from typing import Final

from keystep.core import structure
from keystep.nouns import SectionKind

_BLANK_LINE: Final = re.compile(r"\n[ \t\r]*\n")


def split(text: str) -> tuple[str, ...]:
    """In order, none blank; () for a blank text. A text with sections but without step sections is read by paragraphs, as any other."""
    sections = structure.parse(text).of(SectionKind.STEP)
    steps = [text[slice(*s.body)] for s in sections] or _BLANK_LINE.split(text)
    return tuple(step.strip() for step in steps if step.strip())
