"""Text made comparable: one character for one (spans stay true), LaTeX made plain, words folded."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

# Full-width ASCII, and the look-alikes that change nothing in length: minus signs, dashes, quotes, spaces, colons.
_ONE_FOR_ONE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_ONE_FOR_ONE |= dict.fromkeys(map(ord, "\u2212\u2010\u2011\u2012\u2013\u2014\u2015\ufe63"), ord("-"))
_ONE_FOR_ONE |= dict.fromkeys(
    map(ord, "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"), ord(" ")
)
_ONE_FOR_ONE |= dict.fromkeys(map(ord, "\u2018\u2019\u02bc"), ord("'"))
_ONE_FOR_ONE |= dict.fromkeys(map(ord, "\u201c\u201d"), ord('"'))
_ONE_FOR_ONE |= {0x3002: ord("."), 0x3001: ord(","), 0x2236: ord(":"), 0x00D7: ord("\u00d7"), 0x2044: ord("/"), 0x2215: ord("/")}


def level(text: str) -> str:
    """text with full-width and look-alike characters made ASCII, its length unchanged."""
    return text if text.isascii() else text.translate(_ONE_FOR_ONE)


_WRAPPED: Final = re.compile(
    r"\\(?:text|textbf|textit|textrm|textnormal|mathrm|mathbf|mathit|mathsf|mbox|operatorname|mathbb)\s*\{([^{}]*)\}"
)
_LATEX: Final = (
    (re.compile(r"\\(?:left|right|bigl?|bigr|Bigl?|Bigr|displaystyle|limits|quad|qquad)(?![A-Za-z])"), " "),
    (re.compile(r",\s*\\!\s*"), ","),  # 12,\! 345 is one number
    (re.compile(r"\\!"), ""),
    (re.compile(r"\\[,;: ]|~"), " "),
    (re.compile(r"\\[dtc]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\^\s*(?:\{\s*\\circ\s*\}|\\circ)|\\degree(?![A-Za-z])|\u00ba|\u63b3"), "\u00b0"),
    (re.compile(r"\\([%$#&_{}])"), r"\1"),
    (re.compile(r"\\(?:times|ast)(?![A-Za-z])|\u00d7"), "*"),
    (re.compile(r"\\(?:cdot|bullet)(?![A-Za-z])|\u00b7|\u22c5"), "*"),
    (re.compile(r"\\div(?![A-Za-z])|\u00f7"), "/"),
    (re.compile(r"\\le(?:q|qslant)?(?![A-Za-z])|\u2264"), "<="),
    (re.compile(r"\\ge(?:q|qslant)?(?![A-Za-z])|\u2265"), ">="),
    (re.compile(r"\\lt(?![A-Za-z])"), "<"),
    (re.compile(r"\\gt(?![A-Za-z])"), ">"),
    (re.compile(r"\\langle(?![A-Za-z])"), "<"),
    (re.compile(r"\\rangle(?![A-Za-z])"), ">"),
    (re.compile(r"\\neq?(?![A-Za-z])|!="), "\u2260"),
    (re.compile(r"\\pi(?![A-Za-z])"), "\u03c0"),
    (re.compile(r"(?<=[\u03c0\d)])\{\s*([A-Za-z]{2,})\s*\}"), r" \1"),  # 3\pi{inches}
    (re.compile(r"\\infty(?![A-Za-z])"), "\u221e"),
    (re.compile(r"\\mu(?![A-Za-z])|\u00b5"), "\u03bc"),
    (re.compile(r"\\Omega(?![A-Za-z])|\u2126"), "\u03a9"),
)
_FENCES: Final = (
    ("$$", "$$"),
    ("$", "$"),
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    ("**", "**"),
    ("__", "__"),
    ("`", "`"),
    ('"', '"'),
    ("'", "'"),
    ("\u300c", "\u300d"),
)
# Units in one character (㎝, ㎡, ㎏), as Korean and Chinese texts write them.
_SQUARED: Final = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0x3380, 0x33E0)}
_BOXED: Final = re.compile(r"\\(?:boxed|fbox)\s*\{")
_BRACE: Final = re.compile(r"\\.|[{}]", re.DOTALL)
# How many layers of fences are taken off before what is left is taken as it is.
_MAX_FENCES: Final = 40
_FACTORIAL: Final = re.compile(r"(?:[\d\s+*/^(){}-]|\b[a-z]\b)*(?:[\d)}]|\b[a-z])!")
# Korean: 'it is', right after the answer.
_COPULA: Final = re.compile(r"\s?(?:입니다|이에요|예요)$")
_SPACES: Final = re.compile(r"\s+")
# Words and figures with nothing around them that could come off.
_BARE_ALREADY: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 %/+=,.:-]*[A-Za-z0-9%])?")


def bare(text: str) -> str:
    """text without the fences it stands in ($..$, \\(..\\), \\boxed{..}, **..**, quotes) and without closing punctuation."""
    if _BARE_ALREADY.fullmatch(text):
        return text
    for _ in range(_MAX_FENCES):
        before, text = text, _balanced(text.strip())
        closed = text.rstrip(".,;:!? ") if _FACTORIAL.fullmatch(text) is None else text
        text = text[: len(closed) + 1] if closed.endswith("\\") else closed
        if not text.isascii():
            text = _COPULA.sub("", text)
        for opening, closing in _FENCES:
            if not text.startswith(opening):
                continue
            inner = text[len(opening) : -len(closing)]
            if opening == "$":
                inner = inner.replace("\\$", "")  # a dollar of money within is no fence
            if len(text) > len(opening) + len(closing) and text.endswith(closing) and opening not in inner:
                text = text[len(opening) : -len(closing)]
                break
        boxed = _BOXED.match(text)
        if boxed is not None and brace_end(text, boxed.end() - 1, len(text)) == len(text):
            text = text[boxed.end() : -1]
        if text == before:
            break
    return text


def _half_open(text: str) -> bool:
    """'[0, 1)', '[0, 1) U (1, 2)': intervals, which close what they open."""
    return "," in text and sum(map(text.count, "([")) == sum(map(text.count, ")]"))


def _balanced(text: str) -> str:
    """text without a closing mark at its end whose opening it lacks ('I} \\]', 'B**'), or an opening at its start."""
    for closing, opening in (("\\]", "\\["), ("\\)", "\\("), ("}", "{"), (")", "(")):
        if text.endswith(closing) and text.count(closing) > text.count(opening) and not text.endswith("\\" + closing):
            if closing == ")" and _half_open(text):
                continue
            return text[: -len(closing)].rstrip()
    for mark in ("**", "$", "`"):
        if (text.count(mark) - (text.count("\\$") if mark == "$" else 0)) % 2 == 1:
            if text.endswith(mark):
                return text[: -len(mark)].rstrip()
            if text.startswith(mark) and not (mark == "$" and text[1:2].isdigit()):
                return text[len(mark) :].lstrip()
    if text[-1:] in "'\"" and text.count(text[-1:]) % 2 == 1 and text[-2:-1].isalpha():
        return text[:-1]
    return text


def last_match(pattern: re.Pattern[str], text: str, start: int, end: int) -> re.Match[str] | None:
    """The last of a pattern's matches."""
    last = None
    for last in pattern.finditer(text, start, end):  # noqa: B007  (the loop is for where it ends)
        pass
    return last


