"""Yes or no: a reply says one of them as a reply, not as a word of its prose ('there is no direct mention')."""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from keystep.verify.text import plain


class Reading(Enum):
    YES = auto()
    NO = auto()
    BOTH = auto()
    NEITHER = auto()


_YES: Final = r"yes|yeah|yep|true|예|네|맞습니다|참|是|是的|对|正确"
_NO: Final = r"no|nope|false|아니요|아니오|아닙니다|거짓|否|不是|不对|不|错误|错"
_WORD: Final = re.compile(rf"(?:(?P<yes>{_YES})|(?P<no>{_NO}))(?![\w'])", re.IGNORECASE)
_LEAD: Final = re.compile(
    r"[\W_]*(?:(?:so|thus|therefore|hence)[\s,]+)?(?:(?:the|my|correct|final)\s+)*(?:(?:answer|statement|claim)\s*(?:is|:)?[\s:]*|(?:it|this|that)\s+is\s+)?[\W_]*",
    re.IGNORECASE,
)
# 'No line is longer', 'true that ...': words of the sentence, no reply.
_DETERMINER: Final = re.compile(
    r"no\s+(?!(?:it|its|they|the|this|that|these|those|there|i|he|she|we|you|because|since|both|not|and|but|or|in|as|according|based)\b)[a-z]"
    r"|(?:true|false)\s+[a-z]",
    re.IGNORECASE,
)
# 'So, yes, ...', '..., no, ...', '... is yes.': a reply set off from its sentence.
_SET_OFF: Final = re.compile(
    rf"(?:(?:^|[.;:!?,][\"']?\s*)(?:so|thus|hence|therefore|then)?,?\s*|\b(?:is|would be)\s*:?\s*[\"'*]*)(?:(?P<yes>{_YES})|(?P<no>{_NO}))\s*(?=[,.;:!\"'*]|$)",
    re.IGNORECASE,
)


def read(answer: str) -> Reading:
    """The reply answer opens with, else the one it sets off; BOTH and NEITHER decide nothing."""
    text = plain(answer)
    lead = _LEAD.match(text)
    opening = _WORD.match(text, lead.end() if lead is not None else 0)
    if opening is not None and _DETERMINER.match(text, opening.start()) is not None:
        opening = None
    if opening is not None:
        other = "no" if opening["yes"] else "yes"
        rest = text[opening.end() :]
        if re.match(r"\s*(?:/|or|and|and/or|,?\s*but)\s*(?:yes|no|true|false)\b", rest, re.IGNORECASE):
            return Reading.BOTH
        if any(m[other] for m in _SET_OFF.finditer(rest)):
            return Reading.BOTH
        return Reading.YES if opening["yes"] else Reading.NO
    replies = list(_SET_OFF.finditer(text))
    said = {m["no"] is None for m in replies}
    if len(said) == 1:
        return Reading.YES if True in said else Reading.NO
    # 'Pacific: no, ... Arctic: yes, ...': replies to parts of the question, from which only a reader can tell.
    return Reading.BOTH if len({m["no"] is None for m in replies if m[0][0] != ":"}) > 1 else Reading.NEITHER
