"""Tokens of one sentence -> the symbols an equation parser reads: numbers, operators, relations, names, brackets.

Words between an operand and an operator ("8 lessons * 3 cleans per lesson = 24 times") are not symbols; each symbol
carries how many of them stood before it, and the parser decides how many it forgives. LaTeX and plain text end in the
same symbols.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from keystep.core.canonical import FRACTION_WORDS, NUMBER_WORDS, SCALE_WORDS, SUPERSCRIPTS, VULGAR, Number, number, simplest
from keystep.core.memo import Memo

NUM: Final = 0
OP: Final = 1
REL: Final = 2
LP: Final = 3
RP: Final = 4
NAME: Final = 5
PERCENT: Final = 6
FUNCTION: Final = 7
BREAK: Final = 8

MAX_NESTING: Final = 12


# (kind, value, gap, token): one of the constants above; the number, operator, relation or name; how many words were left out
# before it; the index of its first token. A plain tuple: a rollout makes hundreds.
Symbol = tuple[int, Number | str, int, int]

_FRACTIONS: Final = frozenset({"\\frac", "\\dfrac", "\\tfrac", "\\cfrac"})
_TEXT: Final = frozenset(
    {"\\text", "\\mathrm", "\\mbox", "\\textbf", "\\textit", "\\operatorname", "\\hspace", "\\label", "\\tag", "\\begin", "\\end"}
)
_SILENT: Final = frozenset(
    r"\left \right \, \; \! \: \  \quad \qquad \[ \] \( \) \displaystyle \boxed \mathbf \bigl \bigr \big \Big \circ \degree \overline \vec \$".split(" ")
) | {"$", "&", "**", "\u00b0", '"', "\u00a3", "\u20ac", "\u00a5"}  # fmt: skip
_SYMBOLS: Final[dict[str, tuple[int, str]]] = {
    **{t: (OP, t) for t in "+-*/^"},
    "\\times": (OP, "*"), "\\cdot": (OP, "*"), "\\ast": (OP, "*"), "\\div": (OP, "/"), "\\pm": (BREAK, ""),
    "plus": (OP, "+"), "minus": (OP, "-"), "times": (OP, "*"), "divided": (OP, "/"), "multiplied": (OP, "*"), "over": (OP, "/"),
    "\u52a0": (OP, "+"), "\u51cf": (OP, "-"), "\u4e58": (OP, "*"), "\u9664": (OP, "/"),
    "\ub354\ud558\uae30": (OP, "+"), "\ube7c\uae30": (OP, "-"), "\uacf1\ud558\uae30": (OP, "*"), "\ub098\ub204\uae30": (OP, "/"),
    "=": (REL, "="), "==": (REL, "="), "equals": (REL, "="), "equal": (REL, "="), "\u7b49": (REL, "="), "\\equiv": (REL, "="),
    "\u2248": (REL, "\u2248"), "\\approx": (REL, "\u2248"), "\\simeq": (REL, "\u2248"), "\\cong": (REL, "\u2245"), "\u2245": (REL, "\u2245"),
    "\u2260": (REL, "\u2260"), "!=": (REL, "\u2260"), "\\neq": (REL, "\u2260"), "\\ne": (REL, "\u2260"),
    "<": (REL, "<"), ">": (REL, ">"), "\u2264": (REL, "<="), "<=": (REL, "<="), "\u2265": (REL, ">="), ">=": (REL, ">="),
    "\\lt": (REL, "<"), "\\gt": (REL, ">"), "\\le": (REL, "<="), "\\leq": (REL, "<="), "\\ge": (REL, ">="), "\\geq": (REL, ">="),
    "is": (REL, "is"), "are": (REL, "is"), "was": (REL, "is"), "were": (REL, "is"), "gives": (REL, "is"), "makes": (REL, "is"), "yields": (REL, "is"),
    "leaves": (REL, "is"), "totals": (REL, "is"), "becomes": (REL, "is"), "giving": (REL, "is"), "\u662f": (REL, "is"),
    "(": (LP, "("), "[": (LP, "("), "{": (LP, "("), "\\{": (LP, "("), ")": (RP, ")"), "]": (RP, ")"), "}": (RP, ")"), "\\}": (RP, ")"),
    "%": (PERCENT, "%"), "\\%": (PERCENT, "%"), "percent": (PERCENT, "%"),
    "\\sqrt": (FUNCTION, "sqrt"), "\u221a": (FUNCTION, "sqrt"),
    **{f"{slash}{f}": (FUNCTION, f) for f in ("sin", "cos", "tan", "log", "ln", "cot") for slash in ("", "\\")},
}  # fmt: skip
_GREEK: Final = {
    "\\alpha": "\u03b1", "\\beta": "\u03b2", "\\gamma": "\u03b3", "\\theta": "\u03b8", "\\phi": "\u03c6", "\\pi": "\u03c0", "pi": "\u03c0",
    "\\lambda": "\u03bb", "\\mu": "\u03bc", "\\omega": "\u03c9", "\\delta": "\u03b4", "\\varphi": "\u03c6",
}  # fmt: skip
_FIGURES: Final = {
    "angle": "\u2220", "angles": "\u2220", "Angle": "\u2220", "Triangle": "\u25b3", "\\angle": "\u2220", "\u2220": "\u2220", "triangle": "\u25b3", "\\triangle": "\u25b3", "\u25b3": "\u25b3",
}  # fmt: skip
_POWERS: Final = {"squared": 2, "cubed": 3}
_COMPARISONS: Final = {"greater": ">", "more": ">", "larger": ">", "bigger": ">", "less": "<", "smaller": "<", "fewer": "<"}
_SPOKEN_NUMBERS: Final = frozenset(NUMBER_WORDS) | frozenset(FRACTION_WORDS)
_SPOKEN: Final = _SPOKEN_NUMBERS | frozenset(SCALE_WORDS) | frozenset(_POWERS) | frozenset(_COMPARISONS) | {"of", "x"}
_ENVIRONMENT: Final = frozenset({"\\begin", "\\end", "\\label", "\\tag", "\\hspace"})
# 'a' and 'I' are words unless written as names; x between numbers is a multiplication sign.
_ARTICLES: Final = frozenset({"a", "I", "A"})
# Words that end a clause: no expression reaches across them.
_CLAUSE: Final = frozenset("and so then therefore thus hence because since but while which where when if or".split())


def lex(tokens: list[str], *, bullet: bool = False) -> list[Symbol]:
    """The symbols of a sentence. bullet: its first token is a list mark, not a sign."""
    return _Lexer(tokens).run(1 if bullet else 0, len(tokens), 0)


# What a token is whatever stands around it; the rest is decided in context.
_WORD: Final = 0
_NUMBER: Final = 1
_NOTHING: Final = 2
_SYMBOL: Final = 3
_STOP: Final = 4
_CONTEXT: Final = 5


def _classify(token: str) -> tuple[int, Number | str, int]:
    first = token[0]
    if "0" <= first <= "9" or (first == "." and len(token) > 1):
        value = number(token)  # an ordinal is a word; a literal out of bounds is nothing to reckon with
        return (_WORD, "", 0) if value is None else (_NUMBER, value, NUM)
    known = _SYMBOLS.get(token)
    if known is not None:
        return (_CONTEXT, "", 0) if known[0] == OP else (_SYMBOL, known[1], known[0])
    if token in _SILENT:
        return _NOTHING, "", 0
    low = token.lower()
    contextual = token == "\\\\" or first in "_'\\" or token in _CLAUSE or token in _FRACTIONS or token in _TEXT or token in _FIGURES
    if contextual or token in SUPERSCRIPTS or token in VULGAR or token in _GREEK or low in _SPOKEN or _may_name(token):
        return _CONTEXT, "", 0
    return (_WORD, "", 0) if first.isalpha() else (_STOP, token, BREAK)


def standing(token: str) -> tuple[str, Number | str]:
    """What a token is to its neighbours, and its value where it is a number.

    number; spoken, a number word; word, one more of a gap; break, which no expression reaches across; silent, as if it were not
    there; verb, which may relate two sides; article; name; comparison; joining, anything else.
    """
    kind, value, symbol = _CLASSES[token]
    low = token.lower()
    if kind == _NUMBER:
        return "number", value
    if kind == _CONTEXT and low in _SPOKEN_NUMBERS:
        return "spoken", NUMBER_WORDS.get(low) or Fraction(1, 2)
    if kind == _STOP or token in _CLAUSE or token in ("'", "\\\\"):
        return "break", ""
    if token in _ARTICLES:
        return "article", ""
    if kind == _CONTEXT and low in _COMPARISONS:
        return "comparison", ""
    if kind == _CONTEXT and low != "x" and _may_name(token) and token not in _FIGURES and token not in _GREEK:
        return "name", ""
    known = {_WORD: "word", _NOTHING: "silent"}.get(kind, "joining")
    return ("verb" if symbol == REL and value == "is" else known), ""


def _may_name(token: str) -> bool:
    return token.isascii() and token.isalpha() and (len(token) == 1 or (len(token) <= 4 and token.isupper()))


# token -> (class, value, symbol kind)
_CLASSES: Final = Memo(_classify)


class _Lexer:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def run(self, start: int, stop: int, depth: int) -> list[Symbol]:
        tokens, out, gap, i = self.tokens, list[Symbol](), 0, start
        classes = _CLASSES
        while i < stop:
            token = tokens[i]
            kind, value, symbol = classes[token]
            if kind == _WORD:
                gap += 1
                i += 1
            elif kind == _NOTHING:
                i += 1
            elif kind == _CONTEXT:
                gap, i = self._in_context(token, i, stop, gap, depth, out)
            else:
                out.append((symbol, value, gap, i))
                gap = 0
                i += 1
        return out

    def _in_context(self, token: str, i: int, stop: int, gap: int, depth: int, out: list[Symbol]) -> tuple[int, int]:
        """What a token is beside its neighbours. Appends what it stands for; returns (gap, next index)."""
        known = _SYMBOLS.get(token)
        if known is not None:
            return self._operator(token, known[1], i, stop, gap, out)
        if token == "\\\\" or token in _CLAUSE:
            if self._continues(i + 1, stop):
                return gap, i + 1
            out.append((BREAK, token, gap, i))
            return 0, i + 1
        if token in _FRACTIONS:
            return 0, self._fraction(i, stop, gap, depth, out)
        if token in _TEXT:
            end = self._group_end(i + 1, stop)
            return gap + (0 if token in _ENVIRONMENT else max(0, end - i - 3)), end
        if token == "m" and i + 1 < stop and self.tokens[i + 1] in ("\u2220", "\\angle"):
            return gap, i + 1  # the measure of an angle is called like the angle
        if token in _FIGURES:
            name = self._figure_name(i + 1) if i + 1 < stop else None
            if name is not None:
                out.append((NAME, _FIGURES[token] + name, gap, i))
                return 0, i + 2
            return gap + 1, i + 1
        if token[0] in "_'":
            if out and out[-1][0] == NAME and (token == "'" or i + 1 < stop):
                if token == "'":
                    out[-1] = (NAME, f"{out[-1][1]}'", *out[-1][2:])
                    return gap, i + 1
                return gap, self._subscript(i + 1, stop, out)
            out.append((BREAK, token, gap, i))
            return 0, i + 1
        return self._word(token, i, stop, gap, out)

    def _operator(self, token: str, name: str, i: int, stop: int, gap: int, out: list[Symbol]) -> tuple[int, int]:
        last = out[-1] if out else None
        if not self._is_operator(token, i, stop, out) or (name == "-" and gap and (last is None or last[0] in (BREAK, REL))):
            return gap + 1, i + 1  # the dash of "Yams - 6 yams * 1.5 = 9" opens, it does not subtract
        if name == "^":
            after = self._degree(i, stop)
            if after:
                return gap, after
        if name == "*" and not gap and last is not None and last[0] == OP and last[1] == "*":
            return gap, i + 1
        out.append((OP, name, gap, i))
        return 0, i + 1

    def _is_operator(self, token: str, i: int, stop: int, out: list[Symbol]) -> bool:
        """'/' before a unit ("20 fireworks/box") and 'over' between words are none."""
        following = self.tokens[i + 1] if i + 1 < stop else ""
        if token in ("over", "times"):
            return bool(out) and out[-1][0] in (NUM, RP, NAME) and self._number_follows(i + 1, stop)
        if token == "-" and i and self.tokens[i - 1][-1:].isalpha() and out and out[-1][0] == NAME and following.lower() == "axis":
            return False
        if (
            token == "-"
            and following[:1].isalpha()
            and not (len(following) == 1 or following.isupper() or following.lower() in NUMBER_WORDS)
        ):
            return False  # "5-mile", "roll-ups"
        if token == "/" and following.isalpha() and len(following) > 1 and not following.isupper():
            return following in NUMBER_WORDS
        return True

    def _degree(self, i: int, stop: int) -> int:
        """Index after '^\\circ' or '^{\\circ}' at i, 0 when it is a power."""
        rest = self.tokens[i + 1 : min(i + 4, stop)]
        if rest[:1] in (["\\circ"], ["\u00b0"]):
            return i + 2
        return i + 4 if rest == ["{", "\\circ", "}"] else 0

    def _continues(self, i: int, stop: int) -> bool:
        while i < stop and self.tokens[i] in _SILENT:
            i += 1
        return i < stop and self.tokens[i] in ("=", "\u2248", "\\approx")

    def _group_end(self, i: int, stop: int) -> int:
        """Index after the braces that open at i (or after one token when none open)."""
        if i >= stop or self.tokens[i] != "{":
            return min(i, stop)
        level = 0
        for j in range(i, stop):
            if self.tokens[j] == "{":
                level += 1
            elif self.tokens[j] == "}":
                level -= 1
                if level == 0:
                    return j + 1
        return stop

    def _fraction(self, i: int, stop: int, gap: int, depth: int, out: list[Symbol]) -> int:
        """\\frac{a}{b}, \\frac12, \\frac a b as ((a)/(b))."""
        j = i + 1
        parts: list[list[Symbol]] = []
        if j < stop and self.tokens[j].isdecimal() and len(self.tokens[j]) > 1:
            digits = self.tokens[j]
            parts.append([(NUM, int(digits[0]), 0, j)])
            if len(digits) == 2:
                parts.append([(NUM, int(digits[1]), 0, j)])
            j += 1
        while len(parts) < 2 and j < stop:
            end = self._group_end(j, stop)
            inner = (j + 1, end - 1) if end > j else (j, j + 1)
            parts.append(self.run(*inner, depth + 1) if depth < MAX_NESTING else [])
            j = max(end, j + 1)
        if len(parts) < 2 or not parts[0] or not parts[1]:
            out.append((BREAK, "", gap, i))
            return j
        lp: Symbol = (LP, "(", 0, i)
        rp: Symbol = (RP, ")", 0, j - 1)
        wrapped = [p if len(p) == 1 else [lp, *p, rp] for p in parts]
        out += [(LP, "(", gap, i), *wrapped[0], (OP, "/", 0, i), *wrapped[1], rp]
        return j

    def _figure_name(self, i: int) -> str | None:
        """The name after 'angle' or 'triangle': a digit or capitals."""
        token = self.tokens[i]
        if (token.isdecimal() and len(token) <= 2) or (token.isalpha() and token.isupper() and len(token) <= 3) or token in ("x", "y"):
            return token
        return None

    def _subscript(self, i: int, stop: int, out: list[Symbol]) -> int:
        end = self._group_end(i, stop)
        inner = self.tokens[i + 1 : end - 1] if end > i else self.tokens[i : i + 1]
        out[-1] = (NAME, f"{out[-1][1]}_{''.join(inner)}", *out[-1][2:])
        return max(end, i + 1)

    def _word(self, token: str, i: int, stop: int, gap: int, out: list[Symbol]) -> tuple[int, int]:
        """Number words, names, 'of'; anything else is one more word of a gap. Returns (gap, next index)."""
        if token in SUPERSCRIPTS:
            out += [(OP, "^", gap, i), (NUM, SUPERSCRIPTS[token], 0, i)]
            return 0, i + 1
        if token in VULGAR:
            value: Number = VULGAR[token]
            if out and out[-1][0] == NUM and gap == 0 and isinstance(out[-1][1], int):
                out[-1] = (NUM, out[-1][1] + value, *out[-1][2:])  # 1½ is one and a half
            else:
                out.append((NUM, value, gap, i))
            return 0, i + 1
        greek = _GREEK.get(token)
        if greek is not None:
            out.append((NAME, greek, gap, i))
            return 0, i + 1
        low = token.lower()
        if low in NUMBER_WORDS or low in FRACTION_WORDS:
            spoken, after = self._number_words(i, stop)
            if spoken is not None:
                out.append((NUM, spoken, gap, i))
                return 0, after
        if low in SCALE_WORDS and out and out[-1][0] == NUM and gap == 0 and not isinstance(out[-1][1], str):
            out[-1] = (NUM, simplest(out[-1][1] * SCALE_WORDS[low]), *out[-1][2:])
            return 0, i + 1
        if low == "of" and out and gap == 0 and (out[-1][0] == PERCENT or isinstance(out[-1][1], Fraction)):
            out.append((OP, "*", 0, i))
            return 0, i + 1
        if low == "x" and out and out[-1][0] in (NUM, RP, PERCENT) and self._number_follows(i + 1, stop):
            out.append((OP, "*", gap, i))
            return 0, i + 1
        if low in _POWERS and out and gap == 0 and out[-1][0] in (NUM, NAME, RP):
            out += [(OP, "^", 0, i), (NUM, _POWERS[low], 0, i)]
            return 0, i + 1
        sign = _COMPARISONS.get(low)
        if sign is not None and out and out[-1][0] == REL and gap == 0 and i + 1 < stop and self.tokens[i + 1] == "than":
            out[-1] = (REL, sign, *out[-1][2:])
            return 0, i + 2
        if self._is_name(token, i, stop):
            out.append((NAME, token, gap, i))
            return 0, i + 1
        return gap + 1, i + 1

    def _number_follows(self, i: int, stop: int) -> bool:
        while i < stop and (self.tokens[i] in _SILENT or self.tokens[i] in ("(", "-")):
            i += 1
        if i >= stop:
            return False
        token = self.tokens[i]
        return token[0].isdecimal() or (token[0] == "." and len(token) > 1) or token in _FRACTIONS or token.lower() in NUMBER_WORDS

    def _is_name(self, token: str, i: int, stop: int) -> bool:
        """Single letters and short runs of capitals; the article is one only alone in braces, or beside an operator or a relation sign."""
        if not token.isascii() or not token.isalpha():
            return False
        if len(token) == 1:
            if token not in _ARTICLES:
                return True
            before, after = self.tokens[i - 1] if i else " ", self.tokens[i + 1] if i + 1 < len(self.tokens) else " "
            return (before == "{" and after == "}") or any(t in "=+-*/^<>" for t in (before, after if i + 1 < stop else " "))
        return len(token) <= 4 and token.isupper()

    def _number_words(self, i: int, stop: int) -> tuple[Number | None, int]:
        """'twenty-one', 'two hundred and five', 'two thirds', 'half', 'a third of'. Returns (value, next index)."""
        low = self.tokens[i].lower()
        if low in FRACTION_WORDS:
            # A bare ordinal ("the third step") is no number; "half" always is, "third of" is.
            before = self.tokens[i - 1].lower() if i else ""
            of = i + 1 < stop and self.tokens[i + 1].lower() == "of"
            return (
                (Fraction(1, FRACTION_WORDS[low]), i + 1) if low in ("half", "halves") or (of and before in ("a", "one", "")) else (None, i)
            )
        total: Number = 0
        current: Number = NUMBER_WORDS[low]
        j = i + 1
        while j < stop and j - i < 12:
            word = self.tokens[j].lower()
            if word == "-" and j + 1 < stop and self.tokens[j + 1].lower() in _SPOKEN_NUMBERS:
                j += 1
                continue
            if word in NUMBER_WORDS and current >= 20 and current % 10 == 0 and NUMBER_WORDS[word] < (10 if current < 100 else 100):
                current += NUMBER_WORDS[word]
            elif word == "hundred" and current < 100:
                current *= 100
            elif word in SCALE_WORDS and word != "hundred":
                total, current = total + current * SCALE_WORDS[word], 0
            elif word in FRACTION_WORDS and total == 0:
                return simplest(Fraction(current) / FRACTION_WORDS[word]), j + 1
            elif word == "and" and current >= 100 and j + 1 < stop and self.tokens[j + 1].lower() in NUMBER_WORDS:
                pass
            else:
                break
            j += 1
        return total + current, j
