"""The benchmarks' own scoring, bug for bug, as REWARDS describes it: for comparing with published numbers, never for a reward.

    official(name)(question, text) -> True, False, or None where the benchmark asks a judge or draws a letter at random

Where a benchmark has a language model extract the answer first, text stands for what that model returned. Defects kept:

    mathvista       any text that is no letter becomes the option nearest by edit distance
    mmstar          only the first characters count: 'The correct answer is B' is wrong
    math_vision     the gold's letter or its option's text; '\\textbf{(B) }6' is wrong, '8 kg' for '$8 \\mathrm{~kg}$' too
    chartqa         5 % on every number, years among them; '2%' is 0.02; a target of 0 and '1,000' are compared as text
    dynamath        a text that is part of the gold scores, the empty one always
    hallusionbench  one 'no' anywhere makes a no
    mme             'not' in the first four characters makes a no
    mmmu_pro        without 'Answer: X' a random letter (here: undecided)
    mathverse, mmreason  equality, else a judge (here: undecided)
    gsm8k, math     the last '####' (or 'A:') and the last box, compared as text
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from rapidfuzz.distance import Levenshtein

from keystep.nouns import Question
from keystep.verify.text import brace_end

Scorer = Callable[[Question, str], bool | None]


def _mathvista(question: Question, text: str) -> bool:
    text, gold = text.strip(), question.answer or ""
    if (said := re.search(r'The answer is "(.*)"\.', text)) is not None:
        text = said[1]
    if question.choices:
        letter = re.search(r"\(([a-zA-Z])\)", text)
        text = letter[1].upper() if letter is not None else text
        labels = [chr(ord("A") + i) for i in range(len(question.choices))]
        chosen = (
            question.choices[labels.index(text)] if text in labels else min(question.choices, key=lambda c: Levenshtein.distance(text, c))
        )
        return chosen == (question.choices[labels.index(gold)] if gold in labels else gold)
    try:
        if question.answer_type in ("integer", "int"):
            return str(int(float(text))) == gold
        if question.answer_type == "float":
            return str(round(float(text), question.precision or 0)) == gold
    except (ValueError, OverflowError):
        return False
    return text == gold


def _mmstar(question: Question, text: str) -> bool:
    gold = (question.answer or "").strip().lower()
    text = text.strip().lower().replace("\n", " ")
    return any(text.startswith(opening) and text[len(opening) :][:1] == gold != "" for opening in ("", "(", "option ", "the answer is "))


_STRIPPED: Final = re.compile(r"\\(?:,|;|left|right|text|mbox)|\^\{?\\circ\}?|[\s$\"']")


def _math_vision(question: Question, text: str) -> bool:
    answer = _math_vision_answer(text)
    gold = question.answer or ""
    wanted = [gold]
    if question.choices and len(gold) == 1 and ord(gold) - ord("A") in range(len(question.choices)):
        wanted.append(question.choices[ord(gold) - ord("A")])
    return any(_same_math_vision(answer, _strip(w)) for w in wanted)


def _math_vision_answer(text: str) -> str:
    for opening in ("the final answer is", "the answer is", "the correct answer is", "answer:"):
        if (at := text.lower().rfind(opening)) >= 0:
            text = text[at + len(opening) :].split("\n", maxsplit=1)[0].strip().rstrip(".")
            break
    if (at := text.rfind("\\boxed{")) >= 0 and (end := brace_end(text, at + 6, len(text))) is not None:
        text = text[at + 7 : end - 1]
    return _strip(text)


def _strip(text: str) -> str:
    text = _STRIPPED.sub("", text).lower().rstrip(".")
    text = re.sub(r"^\(([a-z])\)$", r"\1", text.split("=")[-1])
    return re.sub(r"^(-?)(\d+)/(\d+)$", r"\1\\frac{\2}{\3}", re.sub(r"\\sqrt(\d)", r"\\sqrt{\1}", text))


def _same_math_vision(answer: str, gold: str) -> bool:
    if answer == gold:
        return answer != ""
    try:
        return round(float(answer), 2) == round(float(gold), 2)
    except (ValueError, OverflowError):
        return False


def _chartqa(question: Question, text: str) -> bool:
    text, gold = text.strip(), (question.answer or "").strip()
    said, target = _chart_number(text), _chart_number(gold)
    if said is not None and target:
        return abs(said - target) / abs(target) <= 0.05
    return text.lower() == gold.lower()


def _chart_number(text: str) -> float | None:
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


def _dynamath(question: Question, text: str) -> bool:
    text, gold = text.strip(), question.answer or ""
    if question.answer_type == "float":
        try:
            return abs(float(text) - float(gold)) <= 0.001
        except ValueError:
            return False
    if question.answer_type in ("multiple choice", "choice"):
        letter = re.search(r"\b[A-Za-z]\b", text)
        return letter is not None and letter[0].upper() == gold.upper()
    return text.lower() in gold.lower()


def _hallusionbench(question: Question, text: str) -> bool | None:
    words = set(re.findall(r"[a-z]+", text.lower()))
    if ("yes" in words) == ("no" in words):
        return None
    return ("yes" in words) == ((question.answer or "").strip().lower() in ("1", "yes"))


def _mme(question: Question, text: str) -> bool:
    opening = text.strip().lower()[:4]
    said = "yes" if "yes" in opening else "no" if "no" in opening else "other"
    return said == (question.answer or "").strip().lower()


def _mmmu_pro(question: Question, text: str) -> bool | None:
    _, mark, said = text.rpartition("Answer:")
    letters = (re.findall(r"\(([A-J])\)", said) or re.findall(r"(?<![A-Za-z])[A-J](?![A-Za-z])", said)) if mark else []
    return letters[-1] == question.answer if letters else None


def _judged(question: Question, text: str) -> bool | None:
    return True if text.strip() == (question.answer or "").strip() else None


def _gsm8k(question: Question, text: str) -> bool:
    said = re.findall(r"^(?:####|A:) *(-?[0-9.,]+)", text, re.MULTILINE)
    return bool(said) and said[-1].replace(",", "") == (question.answer or "").strip().replace(",", "")


def _math(question: Question, text: str) -> bool:
    at = text.rfind("\\boxed{")
    end = brace_end(text, at + 6, len(text)) if at >= 0 else None
    return end is not None and _plain_math(text[at + 7 : end - 1]) == _plain_math(question.answer or "")


def _plain_math(text: str) -> str:
    return (
        re.sub(r"\\(?:left|right|!|,|;|\$|%)|[\s$%]|\^\{?\\circ\}?|\\text\{ [^}]*\}", "", text)
        .replace("dfrac", "frac")
        .replace("tfrac", "frac")
    )


SCORERS: Final[Mapping[str, Scorer]] = MappingProxyType(
    {
        "mathvista": _mathvista, "mmstar": _mmstar, "math_vision": _math_vision, "chartqa": _chartqa, "dynamath": _dynamath,
        "hallusionbench": _hallusionbench, "mathverse": _judged, "mme": _mme, "mmreason": _judged,
        "mmmu_pro": _mmmu_pro, "gsm8k": _gsm8k, "math": _math,
    }
)  # fmt: skip


def official(profile: str) -> Scorer:
    """The scorer of a benchmark. Raises KeyError for a name that is none."""
    return SCORERS[profile]
