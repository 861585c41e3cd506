"""The hardened verdict on one response, up to symbolic comparison: extract, read, decide.

judge() returns an Outcome where it could prove one, or a Pending: a gold and an answer for math-verify, with what becomes of its
yes or no. A pure function of its arguments.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from typing import Final

from keystep.core import structure as structure_parser
from keystep.nouns import Flag, Outcome, Question, Reason, SectionKind, Span, Structure, noun
from keystep.recipe import Recipe
from keystep.verify import bounds, closed, compare, extract, kinds, number, offers, policies, quantities, sequences, units
from keystep.verify.case import Case, State
from keystep.verify.extract import Extraction, Found
from keystep.verify.profiles import PROFILES, Profile
from keystep.verify.reading import readings
from keystep.verify.text import fold, last_match, level, plain


@noun
class Pending:
    """What symbolic comparison has to say yes or no to; rounding: decimal places."""

    gold: str
    answer: str
    rounding: int
    right: Outcome
    wrong: Outcome


_BITS: Final = {"1": "yes", "0": "no"}
_NUMBERISH: Final = re.compile(
    r"(?<![A-Za-z])\d|\b(?:none|no|dozen|pair|couple|half|double|twice|triple|single|quarter|third|zero|one|two|three|four|five|six|seven|eight"
    r"|nine|ten|eleven|twelve|\w+teen|twenty|thirty|\w+ty|hundred|thousand|million|[ivxlc]{2,})\b|[^\W\d_a-zA-Z]",
    re.IGNORECASE,
)
_DENIAL: Final = re.compile(r"\W*not\b", re.IGNORECASE)
_NUMERALS: Final = re.compile(r"(?<![\w.])-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
_ONLY: Final = re.compile(r"(?<![\w.])[$€£]?-?(?:\d[\d,]*(?:\.\d+)?|\.\d+)(?:\s?(?:%|°|[A-Za-z]+[23²³]?(?:/[A-Za-z]+)?))?")
# Words beside a numeral that may mean another number.
_HEDGED: Final = re.compile(
    r"\b(?:not|no|never|less|more|least|most|greater|fewer|over|under|between|up|above|below|or|either|maybe|perhaps|except|minus|negative|plus"
    r"|half|halves|double|twice|triple|thirds?|quarters?|\w+ths|dozens?|times|squared?|cubed?|root|factorial|almost|nearly|short|sin|cos|tan|log|ln)\b|n't|负|負|마이너스|영하",
    re.IGNORECASE,
)


def judge(question: Question, text: str, structure: Structure | None, recipe: Recipe, *, truncated: bool) -> Outcome | Pending:
    """The outcome of one response, or what must be compared symbolically to know it."""
    if question.answer is None or not question.answer.strip():
        return Outcome(None, reasons=(Reason.NO_REFERENCE_ANSWER,))
    profile = PROFILES[question.profile] if question.profile else None
    found = _extract(text, structure, recipe, profile)
    if not found.candidates:
        return Outcome(0.0, reasons=(Reason.NO_ANSWER,))
    case = _case(question.answer, question.answer_type, question.precision, question.choices, question.text, profile)
    if case.kind == kinds.YES_NO and found.candidates[0].how in ("bold", "last sentence"):
        found = Extraction((extract.whole(text),))  # the reply opens the text; its last sentence explains
    judged, place = _decide(case, found, recipe)
    return _in_place(judged, place, recipe, truncated=truncated)


def _in_place(judged: Outcome | Pending, place: Found, recipe: Recipe, *, truncated: bool) -> Outcome | Pending:
    """The verdict on an answer that the end of sampling cut, or that more text follows, as the recipe has it."""
    cut = truncated and not place.closed
    if cut and recipe.on_truncation == "no_answer":
        return Outcome(0.0, reasons=(Reason.NO_ANSWER, Reason.TRUNCATED_ANSWER), flags=(Flag.TRUNCATED,))
    if place.run_on and recipe.on_run_on == "no_answer":
        return Outcome(0.0, reasons=(Reason.NO_ANSWER,), flags=(Flag.RUN_ON,))
    flags = (*((Flag.RUN_ON,) if place.run_on else ()), *((Flag.TRUNCATED,) if cut else ()))
    if isinstance(judged, Outcome):
        return _flagged(judged, flags)
    return replace(judged, right=_flagged(judged.right, flags), wrong=_flagged(judged.wrong, flags))


def _flagged(outcome: Outcome, flags: tuple[Flag, ...]) -> Outcome:
    return replace(outcome, flags=(*flags, *outcome.flags)) if flags else outcome


def _extract(text: str, structure: Structure | None, recipe: Recipe, profile: Profile | None) -> Extraction:
    if structure is None:
        structure = structure_parser.parse(text, recipe.grammar)
    sections = structure.of(SectionKind.ANSWER)
    if sections:
        found = extract.find(text, sections[-1].body)
        if found.candidates or profile is None:
            return found
    elif structure.sections and profile is None:
        return Extraction(())
    if profile is None:
        return extract.find(text)
    for pattern in profile.marks:
        last = last_match(pattern, text, 0, len(text))
        if last is not None:
            at: Span = last.span(1)
            return Extraction((Found(last[1].strip()[: extract.MAX_ANSWER], at, "mark", closed=at[1] < len(text)),))
    return Extraction(()) if profile.marks_only else extract.find(text)


@lru_cache(maxsize=512)  # the rollouts of a group have one question
def _case(
    answer: str, answer_type: str, precision: int | None, choices: tuple[str, ...] | None, question: str, profile: Profile | None
) -> Case:
    kind = kinds.NAMES.get(answer_type.strip().lower(), "auto")
    if kind == "auto" and profile is not None and profile.kind is not None:
        kind = profile.kind
    gold = _gold(answer)
    if kind == kinds.YES_NO and gold in _BITS:
        gold = _BITS[gold]
    gold, name = _unnamed(gold)
    chosen = kinds.of(gold, choices, question)
    # A named type the gold cannot be read as is overruled: a 'float' whose gold is '3:2' is compared as the ratio it is.
    if (
        kind == "auto"
        or (kind == kinds.NUMBER and number.parse(gold) is None)
        or (kind != chosen and kind not in (kinds.CHOICE, kinds.TEXT, kinds.ANLS, kinds.YES_NO))
        or (kind == kinds.TEXT and chosen not in (kinds.CHOICE, kinds.EXPRESSION, kinds.YES_NO))
    ):
        kind = chosen
    relative, absolute = (profile.relative, profile.absolute) if profile is not None else (None, None)
    if precision is None:
        precision = _precision_asked(question, gold)
    return Case(gold, kind, question, choices, precision, name, relative, absolute)


_PLACES: Final = {"one": 1, "two": 2, "three": 3, "four": 4, "tenth": 1, "hundredth": 2, "thousandth": 3}
_ASKED_PLACES: Final = re.compile(r"\b(one|two|three|four|[1-4]) decimal places?\b|\bnearest (tenth|hundredth|thousandth)\b", re.IGNORECASE)


def _precision_asked(question: str, gold: str) -> int | None:
    """Decimal places the question asks for, where the gold has just as many."""
    match = _ASKED_PLACES.search(question)
    if match is None:
        return None
    said = (match[1] or match[2]).lower()
    places = int(said) if said.isdigit() else _PLACES[said]
    parsed = number.parse(gold)
    return places if parsed is not None and parsed.places == places else None


def _unnamed(gold: str) -> tuple[str, str | None]:
    """'Area = 9 cm' asks for 9 cm, and 'y = -3' for -3 (of y, and no other): (value, name) where the value is a plain one."""
    named = kinds.assignment(gold)
    if named is not None:
        name, value = named
        if number.parse(value) or sequences.ratio(value) or sequences.read(value):
            return value, name
        if re.search(r"[A-Za-z]{3}", name) and kinds.is_formula(units.split(value)[0]):
            return value, None
    return gold, None


def _gold(gold: str) -> str:
    """A gold that is a worked solution is read like a response; any other is itself.

    Backslashes that were doubled are one again, and so is an answer that was written on several lines.
    """
    gold = "\n".join(dict.fromkeys(gold.split("\n")))
    if "\\\\" in gold and "\\begin" not in gold:
        gold = re.sub(r"\\\\(?=[A-Za-z])", r"\\", gold)
    if "\\boxed" in gold or len(gold) > 200:
        found = extract.find(gold)
        if found.candidates and found.candidates[0].how in ("boxed", "tag", "final answer"):
            ways = readings(found.candidates[0].text)
            return next((way for way in ways if kinds.is_formula(way)), found.candidates[0].text)
    return gold.strip().removeprefix("\\boxed{")  # one that never closes


def _decide(case: Case, found: Extraction, recipe: Recipe) -> tuple[Outcome | Pending, Found]:
    """What the most explicit readable place says, and that place."""
    top = found.candidates[0]
    if case.kind not in (kinds.TEXT, kinds.ANLS) and (bounds.is_code(top.text) or bounds.oversized(top.text)):
        return _too_complex(case, top), top
    for candidate in found.candidates:
        if candidate is not top and candidate.span[0] < top.span[0]:
            continue  # an earlier, less explicit mark does not stand in for an unreadable one
        sure = _sure(case, candidate)
        # A yes or no is looked for in the whole of its place, words of doubt and all.
        judged = _read(case, candidate if sure is None or case.kind == kinds.YES_NO else sure, found, recipe)
        if judged is not None:
            return (judged if sure is None else _hedged(judged, recipe)), candidate
    judged = _unreadable(case, top, recipe)
    return (judged if _sure(case, top) is None else _hedged(judged, recipe)), top


def _sure(case: Case, place: Found) -> Found | None:
    """A hedging place without its words of doubt; None where it does not hedge."""
    sure = policies.without_doubt(place)
    return None if sure is None or any(map(policies.doubtful, compare.wanted(case))) else sure


def _read(case: Case, candidate: Found, found: Extraction, recipe: Recipe) -> Outcome | Pending | None:
    """What one place says; None when it says nothing of the gold's type."""
    symbolic: str | None = None
    for reading in _ways(case, candidate):
        state = compare.decide(case, reading)
        if state is State.SYMBOLIC:
            symbolic = symbolic or reading
        elif state is not State.UNREADABLE:
            return _outcome(case, state, candidate, reading, found, recipe)
    offered = offers.beside(case, State.UNREADABLE, found.text, candidate)
    if offered is not None:
        return _outcome(case, offered, candidate, candidate.text, found, recipe)
    if symbolic is not None:
        return _pending(case, candidate, symbolic, found, recipe)
    for reading in _only_number(case, candidate.text) if candidate.how not in ("line", "body") else ():
        return _outcome(case, compare.decide(case, reading), candidate, reading, found, recipe)
    return None