def brace_end(text: str, start: int, end: int) -> int | None:
    """Where the group that opens at text[start] == '{' ends (exclusive); None when it never does. A backslash escapes."""
    depth = 0
    for match in _BRACE.finditer(text, start, end):
        if match[0] == "{":
            depth += 1
        elif match[0] == "}":
            depth -= 1
            if depth == 0:
                return match.end()
    return None


@lru_cache(maxsize=2048)
def plain(text: str) -> str:
    """text as one would type it: fences, font commands and spacing commands gone, operators ASCII, spaces single."""
    text = bare(level(text))
    if not text.isascii():
        text = text.translate(_SQUARED)
    if "\\" in text or "{,}" in text or "~" in text or not text.isascii():
        while (unwrapped := _WRAPPED.sub(r" \1 ", text)) != text:
            text = unwrapped
        for pattern, replacement in _LATEX:
            text = pattern.sub(replacement, text)
    return bare(_SPACES.sub(" ", text))


_ARTICLES: Final = re.compile(r"\b(?:the|a|an)\b")
_NOT_WORD: Final = re.compile(r"[^\w\s.%/+<>=^*-]|(?<!\d)\.|\.(?!\d)|(?<=[^\W\d])-(?=[^\W\d])|(?<!\w)-(?!\d)|-(?!\w)|_")


@lru_cache(maxsize=2048)
def fold(text: str) -> str:
    """text for comparing as words: case, accents' composition, articles, punctuation and plural endings aside."""
    text = unicodedata.normalize("NFC", plain(text)).casefold()
    words = _ARTICLES.sub(" ", _NOT_WORD.sub(" ", text)).split() or _NOT_WORD.sub(" ", text).split()
    return " ".join(_ABBREVIATED.get(word.rstrip(".")) or _singular(word) for word in words)


_ABBREVIATED: Final = {
    "jan": "january", "feb": "february", "mar": "march", "apr": "april", "jun": "june", "jul": "july", "aug": "august", "sep": "september",
    "sept": "september", "oct": "october", "nov": "november", "dec": "december",
    "mon": "monday", "tue": "tuesday", "tues": "tuesday", "wed": "wednesday", "thu": "thursday", "thur": "thursday", "thurs": "thursday", "fri": "friday",
}  # fmt: skip


def _singular(word: str) -> str:
    """An English plural ending off; only ever used on both sides of a comparison."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word
