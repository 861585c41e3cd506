"""When Python looks for garbage in circles: seldom, in the processes that are keystep's own.

No request leaves any, and each look goes through all that is held. The front's took a tenth of a second, in which nobody was
answered; a scoring process lost a good part of its time to them. They stay as a net under what we did not think of.
"""

from __future__ import annotations

import gc
from typing import Final

_THRESHOLDS: Final = (1_000_000, 20, 20)


def collect_seldom() -> None:
    """To be called when all that stays is there: none of it is looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
