"""The released R1-VL code's outcome, and the paper's: what needs no process is here, the rest is symbolic.by_default.

Known defects, kept: the whole response is searched, so a body's last number counts; the fall-back comparison keeps case;
every exception is a no.
"""

from __future__ import annotations

import re
from typing import Final

_FINAL: Final = re.compile(r"### The final answer is:\s*\n?(.*)")


def final_text(text: str) -> str:
    """What the released code compares when math-verify says no: the rest of the header's line, else everything; stripped."""
    match = _FINAL.search(text)
    return (match[1] if match is not None else text).strip()


def same_text(response: str, gold: str) -> bool:
    """The released code's fall-back: equal, case kept."""
    return final_text(response) == final_text(gold)