def _hedged(judged: Outcome | Pending, recipe: Recipe) -> Outcome | Pending:
    """A hedged answer that would be right is as the recipe has it; one that is wrong is wrong."""
    if isinstance(judged, Pending):
        return replace(judged, right=_hedge(judged.right, recipe), wrong=_flagged(judged.wrong, (Flag.HEDGED,)))
    return _hedge(judged, recipe)


def _hedge(outcome: Outcome, recipe: Recipe) -> Outcome:
    if Flag.HEDGED in outcome.flags:
        return outcome
    if outcome.value != 1.0 or recipe.on_hedging == "read":
        return _flagged(outcome, (Flag.HEDGED,))
    return policies.settle(outcome, recipe.on_hedging, recipe, flags=(Flag.HEDGED,))


def _ways(case: Case, candidate: Found) -> tuple[str, ...]:
    """The readings of a place: of one line among several, only as it stands.

    A yes or no is looked for in the whole of its place: 'there is no sign' says no 'no'.
    """
    ways = _joined(candidate.text) if candidate.how == "body" else readings(candidate.text)
    if candidate.how == "line":
        ways = ways[:1]
    if candidate.how != "boxed" and ways and ways[0].endswith("!"):
        ways = (*ways, ways[0].rstrip("!"))  # an exclamation, unless it is read as a factorial
    if candidate.how == "boxed" and candidate.after and case.kind == kinds.NUMBER and units.measure(candidate.after) is not None:
        return tuple([f"{way} {candidate.after}" for way in ways])
    if case.kind in (kinds.SEQUENCE, kinds.INTERVAL):
        ways = tuple(dict.fromkeys((*ways, *[_BRACKETED.sub("", way) for way in ways])))
    return ways[:1] if case.kind == kinds.YES_NO else ways


