"""A response's sections: which grammar it speaks, and where each section's header and body stand.

Three grammars with sections, and 'plain' without:

    mulberry   ### Image Description: / ### Rationales: / ### Let's think step by step. / ### Step n: / ### The final answer is:
    think      <think> ... </think> <answer> ... </answer>                              (DeepSeek-R1)
    llava_cot  <SUMMARY> <CAPTION> <REASONING> <CONCLUSION>                               (LLaVA-CoT)
    plain      no header at all: no sections

Models write headers in many ways ('**Step 1:**', 'Step 1.', '### Final Answer:', a full-width colon, CRLF). A header is
*marked* when it carries '###', else *bare*. A bare line counts only where no marked header of its kind exists, so that
"The final answer is found by adding ..." inside a step is not mistaken for the answer section.

Offsets index the text as it was sent; nothing is rewritten.  Never raises, linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal

from keystep.nouns import Section, SectionKind, Span, Structure

# Tried at line starts. The last group's name is a SectionKind's value; `mark` is set for marked headers.
_MULBERRY: Final = re.compile(
    r"""
    ^[ \t>\u3000]*+                                  # indentation, quotation
    (?P<mark>[#＃]{1,6}[ \t\u3000]*+)?+
    (?P<bold>[*_]{1,3}+)?+
    (?:
        (?P<description>image[ \t]+descriptions?+)
      | (?P<rationale>rationales?+)
      | (?P<intro>(?:let['’]?s[ \t]+think[ \t]+)?step[ \t]+by[ \t]+step)
      | step[ \t]*+(?P<step>[0-9]{1,6})
      | (?P<answer>(?:the[ \t]+)?final[ \t]+answers?(?:[ \t]+is\b)?+|(?:the[ \t]+)?answer(?:[ \t]+is\b)?+(?=[ \t*_]*+(?:[:：]|$)))
    )
    # what closes a header; the bold marks and the dot of an answer ('**5**', '.5') are the body's own
    [ \t]*+(?(bold)[*_]{0,3}+)[ \t]*+(?(answer)[:：]*+|[:：.．)]*+)[ \t]*+(?(bold)[*_]{0,3}+)
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
# Where a line begins; in ASCII, where one begins as a header does.
_LINE: Final = re.compile(r"\n")
_LIKELY_LINE: Final = re.compile(
    r"\n(?=[ \t>#*_]|[iI][mM]|[rR][aA]|[lL][eE][tT]|[sS][tT][eE]|[fF][iI][nN]|[aA][nN][sS]|[tT][hH][eE][ \t]++[fFaA])"
)
_LITERAL: Final = re.compile(
    r"^\#\#\#[ ](?:(?P<description>Image[ ]Description:)|(?P<rationale>Rationales:)|(?P<intro>Let's[ ]think[ ]step[ ]by[ ]step\.)"
    r"|Step[ ](?P<step>[0-9]{1,6}):|(?P<answer>The[ ]final[ ]answer[ ]is:))",
    re.VERBOSE | re.MULTILINE,
)
_TAG: Final = re.compile(r"<(/?)(think|answer|summary|caption|reasoning|conclusion)>", re.IGNORECASE)
_TAG_KINDS: Final = {
    "think": SectionKind.STEP,
    "answer": SectionKind.ANSWER,
    "summary": SectionKind.RATIONALE,
    "caption": SectionKind.DESCRIPTION,
    "reasoning": SectionKind.STEP,
    "conclusion": SectionKind.ANSWER,
}
_THINK_TAGS: Final = frozenset({"think", "answer"})

# What a body may consist of and still be empty: white space, Markdown, dots and dashes.
_EMPTY_FILL: Final = " \t\r\n\f\v\u3000*_#>`-–—.:：…。"


def parse(text: str, grammar: Literal["auto", "mulberry_literal"] = "auto") -> Structure:
    """Divide a response into sections.

    'mulberry_literal' knows the exact Mulberry headers at line starts and nothing else. 'auto' takes, in this order:
    Mulberry when one of its marked section headers stands there, a tag grammar, Mulberry with bare headers, plain.
    """
    if grammar == "mulberry_literal":
        literal = _headers(_LITERAL, text)
        return Structure("mulberry", _sections(literal, text)) if literal else Structure("plain")

    headers = _headers(_MULBERRY, text)
    if any(marked and kind is not SectionKind.STEP for kind, _, _, marked in headers):
        return Structure("mulberry", _sections(headers, text))
    tagged = _tagged(text)
    if tagged is not None:
        return tagged
    # A lone "The final answer is 5." is how plain chains of thought end, not a structure.
    if any(kind is not SectionKind.ANSWER for kind, _, _, _ in headers):
        return Structure("mulberry", _sections(headers, text))
    return Structure("plain")


def is_empty(text: str, span: Span) -> bool:
    """Nothing stands there but white space, Markdown and dots."""
    return not text[span[0] : span[1]].strip(_EMPTY_FILL)


def outside_answers(structure: Structure, text: str) -> tuple[Span, ...]:
    """Where key steps may be found: everything but headers and answer sections."""
    if not structure.sections:
        return ((0, len(text)),) if text else ()
    first = structure.sections[0].header[0]
    spans = [(0, first)] if first else []
    spans.extend(s.body for s in structure.sections if s.kind is not SectionKind.ANSWER)
    return tuple((a, b) for a, b in spans if a < b)


def step_bodies(structure: Structure) -> tuple[Span, ...]:
    """The bodies of the steps, in order."""
    return tuple(s.body for s in structure.of(SectionKind.STEP))


_Header = tuple[SectionKind, Span, int | None, bool]


_KINDS: Final = {kind.value: kind for kind in SectionKind}


def _headers(pattern: re.Pattern[str], text: str) -> list[_Header]:
    found: list[_Header] = []
    for m in _at_line_starts(pattern, text):
        kind = _KINDS[m.lastgroup or ""]
        marked = pattern is _LITERAL or m["mark"] is not None
        if not marked and not _stands_alone(kind, m, text):
            continue
        number = int(m["step"]) if kind is SectionKind.STEP else None
        found.append((kind, m.span(), number, marked))
    marked_kinds = {h[0] for h in found if h[3]}
    return [h for h in found if h[3] or h[0] not in marked_kinds]


def _at_line_starts(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """What finditer would find: headers stand at line starts, so nothing else is tried."""
    lines = _LIKELY_LINE if text.isascii() else _LINE
    for at in (0, *[m.end() for m in lines.finditer(text)]):
        if (m := pattern.match(text, at)) is not None:
            yield m


def _stands_alone(kind: SectionKind, m: re.Match[str], text: str) -> bool:
    """A bare line is a header when punctuation or the line's end closes it ('Step 2 is hard' is prose)."""
    if kind is SectionKind.ANSWER and m["answer"].lower().endswith("is"):
        return True
    closes = text[m.end(kind.value) : m.end()]
    return any(c in ":：.．)*" for c in closes) or m.end() == len(text) or text[m.end()] in "\r\n"


def _sections(headers: list[_Header], text: str) -> tuple[Section, ...]:
    ends = [span[0] for _, span, _, _ in headers[1:]] + [len(text)]
    return tuple(Section(kind, span, (span[1], end), number) for (kind, span, number, _), end in zip(headers, ends, strict=True))


def _tagged(text: str) -> Structure | None:
    """think or llava_cot, by the first tag met; None without tags. A missing closing tag ends its section at the next tag."""
    tags = [(m.group(2).lower(), m.group(1) == "/", m.span()) for m in _TAG.finditer(text)]
    if not tags:
        return None
    think = tags[0][0] in _THINK_TAGS
    tags = [t for t in tags if (t[0] in _THINK_TAGS) == think]
    sections: list[Section] = []
    opened: tuple[str, Span] | None = None
    # Chat templates often put '<think>' into the prompt: the response then starts inside it.
    if tags[0][:2] == ("think", True):
        opened = ("think", (0, 0))
    for name, closes, span in tags:
        if opened is not None:
            sections.append(Section(_TAG_KINDS[opened[0]], opened[1], (opened[1][1], span[0])))
        opened = None if closes else (name, span)
    if opened is not None:
        sections.append(Section(_TAG_KINDS[opened[0]], opened[1], (opened[1][1], len(text))))
    last = tags[-1]
    # R1's own form: what follows </think> is the answer where no <answer> tag is used.
    if think and last[:2] == ("think", True) and not any(t[0] == "answer" for t in tags):
        sections.append(Section(SectionKind.ANSWER, last[2], (last[2][1], len(text))))
    return Structure("think" if think else "llava_cot", tuple(sections))
