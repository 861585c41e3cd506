"""Key steps from a reference by rule: offline, deterministic, no model.

Per section of the reference: calculator marks where it has them, else the equations and symbolic facts its sentences state,
else the sentence itself cut down to the words that carry it. "Let's think step by step" and the final answer are left out,
as in the paper (R1-VL, arXiv 2503.12937, section 3.2, and its supplement on key-step extraction).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from keystep.core.canonical import fold, tokenize
from keystep.core.equations import Equation, Fact, fact_keys, read
from keystep.core.expressions import provenance, render
from keystep.core.lexer import lex
from keystep.core.reading import Reading, Sentence
from keystep.core.words import CONTENT, NAMED, NUMERAL, words
from keystep.nouns import KeyStep

# Raise when any reference would give other key steps: the version is part of the cache's key.
VERSION = "2"

MAX_KEY_STEPS = 32
MAX_REFERENCE = 20_000  # characters read
# Text key steps a section may give; equations are not limited.
MAX_TEXT = {"description": 3, "rationale": 2, "step": 2}
MIN_WORDS, MAX_WORDS = 2, 12

_MARK = re.compile(r"<<([^<>\n]{1,200})>>")
_HEADER = re.compile(
    r"^[ \t]*+(?:#{1,4}[ \t]*+)?+\**+[ \t]*+(?:(?P<description>image description|caption)|(?P<rationale>rationales?|summary)|(?P<intro>let'?s think[^\n:]*)"
    r"|(?P<step>step[ \t]*\d+)|(?P<answer>(?:the )?final answer(?: is)?|answer|conclusion))[ \t]*+[:.]\**+[ \t]*+",
    re.IGNORECASE | re.MULTILINE,
)
_ANSWER_LINE = re.compile(
    r"^[ \t]*+(?:####|A:|(?:so |thus |therefore |hence )?,?[ \t]*+the (?:final )?answer is).*$", re.IGNORECASE | re.MULTILINE
)
_OPENING = re.compile(
    r"^\W*(?:(?:so|then|thus|hence|therefore|now|next|first|finally|also|and|but|since|because|we (?:can )?(?:see|know|note|observe|find|get|have) that|it is (?:clear|given) that|note that|the image shows|this means(?: that)?|this gives)\b[,:]?\s*)+",
    re.IGNORECASE,
)
_META = re.compile(
    r"\b(?:we (?:need|want|have|are asked) to|the question asks|let(?:'s| us)|find the|identify|determine|calculate|consider|look at)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class _Part:
    kind: str
    text: str


def extract(question: str, reference: str) -> tuple[KeyStep, ...]:
    """The key steps of a reference, in its order, each once; empty when it has none. A pure function of its arguments."""
    out: dict[object, KeyStep] = {}
    for part in _parts(reference[:MAX_REFERENCE]):
        marks = _MARK.findall(part.text)
        if marks:
            for mark in marks:
                _mark(mark, out)
            continue
        _sentences(part, question, out)
    return tuple(out.values())[:MAX_KEY_STEPS]


def _parts(reference: str) -> list[_Part]:
    """The sections of a reference; one 'step' when it has no headers. The answer is left out."""
    headers = list(_HEADER.finditer(reference))
    if not any(h.lastgroup in ("step", "description", "rationale") for h in headers):
        return [_Part("step", line) for line in _ANSWER_LINE.sub("", reference).splitlines() if line.strip()]
    out = [_Part("step", reference[: headers[0].start()])]
    for at, header in enumerate(headers):
        end = headers[at + 1].start() if at + 1 < len(headers) else len(reference)
        kind = header.lastgroup or "step"
        if kind not in ("intro", "answer"):
            out.append(_Part(kind, _ANSWER_LINE.sub("", reference[header.end() : end])))
    return [part for part in out if part.text.strip()]


def _mark(mark: str, out: dict[object, KeyStep]) -> None:
    text = mark.strip()
    if text:
        out.setdefault(text.replace(" ", ""), KeyStep(text))


def _sentences(part: _Part, question: str, out: dict[object, KeyStep]) -> None:
    texts = 0
    reading = Reading(part.text, [(0, len(part.text))])
    for at, (start, end) in enumerate(reading.bounds):
        sentence = reading.sentence(at)
        if _equations(sentence, out) or _facts(sentence, out):
            continue
        if texts < MAX_TEXT[part.kind]:
            step = _statement(part.text[start:end], question)
            if step is not None:
                out.setdefault(step.text.lower(), step)
                texts += 1


def _equations(sentence: Sentence, out: dict[object, KeyStep]) -> bool:
    found = False
    for equation in sentence.relations.equations:
        if not equation.true:
            continue
        found = True
        text = f"{render(equation.tree)} = {render(equation.result)}"
        compact = text.replace(" ", "")
        left, _, right = compact.partition("=")
        if left == right:
            continue  # 1/3 = 1/3 derives nothing
        written = sentence.source(equation.first, equation.last)
        forms = tuple(dict.fromkeys(f for f in (compact, written) if f != text and (f == compact or _states(f, equation))))
        out.setdefault((provenance(equation.tree), equation.result), KeyStep(text, forms))
    return found


def _states(written: str, equation: Equation) -> bool:
    """Whether an equation as it was written still says the same, read by itself."""
    own = provenance(equation.tree)
    return any(e.true and e.result == equation.result and provenance(e.tree) == own for e in read(lex(tokenize(fold(written)))).equations)


def _facts(sentence: Sentence, out: dict[object, KeyStep]) -> bool:
    found = False
    for fact in sentence.relations.facts:
        keys = fact_keys(fact)
        if fact.relation in ("=", "\u2248", "is") and keys:
            found = True
            written = sentence.source(fact.first, fact.last)
            out.setdefault(("fact", frozenset(keys)), KeyStep(_fact_text(fact), (written,) if written != _fact_text(fact) else ()))
    return found


def _fact_text(fact: Fact) -> str:
    return f"{render(fact.left)} = {render(fact.right)}"


def _statement(text: str, question: str) -> KeyStep | None:
    """A sentence as a key step: its first clause that says something the question did not, connectives cut."""
    for clause in re.split(r"[,;](?=\s)", _OPENING.sub("", text.strip())):
        clean = _OPENING.sub("", clause.strip()).strip(" .:!*\"'\n")
        if clean.endswith("?") or _META.search(clean) or clean.lower() in question.lower():
            continue
        found = words(tokenize(clean))
        weight = sum(w.kind in (CONTENT, NAMED, NUMERAL) for w in found)
        if MIN_WORDS <= weight <= MAX_WORDS and len(clean.split()) <= 2 * MAX_WORDS:
            return KeyStep(clean)
    return None
