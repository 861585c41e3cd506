"""Where the answer stands in a response: the last answer section's body, else by the marks models leave.

Order of marks (most explicit first): \\boxed{}, <answer>, "final answer is", "answer is" / "option is" / "choice is", its Korean
and Chinese forms, a lone letter on the last line, the last bold, the last sentence (right of its last "=").
Every span is in characters of the text as it was given.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Final, NamedTuple

from keystep.nouns import Span, noun
from keystep.verify.text import brace_end, last_match, level

# An answer longer than this is prose or a bomb; what is read of it is bounded by this.
MAX_ANSWER: Final = 1_000
_MAX_UNCLOSED: Final = 8
# So many places of an answer section are looked at for another answer.
_MAX_PLACES: Final = 24


class Found(NamedTuple):
    """One place where an answer is given.

    how: by which mark.  closed: something marks its end.  after: a box's unit outside it.  run_on: more text follows it.
    """

    text: str
    span: Span
    how: str
    closed: bool
    after: str = ""
    run_on: bool = False


@noun
class Extraction:
    """candidates: most explicit first; empty when no answer is given.

    also: other places of an answer section that give an answer too, for the rule that different answers earn nothing.
    text: all of the response, leveled.
    """

    candidates: tuple[Found, ...]
    also: tuple[Found, ...] = ()
    text: str = ""


_BOX: Final = re.compile(r"\\(?:boxed|fbox)\s*\{")
# '\\boxed{5}$ cm': a unit outside the box, but no word of the sentence that goes on.
_UNIT_AFTER: Final = re.compile(
    r"(?:\$|\\\))?[ ~]?(?:\\(?:text|mathrm)\{\s*)?(?!(?:in|at|as|an?|or|so|to|is|am|by|and)\b)([A-Za-z]+(?:\^\{?[23]\}?)?)\b"
)
_TAG: Final = re.compile(r"<answer>(.*?)(</answer>|$)", re.IGNORECASE | re.DOTALL)
_FINAL: Final = re.compile(r"final\s+answer\b[ \t*_]*(?:is\b[ \t*_]*:*|:+)[ \t:*_]*", re.IGNORECASE)
_ANSWER: Final = re.compile(
    r"(?:\bI(?:'d| would| will|'ll)? (?:choose|pick|select|go with)\b[ \t:*_]*"
    r"|\b(?:answer|choice|option|answers)\b[ \t*_]*(?:(?:is|are|was|would be|should be|must be)\b[ \t*_]*:*|:+|=)[ \t:*_]*"
    r"|\banswer\b[ \t]*(?=\\[\[(]|\$))",
    re.IGNORECASE,
)
_CJK: Final = re.compile(r"(?:정답은|정답|답은|답:|答案是|答案为|答案選|答案选|答案|選擇|选择|故选|应选|选项|選項|选)[ \t]*[:是为]?[ \t*]*")
_PHRASES: Final = (_FINAL, _ANSWER, _CJK)
# In ASCII text each match has one of these, so many characters at most after its beginning: found at the speed of a string search.
_ROOTS: Final = {_FINAL: ("final",), _ANSWER: ("answer", "choice", "option", "choose", "pick", "select", "go with"), _CJK: ()}
_BEFORE_ROOT: Final = 12
_LINE: Final = re.compile(r"[^\n]*\S[^\n]*")
_LONE_LETTER: Final = re.compile(r"[ \t*(\[\"']*([A-Za-z])[ \t*)\].\"']*")
# A reply that opens with its letter on a line of its own, and then explains.
_OPENING_LETTER: Final = re.compile(r"\s*((?:\*\*)?[(\[]?[A-Z][)\].]?(?:\*\*)?)[ \t]*\n")
_BOLD: Final = re.compile(r"\*\*([^*\n]+)\*\*")
_SPECIAL: Final = re.compile(r"<\|im_start\|>|<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|<\|end\|>|</s>|<eos>|<end_of_turn>", re.IGNORECASE)
_NEW_QUESTION: Final = re.compile(
    r"\n[ \t]*(?:#+[ \t]*|\*\*)?(?i:Question|Q|User|Human|Problem|Instruction|问题|질문)(?:[ \t]+\d+)?(?:\*\*)?[ \t]*:"
)
# Within a line: only after a sentence's or a formula's end, and with its capital.
_NEW_QUESTION_INLINE: Final = re.compile(r"(?:Question|Q|User|Human|问题|질문)(?:\*\*)?[ \t]*:")
_SPECIAL_TAIL: Final = re.compile(r"(?:\s|<\|[a-z_]{1,30}\|>|</s>|<eos>|<pad>|<end_of_turn>)$", re.IGNORECASE)
# Said after an answer, never part of one.
_CLOSER: Final = re.compile(
    r"(?:^|(?<=[.!?\s]))(?:I hope (?:it|this|that)|Hope this|Let me know|Please let me know|Feel free)[^\n]*$", re.IGNORECASE
)
_STOP: Final = re.compile(r"(?:[.!?]|\$\$|\\\])\s+(?=[A-Z$\\])|\s(?=(?:So|Thus|Therefore|Hence),? )")
_OPEN: Final = {"\\[": "\\]", "$$": "$$"}


def find(text: str, section: Span | None = None) -> Extraction:
    """All places where text gives an answer; in a section's body only, when there is one."""
    leveled = level(text)
    start, end = section if section is not None else (0, len(leveled))
    end = start + len(leveled[start:end].rstrip())
    while (tail := _SPECIAL_TAIL.search(leveled, max(start, end - 40), end)) is not None and tail.end() == end:
        end = start + len(leveled[start : tail.start()].rstrip())
    stop = _stop(leveled, start, end, in_section=section is not None)
    found = _search(leveled, start, stop, in_section=section is not None)
    places = tuple([c._replace(run_on=True) for c in found.candidates]) if stop < end else found.candidates
    return Extraction(places, found.also, leveled[:stop])


