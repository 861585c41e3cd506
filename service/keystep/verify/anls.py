"""Short text by normalised Levenshtein similarity, for questions that ask for it (answer type 'anls').

The metric (Biten et al., Scene Text Visual Question Answering, 2019) gives 1 - distance / longer length, and 0 from a distance of
half that length on. An outcome is 0 or 1: here it is whether the metric gives anything at all.
"""

from __future__ import annotations

import re
from typing import Final

from rapidfuzz.distance import Levenshtein

from keystep.verify.text import plain

# From this normalised distance on the similarity counts as 0.
_FAR: Final = 0.5


def near(gold: str, answer: str) -> bool:
    """Case and white space aside; read more strictly than the metric: numerals must agree, since '2018' is no misspelt '2019'."""
    one, other = [" ".join(plain(text).lower().split()) for text in (gold, answer)]
    return Levenshtein.normalized_distance(one, other, score_cutoff=_FAR) < _FAR and _numerals(one) == _numerals(other)


def _numerals(text: str) -> list[str]:
    return re.findall(r"\d+", text.replace(",", ""))
