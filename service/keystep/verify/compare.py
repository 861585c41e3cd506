"""The fast path: decide everything that can be proved, right or wrong, without symbolic work.

decide() reads one answer as the gold's type and says
    RIGHT, WRONG      proved
    SEVERAL           different answers are offered in one place
    CONFLICT          the letter says one option and the text beside it another
    JUDGE             a careful reader could tell, a rule cannot
    SYMBOLIC          a formula: math-verify's to compare
    UNREADABLE        not of this type at all; the caller may read it in another way
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import partial
from typing import Final

from keystep.verify import anls, kinds, moments, number, policies, quantities, sequences, units, yesno
from keystep.verify import choices as choice_reader
from keystep.verify.case import Case, State, verdict
from keystep.verify.text import fold, plain


def decide(case: Case, answer: str) -> State:
    """One reading of an answer against the gold. A value given to another variable than the gold's is another answer."""
    if (
        case.name is not None
        and (named := kinds.assignment(answer)) is not None
        and len(named[0]) == len(case.name) == 1
        and named[0] != case.name
    ):
        return State.WRONG
    return _DECIDERS[case.kind](case, answer)


def _choice(case: Case, answer: str) -> State:
    options = _options(case)
    count = len(options) or None
    offered = choice_reader.several(answer, count)
    if all_of := choice_reader.several(case.gold, count):
        return verdict(offered == all_of) if offered or choice_reader.pick(answer, count).label is not None else State.UNREADABLE
    if offered:
        return State.SEVERAL
    gold, gold_text = _gold_option(case.gold, options)
    picked = choice_reader.pick(answer, count)
    if picked.label is not None:
        if options and picked.text:
            other = choice_reader.pick(picked.text, count)
            if other.label not in (None, picked.label) and not other.text and not choice_reader.same(picked.text, options[picked.label]):
                return State.CONFLICT
            named = [i for i, option in enumerate(options) if choice_reader.same(picked.text, option)]
            if named and picked.label not in named:
                return State.CONFLICT
        if gold is not None:
            return verdict(picked.label == gold)
        return State.JUDGE
    if options:
        named = choice_reader.by_text(answer, options)
        if len(named) == 1 and gold is not None:
            return verdict(named[0] == gold)
        if len(named) > 1:
            return State.JUDGE if gold in named else State.WRONG
        if (label := choice_reader.run_together(answer, options)) is not None and gold is not None:
            return verdict(label == gold)
        return _no_option(answer, options, gold)
    if gold_text and choice_reader.same(answer, gold_text):
        return State.RIGHT
    return State.UNREADABLE


def _options(case: Case) -> tuple[str, ...]:
    """The options given, or those listed in the question; none where the gold's letter lies beyond what could be read there."""
    if case.choices:
        return case.choices
    listed = choice_reader.in_question(case.question)
    label = choice_reader.pick(case.gold, None).label
    return listed if label is None or label < len(listed) else ()


def wanted(case: Case) -> tuple[str, ...]:
    """The gold and the options: words that stand in them are no hedging."""
    return (case.gold, *_options(case))


def sides(case: Case, answer: str) -> tuple[str, str]:
    """The two formulas to be compared symbolically: the gold's (or its option's) and the answer's, without their units."""
    gold = case.gold
    if case.kind == kinds.CHOICE:
        options = _options(case)
        label, text = _gold_option(case.gold, options)
        gold = options[label] if label is not None and label < len(options) else text
    gold, answer = spelled_out(gold), spelled_out(answer)
    if case.kind == kinds.MATRIX:
        answer = _matrix(answer)
    if (ours := _FUNCTION_OF_X.match(gold)) is not None and (theirs := _FUNCTION_OF_X.match(answer)) is not None:
        gold, answer = gold[ours.end() :], answer[theirs.end() :]
    return units.without(gold), _without_measure(gold, units.without(answer))


# y = ... and f(x) = ... define the same function.
_FUNCTION_OF_X: Final = re.compile(r"\s*(?:y|[fgh]\s*\(\s*x\s*\))\s*=(?!=)")
# Signs that people type and LaTeX readers do not know: √13, √(a+b), 2π, 3 pi.
_ROOT: Final = re.compile(r"(?:√|(?<![A-Za-z\\])sqrt(?=\s*\())\s*(?:\{([^{}]*)\}|\(([^()]*)\)|(\d+(?:\.\d+)?|[A-Za-zπ]))")
_LETTER_IN_FONT: Final = re.compile(r"\\(?:mathrm|mathbf|mathit|mathsf|boldsymbol)\s*\{\s*([A-Za-z])\s*\}")
_PI: Final = re.compile(r"π|(?<![A-Za-z\\])pi(?![A-Za-z])")
_MEASURED: Final = re.compile(r"(.*(?:[\d)}]|\\pi))\s+([A-Za-zµ°%]+(?:[²³]|\^\{?[23]\}?)?)", re.DOTALL)