def _stop(text: str, start: int, end: int, *, in_section: bool) -> int:
    """Where the response is over: at a special token, or at a new question once an answer was given; end otherwise."""
    special = _SPECIAL.search(text, start, end)
    if special is not None and text[start : special.start()].strip():
        end = special.start()
    if _new_question(text, start, end) is None:
        return end
    answers = [m.end() for pattern in (*_PHRASES, _BOX, _TAG) if (m := pattern.search(text, start, end)) is not None]
    if in_section and (line := _LINE.search(text, start, end)) is not None:
        answers.append(line.start() + 1)
    answered = min(answers, default=None)
    question = _new_question(text, answered, end) if answered is not None else None
    return end if question is None else question


def _new_question(text: str, start: int, end: int) -> int | None:
    """Where the next question begins."""
    on_its_line = _NEW_QUESTION.search(text, start, end)
    end = end if on_its_line is None else on_its_line.start()
    for inline in _NEW_QUESTION_INLINE.finditer(text, start, end):
        if text[max(start, inline.start() - 9) : inline.start()].rstrip(" \t*").endswith((".", "!", "?", "}", ")", "$")):
            return inline.start()
    return None if on_its_line is None else end


def closes(line: str) -> bool:
    """Whether a line is one of those said after an answer ('I hope this helps.')."""
    return _CLOSER.match(line) is not None


def whole(text: str) -> Found:
    """The whole response as its answer."""
    return _found(level(text), 0, len(text), "whole")


def _search(text: str, start: int, end: int, *, in_section: bool) -> Extraction:
    marked = list(_marked(text, start, end))
    if in_section:
        return _section(text, start, end, marked)
    return Extraction(_followed(text, marked or _unmarked(text, start, end), end))


def _section(text: str, start: int, end: int, marked: list[Found]) -> Extraction:
    """The body of an answer section: its marked answer; else all of its lines, the first alone, or the last sentence.

    Every other place of it may give another answer.
    """
    lines = [m.span() for m in _LINE.finditer(text, start, end)]
    if not lines:
        return Extraction(())
    phrases = [pattern for pattern in _PHRASES if _may_stand(pattern, text, start, end)]
    first = _found(text, *_first_block(text, lines, end), "section")
    candidates, opening = [*marked, first], first
    if not marked and any(a >= first.span[1] for a, _ in lines):
        opening = first._replace(how="line")
        candidates = [opening, *_unmarked(text, start, end), first]
        if end - lines[0][0] <= MAX_ANSWER:
            candidates.insert(0, _found(text, lines[0][0], end, "body"))
    places = [
        *(() if _leads_in(text, *first.span, phrases) else (opening,)),
        *islice(_boxes(text, start, end), _MAX_PLACES),
        *[_found(text, *region, "answer") for pattern in phrases for region in _regions(text, pattern, start, end)],
        *[_found(text, a, b, "line") for a, b in lines[: 2 * _MAX_PLACES] if a >= first.span[1] and not _leads_in(text, a, b, phrases)],
    ]
    return Extraction(_followed(text, candidates, end), tuple(places[:_MAX_PLACES]))


