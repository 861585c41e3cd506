"""Sentences that state nothing but plain equations (``12 + 5 = 17``, ``\\frac{6}{3} \\times 2 = 4``), read without the parser.

Most equations of a rollout are of this kind. Each token is one letter, by what the lexer would make of it; one regular
expression over these letters tells whether the sentence is plain, and where its equations stand. Anything that could join
an equation from outside (another sign, a name, a bracket, a number word) makes the sentence not plain: the parser reads it.
``relations`` and ``equations.read`` of the same tokens agree (tests/core/test_plain.py).
"""

from __future__ import annotations

import re
from typing import Final

from keystep.core.canonical import Number, number
from keystep.core.equations import Equation, Relations, agrees
from keystep.core.expressions import Tree, evaluate
from keystep.core.lexer import standing
from keystep.core.memo import Memo

# n, f     a whole number, a decimal        i, h   a number word, a fraction word   F { }  the parts of a LaTeX fraction or power
# o m d x  + and *, minus, divided by, 'x'  ^  a power                 e      the equation sign
# w        a word                           b  a mark or a word that nothing reaches across        a  an article, or a name
# p        percent                          v  a verb that may relate two sides                    N  a name
# t        'times', 'over'                  g  'of'                    c      'more', 'less'
# s        what is as if it were not there                             ?      anything else
_KNOWN: Final = {
    "+": "o", "*": "o", "\\times": "o", "\\cdot": "o", "\\div": "o", "-": "m", "/": "d", "x": "x", "X": "x", "^": "^", "=": "e", "%": "p",
    "of": "g", "times": "t", "over": "t", "{": "{", "}": "}", "\\frac": "F", "\\dfrac": "F", "\\tfrac": "F",
}  # fmt: skip
_LETTER_OF: Final = {"silent": "s", "word": "w", "break": "b", "article": "a", "verb": "v", "name": "N", "comparison": "c"}
_OPERATOR: Final = {"\\times": "*", "\\cdot": "*", "\\div": "/", "x": "*", "X": "*"}

# An operator or a sign; a dash or a slash before a word is none.
_SIGN: Final = r"(?:[oxe^F{]|[md](?!w))"
_ALONE: Final = rf"(?!(?:s*+w){{0,7}}+s*+(?:{_SIGN}|t))"  # of a number: nothing takes it up
_AROUND: Final = (
    rf"(?:[wbvs]|[ni]{_ALONE}|[fhp]{_ALONE}(?!s*+g)|[gi]|[md](?=w)|t(?=s*+[wbvg]|$)|(?<![md])a(?![moxde^])"
    r"|(?<=[wbnifhpg])c|(?<![nifhps}])N(?=[swgac]*+(?:[bnifh]|$)))*+"
)
_POWER: Final = r"[nf](?:s*+\^s*+n|s*+\^\{n\})"
_RATIO: Final = r"F\{[nf]\}\{[nf]\}"
_OPERAND: Final = rf"(?:{_POWER}|[nf]|{_RATIO})"
# "50 pounds + 20 pounds = 70": as many words as the parser forgives.
_OPERATION: Final = rf"(?:(?:s*+w){{0,6}}+s*+(?:o(?:s*+w){{0,2}}+|[mdx])s*+{_OPERAND})"
_EQUALS: Final = r"(?:(?:s*+w){0,7}+s*+e(?:s*+m|(?:s*+w){0,3}+)s*+)"
_EQUATION: Final = rf"(?:{_OPERAND}{_OPERATION}{{1,12}}+|{_POWER}|{_RATIO}){_EQUALS}(?:n|f(?!s*+g))"
_PLAIN: Final = re.compile(rf"{_AROUND}(?:{_EQUATION}(?!s*+(?:{_SIGN}|[ptN])){_AROUND})++")
_ONE: Final = re.compile(_EQUATION)
# Without a sign, only a verb shortly before a number (or what may become one) relates anything; '?' may be a sign.
_MAY_RELATE: Final = re.compile(r"[ec?]|v(?:s*+[^snfihomdx^F{b]){0,8}+s*+[nfihomdx^F{]")
_FIGURES: Final = frozenset("nfomdxe^F{}")
_SPOKEN: Final = frozenset("ih?")
_RATIOS: Final = re.compile(r"F\{[^F{}a]*[nfN][^F{}a]*\}\{[^F{}a]*[nfN][^F{}a]*\}")
_EXPONENT: Final = re.compile(r"s*\^(?:s*|\{)(n)")


def _letter(token: str) -> str:
    known = _KNOWN.get(token)
    if known is not None:
        return known
    kind, value = standing(token)
    if kind in ("number", "spoken"):
        return "in"[kind == "number"] if isinstance(value, int) else "hf"[kind == "number"]
    return _LETTER_OF.get(kind, "?")


_LETTERS: Final = Memo(_letter)
_NONE: Final = Relations()


def letters(tokens: list[str]) -> str:
    """One letter a token, as the table above has them."""
    return "".join(map(_LETTERS.__getitem__, tokens))


def relations(tokens: list[str], written: str) -> Relations | None:
    """What equations.read finds, when the tokens of a sentence (and their letters) are plain equations and words; else None."""
    if "e" not in written:
        return None if _MAY_RELATE.search(written) else _NONE
    if _PLAIN.fullmatch(written) is None:
        return None
    return Relations(tuple([_equation(tokens, written, *m.span()) for m in _ONE.finditer(written)]))


def numbers(tokens: list[str], written: str) -> list[tuple[Number, int]] | None:
    """The numbers of a sentence and the tokens they stand at, when each is a token in figures; else None."""
    if not _SPOKEN.isdisjoint(written) or ("F" in written and written.count("F") != len(_RATIOS.findall(written))):
        return None
    return [(_number(tokens[at]), at) for at, letter in enumerate(written) if letter in "nf"]


def figures(written: str) -> bool:
    """Whether there is nothing but figures and signs."""
    return _FIGURES.issuperset(written)


def _equation(tokens: list[str], written: str, first: int, end: int) -> Equation:
    """The equation that tokens first..end-1 state."""
    equal = written.index("e", first)
    tree = _tree(tokens, written, first, equal)
    result = _number(tokens[end - 1])
    if "m" in written[equal:end]:
        result = -result
    value = evaluate(tree)
    return Equation(tree, value, result, agrees(value, result), first, end - 1)


def _tree(tokens: list[str], written: str, at: int, end: int) -> Tree:
    """Sums of products of powers, each from left to right."""
    total: Tree = None  # what stands before the sum's last sign
    sign = ""
    product: Tree = None
    operator = ""
    while at < end:
        letter = written[at]
        if letter in "omdx":
            operator = _OPERATOR.get(tokens[at], tokens[at])
        elif letter in "nfF":
            operand: Tree
            if letter == "F":
                operand, at = ("/", _number(tokens[at + 2]), _number(tokens[at + 5])), at + 6
            else:
                operand = _number(tokens[at])
                power = _EXPONENT.match(written, at + 1)
                if power is not None:
                    at = power.end(1) - 1
                    operand = ("^", operand, _number(tokens[at]))
            if not operator:
                product = operand
            elif operator in "*/":
                product = (operator, product, operand)
            else:
                total, sign, product = (product if total is None else (sign, total, product)), operator, operand
        at += 1
    return product if total is None else (sign, total, product)


def _number(token: str) -> Number:
    value = number(token)
    assert value is not None  # its letter says so
    return value