def spelled_out(formula: str) -> str:
    """A formula with its typed roots and pi in LaTeX, and its letters without fonts."""
    formula = _LETTER_IN_FONT.sub(r"{\1}", formula)
    if "√" in formula or "sqrt(" in formula:
        formula = _ROOT.sub(lambda m: f"\\sqrt{{{m[1] or m[2] or m[3]}}}", formula)
    return _PI.sub(r"\\pi ", formula)


_ROWS: Final = re.compile(r"\[\s*\[[^\[\]]*\](?:\s*,\s*\[[^\[\]]*\])*\s*\]")


def _matrix(formula: str) -> str:
    """[[1, 2], [3, 4]] in LaTeX; anything else as it is."""
    if _ROWS.fullmatch(formula) is None:
        return formula
    rows = " \\\\ ".join(row.replace(",", " & ") for row in re.findall(r"\[([^\[\]]*)\]", formula))
    return f"\\begin{{pmatrix}} {rows} \\end{{pmatrix}}"


def _without_measure(gold: str, answer: str) -> str:
    """16π cm² against 16\\pi: a unit that the gold leaves out is no part of the value."""
    measured = _MEASURED.fullmatch(answer)
    if measured is None or gold.endswith(measured[2]) or units.symbol(measured[2]) or units.measure(measured[2]) is None:
        return answer
    return measured[1]


_ORDINAL: Final = re.compile(r"\b(?:(?:option|choice|number)\s*#?\d|first|second|third|fourth|fifth|last|former|latter)\b", re.IGNORECASE)


def names_gold(case: Case, text: str) -> bool:
    """Whether prose mentions the gold's letter or shares a word with its text: without either, it cannot mean it."""
    options = _options(case)
    gold, wanted = _gold_option(case.gold, options)
    letter = chr(ord("A") + gold) if gold is not None else "-"
    as_word = (
        rf"\(\s*{letter}\s*\)|(?<![\w'])(?:[Oo]ption|[Cc]hoice|[Aa]nswer)\W{{0,3}}{letter}\b"
        if letter in "AI"
        else rf"(?<![\w']){letter}(?![\w'])"
    )
    if re.search(as_word, text) is not None or _ORDINAL.search(text) is not None:
        return True
    wanted = options[gold] if gold is not None and gold < len(options) else wanted
    return bool({w for w in fold(wanted).split() if len(w) > 3 or w.isdigit()} & set(fold(text).split()))


def _gold_option(gold: str, options: tuple[str, ...]) -> tuple[int | None, str]:
    """(index, text) of the gold: by its letter, else by its text among the options."""
    picked = choice_reader.pick(gold, len(options) or None)
    if picked.label is not None:
        text = picked.text or (options[picked.label] if options else "")
        return picked.label, text
    named = [i for i, option in enumerate(options) if choice_reader.same(gold, option)]
    return (named[0], gold) if named else (None, gold)


def _no_option(answer: str, options: tuple[str, ...], gold: int | None) -> State:
    """Neither letter nor text of any option: a value beside the options is wrong, a paraphrase is a judge's."""
    right = options[gold] if gold is not None else ""
    if number.parse(answer) is not None and number.parse(right) is not None:
        return State.WRONG
    if kinds.is_formula(answer) and kinds.is_formula(right):
        return State.SYMBOLIC
    if len(fold(right)) <= 1 and len(answer.split()) <= 3 and not policies.refuses(answer):
        return State.WRONG
    return State.UNREADABLE


_DECIMAL_COMMA: Final = re.compile(r"([+-]?\d+),(\d)")


def _number(case: Case, answer: str) -> State:
    gold = number.parse(case.gold)
    if gold is None:
        return State.UNREADABLE
    found = number.parse(answer)
    if found is not None:
        return quantities.same_quantity(case, gold, found)
    if (decimal := _DECIMAL_COMMA.fullmatch(plain(answer))) is not None and gold.value in (
        Fraction(f"{decimal[1]}.{decimal[2]}"),
        Fraction(decimal[1]) if decimal[1] == decimal[2] else None,
    ):
        return State.JUDGE  # a decimal comma, or two answers: 7,5 for 7.5 and 7,7 for 7
    parts = sequences.alternatives(answer)
    if parts is not None:
        states = {quantities.same_quantity(case, gold, p) for p in parts}
        values = {p.value / 100 if p.unit == "%" else p.value for p in parts}
        return State.SEVERAL if len(values) > 1 else State.RIGHT if State.RIGHT in states else states.pop()
    if sequences.ratio(answer) is not None or moments.read(answer) is not None:
        return State.WRONG
    if re.search(r"[<>≠]", plain(answer)):
        return State.WRONG if kinds.is_formula(answer) else State.UNREADABLE  # a range is no number
    return State.SYMBOLIC if kinds.is_formula(answer) else State.UNREADABLE