def _followed(text: str, candidates: Iterable[Found], end: int) -> tuple[Found, ...]:
    """The candidates, told whether lines with words follow each."""
    return tuple([c._replace(run_on=True) if _goes_on(text, c.span[1], end) else c for c in candidates])


def _may_stand(pattern: re.Pattern[str], text: str, start: int, end: int) -> bool:
    """Whether a mark can stand there: in ASCII only where one of its roots does."""
    if not text.isascii():
        return True
    low = text[start:end].lower()
    return any(root in low for root in _ROOTS[pattern])


def _leads_in(text: str, a: int, b: int, phrases: Sequence[re.Pattern[str]]) -> bool:
    """Whether a line ends with one of the marks of what the next one says ('The answer is:')."""
    return any((m := last_match(pattern, text, a, b)) is not None and m.end() == b for pattern in phrases)


def _first_block(text: str, lines: list[Span], end: int) -> Span:
    """The first line, or the display formula or fenced block that it opens."""
    a, b = lines[0]
    opening = text[a:b].strip()
    closing = _OPEN.get(opening[:2])
    if closing is not None:
        at = text.find(closing, a + text[a:b].index(opening[:2]) + 2, end)
        if at >= 0:
            return a, at + 2
    return a, b


def _marked(text: str, start: int, end: int) -> Iterator[Found]:
    strong = []
    if (boxed := _last_boxes(text, start, end)) is not None:
        strong.append(boxed)
    tag = last_match(_TAG, text, start, end) if "<" in text else None
    if tag is not None and tag[1].strip():
        strong.append(_found(text, *tag.span(1), "tag", closed=bool(tag[2])))
    if (final := _last_region(text, _FINAL, start, end)) is not None:
        strong.append(_found(text, *final, "final answer"))
    # The last of them; a box within a final answer is the later of the two.
    yield from sorted(strong, key=lambda found: -found.span[0])
    for pattern in (_ANSWER, _CJK):
        if (region := _last_region(text, pattern, start, end)) is not None:
            yield _found(text, *region, "answer")


def _last_region(text: str, pattern: re.Pattern[str], start: int, end: int) -> Span | None:
    if text.isascii():
        low = text[start:end].lower()
        roots = [at for root in _ROOTS[pattern] if (at := low.find(root)) >= 0]
        if not roots:
            return None
        start = max(start, start + min(roots) - _BEFORE_ROOT)
    for match in reversed(list(pattern.finditer(text, start, end))):
        if (region := _region(text, match.end(), end)) is not None:
            return region
    return None


def _regions(text: str, pattern: re.Pattern[str], start: int, end: int) -> list[Span]:
    """What follows each of the first matches of a mark, up to the next match."""
    matches = [m.span() for m in islice(pattern.finditer(text, start, end), _MAX_PLACES)]
    found = []
    for (_, at), (stop, _) in pairwise([*matches, (end, end)]):
        if (region := _region(text, at, end)) is not None and region[0] < stop:
            found.append((region[0], min(region[1], stop)))
    return found


def _unmarked(text: str, start: int, end: int) -> Iterator[Found]:
    last_line = max(text.rfind("\n", start, end), start - 1) + 1
    if _LONE_LETTER.fullmatch(text, last_line, end) is not None:
        yield _found(text, last_line, end, "lone letter")
        return
    if (opening := _OPENING_LETTER.match(text, start, end)) is not None:
        yield _found(text, *opening.span(1), "lone letter")
        return
    bold = last_match(_BOLD, text, start, end)
    if bold is not None and bold.end() > last_line:
        yield _found(text, *bold.span(1), "bold", closed=True)
    a, b = _last_sentence(text, start, end)
    if a < b:
        yield _found(text, a, b, "last sentence")


