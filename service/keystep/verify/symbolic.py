"""Symbolic equality by math-verify. Runs in the pool's worker processes only: it may hang, swell or crash there.

Nothing of `equal` is called before bounds.py has looked at the text; `by_default` gets exactly what the paper's and the released
code's rules compare. The heavy import happens inside the functions, so that the parent process never loads sympy.
"""

from __future__ import annotations

import re
from typing import Final

_FENCED: Final = re.compile(r"\$|\\\(|\\\[|\\boxed")
# Enough to load every parser table and simplification path that a first real answer would otherwise wait for.
_WARM_UP: Final = (("\\frac{\\sqrt{3}}{2}", "\\sqrt{\\frac{3}{4}}"), ("[0, 1)", "\\{1, 2\\}"), ("x + 1 = 3", "x = 2"))


def equal(gold: str, answer: str, rounding: int) -> bool:
    """Does math-verify hold answer equal to gold? rounding: decimal places at which decimals are compared.

    Read as LaTeX only, and with every letter in it: where LaTeX fails, math-verify by its defaults takes some number of the formula for
    the whole of it (1 - 1/\\mathrm{e} equals 1 + 1/\\mathrm{e}), and it drops units, the t of 4t among them. Time-outs are switched off: the pool's CPU budget ends what does not end by itself, whatever the machine's load.
    """
    from latex2sympy2_extended import NormalizationConfig
    from math_verify import LatexExtractionConfig, parse, verify

    whole = LatexExtractionConfig(normalization_config=NormalizationConfig(malformed_operators=True, nits=True))
    sides = [parse(_fence(side), extraction_config=[whole], parsing_timeout=None) for side in (gold, answer)]
    return bool(verify(*sides, float_rounding=rounding, allow_set_relation_comp=True, timeout_seconds=None))


def by_default(one: str, other: str) -> bool:
    """math-verify's verify(parse(one), parse(other)) by its defaults, any exception a no.

    Only its time-outs are left to the pool: they count wall-clock seconds, so a busy machine would turn a yes into a no.
    """
    from math_verify import parse, verify

    try:
        sides = [parse(side, parsing_timeout=None) for side in (one, other)]
        return bool(verify(*sides, timeout_seconds=None))
    except Exception:  # noqa: BLE001  (what math-verify cannot read is not equal; the released code takes every exception as a no)
        return False


def warm_up() -> None:
    """Import and run once, so that the first answer does not pay the cold start."""
    for gold, answer in _WARM_UP:
        equal(gold, answer, 6)
    by_default("The answer is 1.", "2")


def _fence(side: str) -> str:
    """A bare formula in dollars, which math-verify needs to read it as LaTeX; what has its own fences stays."""
    return side if _FENCED.search(side) else f"${side}$"