_BULLET: Final = re.compile(r"\s*(?:[-*•]|\d{1,2}[.)])\s+(?=\S)")
_SENTENCES: Final = re.compile(r"[.!?]\s+\S")
# Where two lines are two: numeral to numeral, or a new sentence after one that does not lead in to it.
_APART: Final = re.compile(r"\d\n[\d.]|(?<!\bis)(?<!\bare)(?<![:=,])\n[A-Z][a-z']+ ")


def _joined(body: str) -> tuple[str, ...]:
    """The readings of several lines as one answer: run together where they may be, and as a row."""
    lines = [line.strip() for line in level(body).splitlines() if line.strip()]
    if all(_BULLET.match(line) is not None for line in lines):
        lines = [_BULLET.sub("", line, count=1) for line in lines]
    run, row = " ".join(lines), ", ".join(line.rstrip(",;") for line in lines)
    if _APART.search("\n".join(lines)) is not None:
        return (row,)
    return (*((run,) if _SENTENCES.search(run) is not None else readings(run)), row)


# What people call a thing in brackets.
_BRACKETED: Final = re.compile(
    r"^(?:the\s+)?(?:(?:open|closed|half-open|ordered|solution)\s+)?(?:interval|range|set|list|point|pair|triple|tuple)\s+(?=[$\\(\[{])",
    re.IGNORECASE,
)


