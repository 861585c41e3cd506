"""Verdicts on real outputs beside the verdicts that were stored with them.

Every corpus is a list of items in the wire form of POST /v1/verify and what is expected of each. measure() takes the function
that decides them, so the same figures come from this process and from a running service. adjudicated.jsonl names every item whose
stored verdict is not ours, the outcome that somebody who read question, gold and response gave it, and why; any other difference
is unexplained.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from keystep.nouns import Question
from keystep.recipe import Recipe
from keystep.verify.verifier import Verifier, VerifyItem

Item = dict[str, Any]
_GSM8K_MODELS = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
_BATCH = 250


@dataclass(frozen=True)
class Verdict:
    outcome: float | None
    answer: str | None
    reasons: tuple[str, ...]


Decide = Callable[[list[Item]], list[Verdict]]


@dataclass(frozen=True)
class Corpus:
    """expected: the stored verdict of each item; None where none is stored (then only the undecided are counted)."""

    name: str
    items: list[Item]
    expected: list[bool | None]


@dataclass
class Row:
    """differing: (item, expected, verdict) of every item that does not get its stored verdict.  verdicts: of every item, in order.

    stored_wrong: differences adjudicated against the stored verdict.  judges: those that only a reader can tell.  unexplained: the rest.
    """

    name: str
    total: int
    agreed: int = 0
    false_accepts: int = 0
    false_rejects: int = 0
    undecided: int = 0
    stored_wrong: int = 0
    judges: int = 0
    differing: list[tuple[Item, bool | None, Verdict]] = field(default_factory=list)
    unexplained: list[tuple[Item, bool | None, Verdict]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)

    def __str__(self) -> str:
        share = 100 * self.agreed / self.total
        counts = f"{self.false_accepts:13}  {self.false_rejects:13}  {self.undecided:9}  {self.stored_wrong:12}  {self.judges:7}  {len(self.unexplained):11}"
        return f"{self.name:24} {self.agreed:5}/{self.total:<5} {share:6.2f} %  {counts}"


HEADINGS = f"{'':24} {'agreement':>20}  false accepts  false rejects  undecided  stored wrong  judge's  unexplained"


def in_process(verifier: Verifier, recipe: Recipe) -> Decide:
    """Decide with a verifier of this process."""

    def decide(items: list[Item]) -> list[Verdict]:
        outcomes = verifier.verify([VerifyItem(_question(item), item["text"]) for item in items], recipe)
        return [Verdict(o.value, o.answer, tuple(r.value for r in o.reasons)) for o in outcomes]

    return decide


def over_http(post: Callable[[str, Item], Item], recipe: str) -> Decide:
    """Decide with a running service. post: a path and a body to the parsed answer."""

    def decide(items: list[Item]) -> list[Verdict]:
        answered = post("/v1/verify", {"recipe": recipe, "items": items})["items"]
        return [Verdict(a["outcome"], a["answer"], tuple(a["reasons"])) for a in answered]

    return decide


def measure(decide: Decide, corpora: Sequence[Corpus]) -> Iterator[Row]:
    for corpus in corpora:
        verdicts: list[Verdict] = []
        for at in range(0, len(corpus.items), _BATCH):
            verdicts += decide(corpus.items[at : at + _BATCH])
        row = Row(corpus.name, len(corpus.items), verdicts=verdicts)
        adjudicated = adjudications().get(corpus.name, {})
        for item, expected, verdict in zip(corpus.items, corpus.expected, verdicts, strict=True):
            _count(row, item, expected, verdict, adjudicated)
        yield row


def _count(row: Row, item: Item, expected: bool | None, verdict: Verdict, adjudicated: dict[str, float | None]) -> None:
    row.undecided += verdict.outcome is None
    if verdict.outcome is not None and expected in (None, bool(verdict.outcome)):
        row.agreed += 1
        return
    row.false_accepts += verdict.outcome == 1.0
    row.false_rejects += verdict.outcome == 0.0
    row.differing.append((item, expected, verdict))
    if item["id"] not in adjudicated or adjudicated[item["id"]] != verdict.outcome:
        row.unexplained.append((item, expected, verdict))
    elif verdict.outcome is None:
        row.judges += 1
    else:
        row.stored_wrong += 1


@cache
def adjudications() -> dict[str, dict[str, float | None]]:
    """By corpus and item: the outcome a reader gave it, None where rules cannot tell."""
    found: dict[str, dict[str, float | None]] = {}
    for line in _lines(Path(__file__).with_name("adjudicated.jsonl")):
        found.setdefault(line["corpus"], {}).update(dict.fromkeys(line["ids"], line["outcome"]))
    return found


def corpora(shared: Path) -> list[Corpus]:
    """Every corpus of the real data that bears answers."""
    data = shared / "data"
    return [
        gsm8k(data),
        qwen_math(data),
        mmmu_pro(data, "standard"),
        mmmu_pro(data, "vision"),
        conformance(data),
        math_vision(data, "Gemini-Pro"),
        math_vision(data, "Qwen-VL-Max"),
        hallusionbench(data),
    ]


def gsm8k(data: Path) -> Corpus:
    rows = _lines(data / "gsm8k" / "example_model_solutions.jsonl")
    pairs = [
        (_item(f"gsm8k-{n}-{m}", r["question"], r[m]["solution"], r["ground_truth"].split("A: ")[-1], profile="gsm8k"), r[m]["is_correct"])
        for n, r in enumerate(rows)
        for m in _GSM8K_MODELS
    ]
    return _corpus("GSM8K model solutions", pairs)


def qwen_math(data: Path) -> Corpus:
    pairs = [
        (_item(f"math-{r['idx']}-{i}", r["question"], text, r["gt"], profile="math"), right)
        for r in _lines(data / "qwen-math" / "math_cot_100.jsonl")
        for i, (text, right) in enumerate(zip(r["code"], r["score"], strict=True))
    ]
    return _corpus("Qwen MATH responses", pairs)


def mmmu_pro(data: Path, kind: str) -> Corpus:
    pairs = [
        (_item(r["id"], r["question"], r["response"], r["answer"], choices=_options(r["options"]), profile="mmmu_pro"), r["if_right"])
        for r in _lines(data / "mmmu-pro" / f"gpt-4o_{kind}_cot.jsonl")
    ]
    return _corpus(f"MMMU-Pro {kind} CoT", pairs)


def conformance(data: Path) -> Corpus:
    """Golds and predictions alone: a test's own flags 'strict' and 'allow' are not sent."""
    pairs = [
        (_item(f"conformance-{n}", "", r["pred"], r["gold"], precision=r["precision"]), r["expected"])
        for n, r in enumerate(_lines(data / "math-verify" / "conformance.jsonl"))
    ]
    return _corpus("Math-Verify conformance", pairs)