_OFFERED: Final = re.compile(r"\s*(?:;|\bor\b|\band\b|/|또는|或)\s*", re.IGNORECASE)


def _text(case: Case, answer: str) -> State:
    gold, found = fold(case.gold), fold(answer)
    if not found:
        return State.UNREADABLE
    if gold == found or choice_reader.squeeze(gold) == choice_reader.squeeze(found):
        return State.RIGHT
    parts = [fold(part) for part in _OFFERED.split(answer)]
    if len(parts) > 1 and gold in parts and _OFFERED.search(case.gold) is None:
        return State.SEVERAL if set(parts) != {gold} else State.RIGHT
    if (number.parse(case.gold) is None) != (number.parse(answer) is None):
        return State.WRONG
    return State.UNREADABLE


def _anls(case: Case, answer: str) -> State:
    return State.RIGHT if anls.near(case.gold, answer) else State.UNREADABLE


def _yes_no(case: Case, answer: str) -> State:
    gold, found = yesno.read(case.gold), yesno.read(answer)
    if found is yesno.Reading.BOTH:
        return State.SEVERAL
    if found is yesno.Reading.NEITHER or gold not in (yesno.Reading.YES, yesno.Reading.NO):
        return State.UNREADABLE
    return verdict(found is gold)


def _moment(case: Case, answer: str) -> State:
    gold, found = moments.read(case.gold), moments.read(answer)
    if gold is None or found is None:
        return State.UNREADABLE
    same = moments.same(gold, found)
    return State.JUDGE if same is None else verdict(same)


def _ratio(case: Case, answer: str) -> State:
    gold, found = sequences.ratio(case.gold), sequences.ratio(answer)
    if gold is None or found is None:
        return State.SYMBOLIC if kinds.is_formula(answer) and ":" not in answer else _formula(case, answer)
    return verdict(gold == found)


def _sequence(case: Case, answer: str) -> State:
    gold, found = sequences.read(case.gold), sequences.read(answer)
    if gold is not None and found is not None:
        same = sequences.same(gold, found, lambda a, b: quantities.equal_values(case, a, b))
        return State.JUDGE if same is None else verdict(same)
    return _formula(case, answer)


def _equation(case: Case, answer: str) -> State:
    """Values of several variables by name, or in the gold's order where the answer gives no names; any other equation as a formula."""
    if (all_of := sequences.values_of_one(case.gold)) is not None and (told := sequences.values_of_one(answer)) is not None:
        return verdict(told == all_of)
    if (gold := sequences.named(case.gold)) is None:
        return _formula(case, answer)
    if (found := sequences.named(answer)) is not None:
        return verdict(gold.keys() == found.keys() and all(quantities.equal_values(case, gold[name], found[name]) for name in gold))
    if (row := sequences.read(answer)) is not None:
        values = list(gold.values())
        return verdict(len(values) == len(row.members) and all(map(partial(quantities.equal_values, case), values, row.members)))
    return _formula(case, answer)


def _formula(case: Case, answer: str) -> State:
    """Equal as typed, units of measure aside; else a formula goes to symbolic comparison."""
    (gold, ours), (found, theirs) = units.split(plain(case.gold)), units.split(plain(answer))
    if ours and theirs and (a := units.measure(ours)) != (b := units.measure(theirs)) and a is not None and b is not None:
        # Metres against centimetres, or against seconds.
        return State.JUDGE if a[0] == b[0] and _typed(gold) != _typed(found) else State.WRONG
    if _typed(gold) == _typed(found):
        return State.RIGHT
    return State.SYMBOLIC if kinds.is_formula(found) else State.UNREADABLE


def _typed(formula: str) -> str:
    """A formula as typed, but for spaces that part no numerals and for braces around one character of an index or power."""
    return _ONE_CHARACTER.sub(r"\1{\2}", choice_reader.squeeze(formula))


_ONE_CHARACTER: Final = re.compile(r"([\^_])(\w)(?!\w)")


_DECIDERS: Final = {
    kinds.CHOICE: _choice,
    kinds.NUMBER: _number,
    kinds.TEXT: _text,
    kinds.ANLS: _anls,
    kinds.YES_NO: _yes_no,
    kinds.TIME: _moment,
    kinds.DATE: _moment,
    kinds.RATIO: _ratio,
    kinds.SEQUENCE: _sequence,
    kinds.INTERVAL: _sequence,
    kinds.EQUATION: _equation,
    kinds.EXPRESSION: _formula,
    kinds.MATRIX: _formula,
}