def _only_number(case: Case, text: str) -> tuple[str, ...]:
    """The one numeral of a sentence that neither hedges nor denies, with its unit and without."""
    found = [m[0] for m in _ONLY.finditer(level(text))]
    if re.search(r"[^\W\d_]{2}", text) is None or re.search(r"[\^*!/=+_\\]", text) is not None:
        return ()  # a formula, not a sentence
    if case.kind != kinds.NUMBER or len(found) != 1 or _HEDGED.search(text) is not None or len(text) > 300:
        return ()
    parsed = number.parse(found[0])
    known = parsed is not None and (parsed.unit in ("", "%") or units.measure(parsed.unit) is not None)
    return (found[0],) if known else tuple(_NUMERALS.findall(found[0]))


def _outcome(case: Case, state: State, candidate: Found, reading: str, found: Extraction, recipe: Recipe) -> Outcome:
    answer, span = _shown(reading, candidate)
    outcome = Outcome(1.0 if state in (State.RIGHT, State.DOUBTED) else 0.0, answer, span, case.kind, case.kind)
    if state is State.JUDGE:
        return policies.settle(replace(outcome, method="text"), "judge", recipe)
    if state in (State.SEVERAL, State.DOUBTED):
        return _among(outcome, state, recipe)
    if state is State.CONFLICT or _contradicted(case, state, candidate, found):
        return _conflict(outcome, recipe)
    return _among(outcome, offers.beside(case, state, found.text, candidate), recipe)


def _among(outcome: Outcome, offered: State | None, recipe: Recipe) -> Outcome:
    """The outcome of an answer beside which another is offered, as the recipe has it; as it was where none is."""
    if offered is State.SEVERAL:
        return policies.settle(outcome, recipe.on_enumeration, recipe, Reason.SEVERAL_ANSWERS, flags=(Flag.SEVERAL_ANSWERS,))
    if offered is State.DOUBTED:
        return _hedge(outcome, recipe)
    if offered is State.JUDGE:
        return policies.settle(outcome, "judge", recipe, flags=(Flag.SEVERAL_ANSWERS,))
    return outcome


def _conflict(outcome: Outcome, recipe: Recipe) -> Outcome:
    flags = (Flag.SEVERAL_ANSWERS, Flag.CONFLICTING_ANSWERS)
    return policies.settle(outcome, recipe.on_conflict, recipe, Reason.SEVERAL_ANSWERS, flags=flags)


def _contradicted(case: Case, state: State, candidate: Found, found: Extraction) -> bool:
    """Does another place of the answer section give another answer, one right and one wrong?"""
    (a, b) = candidate.span
    return any(_stated(case, other) not in (state, None) for other in found.also if other.span[1] <= a or b <= other.span[0])