def math_vision(data: Path, model: str) -> Corpus:
    questions = {q["id"]: q for q in _lines(data / "math-v" / "test.jsonl")}
    pairs = []
    for r in _lines(data / "math-v" / f"{model}.jsonl"):
        q = questions[r["id"]]
        pairs.append((_item(f"math-v-{r['id']}", q["question"], r["response"], q["answer"], choices=q["options"] or None), r["correct"]))
    return _corpus(f"MATH-Vision {model}", pairs)


def hallusionbench(data: Path) -> Corpus:
    """No verdicts are stored: what counts is how many stay undecided."""
    folder = data / "hallusionbench"
    golds = {_place(q): q["gt_answer"] for q in json.loads((folder / "HallusionBench.json").read_text())}
    rows = json.loads((folder / "HallusionBench_result_sample.json").read_text())
    items = [
        _item(f"hallusion-{n}", r["question"], r["model_prediction"], "yes" if golds[_place(r)] == "1" else "no")
        for n, r in enumerate(rows)
    ]
    return Corpus("HallusionBench outputs", items, [None] * len(items))


def golds(shared: Path) -> list[Item]:
    """MathVerse's and DynaMath's gold answers as items whose text is the gold itself, given as an answer section gives it."""
    data = shared / "data"
    verse = json.loads((data / "mathverse" / "testmini_text_only.json").read_text())
    dyna = json.loads((data / "dynamath" / "dataset.json").read_text())
    return [
        *(_item(f"mathverse-{q['sample_index']}", q["question"], answered(q["answer"]), q["answer"]) for q in verse),
        *(_item(f"dynamath-{k}", q["question"], answered(q["answer"]), q["answer"], answer_type=q["answer_type"]) for k, q in dyna.items()),
    ]


def answered(answer: str) -> str:
    return "The answer is " + answer.strip().replace("\n", ", ")


def perturbed(answer: str) -> str | None:
    """The answer with its last numeral changed by one in its last digit's place and more; None without a numeral."""
    found = list(re.finditer(r"\d+", answer))
    if not found:
        return None
    last = found[0]
    return f"{answer[: last.start()]}{int(last[0]) + 1}{answer[last.end() :]}"


def _question(item: Item) -> Question:
    choices = item.get("choices")
    return Question(
        item["id"],
        item.get("question") or "",
        answer=item["answer"],
        choices=tuple(choices) if choices else None,
        answer_type=item.get("answer_type", "auto"),
        precision=item.get("precision"),
        profile=item.get("profile"),
    )


def _item(name: str, question: str, text: str, answer: str, **more: Any) -> Item:
    return {"id": name, "question": question, "text": text, "answer": answer, **{k: v for k, v in more.items() if v is not None}}


def _corpus(name: str, pairs: list[tuple[Item, bool]]) -> Corpus:
    return Corpus(name, [item for item, _ in pairs], [expected for _, expected in pairs])


def _options(written: str) -> list[str]:
    return [str(option) for option in ast.literal_eval(written)]


def _place(row: Item) -> tuple[str, ...]:
    return tuple(row[k] for k in ("category", "subcategory", "set_id", "figure_id", "question_id"))


def _lines(path: Path) -> list[Item]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