def _region(text: str, at: int, end: int) -> Span | None:
    """From a mark to the end of its line, or the next line that says something, or the display formula that opens there."""
    end = min(end, at + 2 * MAX_ANSWER)  # the answer stands near its mark
    line_end = text.find("\n", at, end)
    line_end = end if line_end < 0 else line_end
    if not text[at:line_end].strip(" \t*_:."):
        while at < end and text[at] in " \t\n\r*_:.":
            at += 1
        line_end = text.find("\n", at, end)
        line_end = end if line_end < 0 else line_end
    if at >= end:
        return None
    closing = _OPEN.get(text[at : at + 2])
    if closing is not None:
        close = text.find(closing, at + 2, end)
        line_end = close + 2 if close >= 0 else line_end
    return at, line_end


def _boxes(text: str, start: int, end: int) -> Iterator[Found]:
    """Balanced, non-empty boxes from the last to the first; after so many that never close, no more are looked for."""
    unclosed = 0
    at = end
    while unclosed < _MAX_UNCLOSED and (at := max(text.rfind("\\boxed", start, at), text.rfind("\\fbox", start, at))) >= 0:
        match = _BOX.match(text, at, end)
        if match is None:
            continue
        close = brace_end(text, match.end() - 1, end)
        if close is None:
            unclosed += 1
        elif text[match.end() : close - 1].strip():
            outside = _UNIT_AFTER.match(text, close, end)
            yield _found(text, match.end(), close - 1, "boxed", closed=True)._replace(after=outside[1] if outside is not None else "")


def _last_boxes(text: str, start: int, end: int) -> Found | None:
    """The last balanced box, with those right before it that are joined to it by a comma, 'and' or 'or'."""
    chain: list[Found] = []
    for box in _boxes(text, start, end):
        if chain and (box.span[1] > chain[0].span[0] or not _joined(text[box.span[1] + 1 : chain[0].span[0] - len("\\boxed{")])):
            break
        chain.insert(0, box)
        if len(chain) == _MAX_PLACES:
            break
    if len(chain) <= 1:
        return chain[0] if chain else None
    return Found(", ".join(b.text for b in chain), (chain[0].span[0], chain[-1].span[1]), "boxed", closed=True)


def _joined(between: str) -> bool:
    words = re.findall(r"[A-Za-z]+", re.sub(r"\\(?:text|quad|qquad|[()\[\],;: ])", " ", between))
    if any(w.lower() in ("and", "or") for w in words):
        return len(words) <= 4
    return not words and not re.search(r"[\d=]", between) and ("\n" not in between or "," in between)


def _last_sentence(text: str, start: int, end: int) -> Span:
    """The last sentence of the last line that says something, without its lead-in up to the last '='."""
    while end > start and text[end - 1].isspace():
        end -= 1
    if (closer := _CLOSER.search(text, max(start, end - 200), end)) is not None and text[start : closer.start()].strip():
        end = closer.start()
        while end > start and text[end - 1].isspace():
            end -= 1
    a = max(text.rfind("\n", start, end), start - 1) + 1
    stops = [m.end() for m in _STOP.finditer(text, a, end)]
    return max(stops[-1] if stops else a, end - MAX_ANSWER), end


_WORD: Final = re.compile(r"[^\W\d_]{3}")


def _goes_on(text: str, at: int, end: int) -> bool:
    """Does more than the closing of the sentence follow the answer? (a new line with words)"""
    newline = text.find("\n", at, end)
    return newline >= 0 and _WORD.search(text, newline, end) is not None


def _found(text: str, a: int, b: int, how: str, *, closed: bool | None = None) -> Found:
    while a < b and text[a].isspace():
        a += 1
    while b > a and text[b - 1].isspace():
        b -= 1
    if closed is None:
        closed = b < len(text) or text[a:b].endswith((".", "!", "?", "**", "$", "\\)", "\\]", "}"))
    return Found(text[a:b][:MAX_ANSWER], (a, min(b, a + MAX_ANSWER)), how, closed)