def _stated(case: Case, place: Found) -> State | None:
    """What a place says as an answer: RIGHT or WRONG, None when it gives none. A line of prose gives none."""
    for way in _ways(case, place):
        state = compare.decide(case, way)
        if state in (State.RIGHT, State.WRONG):
            return state
        if state is State.SYMBOLIC and _differ(case, *compare.sides(case, way)):
            return State.WRONG
    if case.kind == kinds.TEXT and len(place.text.split()) <= 4 and not extract.closes(place.text):
        return State.WRONG
    return None


def _pending(case: Case, candidate: Found, reading: str, found: Extraction, recipe: Recipe) -> Outcome | Pending:
    answer, span = _shown(reading, candidate)
    if bounds.too_complex(reading):
        return _too_complex(case, candidate)
    gold, formula = compare.sides(case, reading)
    right = Outcome(1.0, answer, span, case.kind, "symbolic")
    wrong = replace(right, value=0.0)
    if _contradicted(case, State.WRONG, candidate, found):
        wrong = _conflict(wrong, recipe)
    if _differ(case, gold, formula):
        return replace(wrong, method="closed")
    if _contradicted(case, State.RIGHT, candidate, found):
        right = _conflict(right, recipe)
    else:
        right = _among(right, offers.beside(case, State.RIGHT, found.text, candidate), recipe)
    return Pending(gold, formula, quantities.rounding(case), right, wrong)


def _differ(case: Case, gold: str, formula: str) -> bool:
    """Proved different, where nothing says how far off a number may be."""
    return case.precision is None and case.relative is None and case.absolute is None and closed.differ(gold, formula)


def _too_complex(case: Case, candidate: Found) -> Outcome:
    answer, span = _shown(candidate.text, candidate)
    return Outcome(0.0, answer, span, case.kind, "bounds", (Reason.TOO_COMPLEX,))


def _unreadable(case: Case, candidate: Found, recipe: Recipe) -> Outcome:
    """The answer is nothing of the gold's type: a refusal or clearly something else is wrong, prose is a judge's."""
    answer, span = _shown(candidate.text, candidate)
    outcome = Outcome(0.0, answer, span, case.kind, "text")
    if policies.refuses(candidate.text) and not policies.refuses(case.gold):
        return policies.settle(outcome, recipe.on_refusal, recipe, Reason.REFUSAL)
    return outcome if _cannot_be_right(case, candidate.text) else policies.settle(outcome, "judge", recipe)


def _cannot_be_right(case: Case, text: str) -> bool:
    """Is there no way to read text as the gold?"""
    if (
        case.kind in (kinds.NUMBER, kinds.CHOICE)
        and _DENIAL.match(text) is not None
        and len(_NUMERALS.findall(text)) <= 1
        and len(text.split()) <= 5
    ):
        return True
    gold = number.parse(case.gold)
    if case.kind == kinds.NUMBER and gold is not None:
        if _NUMBERISH.search(text) is None:
            return True
        values = {n.value for m in _NUMERALS.findall(text) if (n := number.parse(m.rstrip(","))) is not None}
        return bool(values) and not values & {gold.value, gold.value / 100, gold.value * 100}
    words = fold(text).split()
    if case.kind == kinds.ANLS:
        return True  # a measure leaves nothing open
    if case.kind == kinds.CHOICE:
        return not compare.names_gold(case, text)
    if case.kind == kinds.TEXT:
        return len(words) <= 5 and not set(fold(case.gold).split()) <= set(words)  # too short to say it in other words
    return case.kind not in (kinds.YES_NO, kinds.TIME, kinds.DATE) and len(words) <= 5


def _shown(reading: str, candidate: Found) -> tuple[str, Span]:
    """The answer's words and where they stand: the reading's own place within the candidate, where it can be found."""
    at = candidate.text.find(reading)
    start, end = candidate.span
    if at < 0 or start + at + len(reading) > end:
        return plain(reading)[:500] or reading[:500], candidate.span
    return reading[:500], (start + at, start + at + len(reading))
