"""Verdicts on all real outputs, against the verdicts stored with them."""

from __future__ import annotations

import asyncio
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from keystep.recipe import HARDENED, OFFICIAL
from keystep.verify import kinds
from keystep.verify.verifier import Verifier
from real.verify_eval import (
    Row,
    Verdict,
    adjudications,
    answered,
    corpora,
    golds,
    in_process,
    math_vision,
    measure,
    mmmu_pro,
    over_http,
    perturbed,
)


@pytest.fixture(scope="module")
def verifier():
    it = Verifier(workers=2, cpu_seconds=10.0)
    it.start()
    yield it
    it.close()


@pytest.fixture(scope="module")
def rows(verifier, shared) -> dict[str, Row]:
    return {row.name: row for row in measure(in_process(verifier, HARDENED), corpora(shared))}


def test_gsm8k_verdicts_are_all_as_stored(rows):
    row = rows["GSM8K model solutions"]
    assert (row.agreed, row.total) == (5276, 5276)


def test_every_difference_is_adjudicated(rows):
    """Somebody read question, gold and response of each, and adjudicated.jsonl says what its outcome is and why."""
    differing = [(row.name, i["id"], i["answer"], v) for row in rows.values() for i, _, v in row.unexplained]
    assert differing == []


def test_every_adjudication_is_of_a_difference(rows):
    told = {(corpus, item) for corpus, items in adjudications().items() for item in items}
    assert told == {(row.name, item["id"]) for row in rows.values() for item, _, _ in row.differing}


def test_qwen_math(rows):
    row = rows["Qwen MATH responses"]
    assert (row.agreed, row.total) == (799, 800)


@pytest.mark.parametrize(("kind", "least"), [("standard", 0.992), ("vision", 0.990)])
def test_mmmu_pro_agreement(rows, kind, least):
    row = rows[f"MMMU-Pro {kind} CoT"]
    assert row.agreed / row.total >= least


def test_math_verify_conformance(rows):
    row = rows["Math-Verify conformance"]
    assert (row.agreed, row.agreed + row.stored_wrong, row.total) == (266, 269, 269)
    assert row.false_accepts <= 2


def test_hallusionbench_leaves_prose_to_a_judge(rows):
    row = rows["HallusionBench outputs"]
    assert row.undecided / row.total <= 0.12


def test_the_official_forms_give_the_stored_verdicts_but_for_a_few(verifier, shared):
    """MATH-Vision evaluates formulas numerically and strips some units by halves; MMMU-Pro drew letters at random."""
    decide = in_process(verifier, OFFICIAL)
    for corpus, differing in [
        (math_vision(shared / "data", "Gemini-Pro"), 2),
        (math_vision(shared / "data", "Qwen-VL-Max"), 7),
        (mmmu_pro(shared / "data", "standard"), 6),
        (mmmu_pro(shared / "data", "vision"), 24),
    ]:
        items = [{**item, "profile": item.get("profile", "math_vision")} for item in corpus.items]
        (row,) = measure(decide, [replace(corpus, items=items)])
        assert len(row.differing) <= differing, str(row)


def test_every_gold_has_a_type_and_equals_itself(verifier, shared):
    items = golds(shared)
    outcomes = in_process(verifier, HARDENED)(items)
    assert [(i["id"], i["answer"]) for i, v in zip(items, outcomes, strict=True) if v.outcome != 1.0] == []
    types = [kinds.of(i["answer"], None, i["question"]) for i in items]
    # Text is what has words; no number, formula or letter ends up there for want of a reader.
    assert [i["answer"] for i, kind in zip(items, types, strict=True) if kind == kinds.TEXT and not WORDS.search(i["answer"])] == []


WORDS = re.compile(r"[A-Za-z]{2,}|Q\d|\b[NS] ")
FONT = re.compile(r"\s*\\(?:mathrm|text)\s*\{[~\s]*([A-Za-z]+)\s*\}")
FULL_WIDTH = {ord(digit): ord(digit) + 0xFEE0 for digit in "0123456789"}


@pytest.mark.parametrize(
    "write",
    [
        lambda gold: f"The answer is ${gold}$.",
        lambda gold: f"so \\boxed{{{gold}}}",
        lambda gold: f"**{gold}**",
        lambda gold: f"<think>a</think><answer> {gold} </answer>",
        lambda gold: f"### Step 1:\na\n\n### The final answer is:\n{gold}",
        lambda gold: "The answer is  " + gold.replace("+", " + ").replace("=", " = ") + " .",
        lambda gold: "The answer is " + gold.replace("\N{DEGREE SIGN}", "^{\\circ}"),
        lambda gold: "\uc815\ub2f5\uc740 " + gold.translate(FULL_WIDTH),
        lambda gold: "The answer is " + re.sub(r"\s*([-+=,])\s*", r"\1", gold),
        lambda gold: "The answer is " + gold.replace("\\frac", "\\dfrac").replace("\\left", "").replace("\\right", ""),
        lambda gold: "The answer is " + FONT.sub(r"\\text{ \1}", gold),
        lambda gold: "The answer is " + FONT.sub(r" \1", gold).replace("^{2}", "^2").replace("^{3}", "^3"),
        lambda gold: "The answer is " + re.sub(r"(?<=\d)\s+(?=(?:mm|cm|m|km)\b)", "", gold),
    ],
    ids=[
        "dollars",
        "box",
        "bold",
        "tags",
        "section",
        "spaces",
        "degrees",
        "full-width",
        "tight",
        "dfrac",
        "unit-text",
        "unit-typed",
        "unit-joined",
    ],
)
def test_every_gold_equals_its_own_variants(verifier, shared, write):
    items = [{**i, "text": write(i["answer"].strip().replace("\n", ", "))} for i in golds(shared)]
    outcomes = in_process(verifier, HARDENED)(items)
    assert [(i["id"], i["text"]) for i, v in zip(items, outcomes, strict=True) if v.outcome != 1.0] == []


MEASURED = re.compile(r"\D*?(-?\d+(?:\.\d+)?)\s*(?:\\mathrm\{~?)?\s*(mm|cm|m|km)\}?(?:\^\{?([23])\}?)?\$?")
FINER = {"mm": ("μm", 1000), "cm": ("mm", 10), "m": ("cm", 100), "km": ("m", 1000)}


def test_every_measure_equals_itself_converted_and_no_other_scale(verifier, shared):
    """Lengths, areas and volumes."""
    measured = [(i, m) for i in golds(shared) if (m := MEASURED.fullmatch(i["answer"]))]
    assert len(measured) >= 50
    for scale, right in ((1, 1.0), (10, 0.0)):
        changed = []
        for item, m in measured:
            (unit, factor), power = FINER[m[2]], int(m[3] or 1)
            value = Decimal(m[1]) * factor**power * scale
            changed.append({**item, "text": f"The answer is {value} {unit}{f'^{power}' if power > 1 else ''}"})
        outcomes = in_process(verifier, HARDENED)(changed)
        assert [(i["answer"], i["text"]) for i, v in zip(changed, outcomes, strict=True) if v.outcome != right] == []


@pytest.mark.parametrize("away", [1, 7, 100])
def test_no_gold_equals_another_questions_perturbed_number(verifier, shared, away):
    """The one exception is a perturbed number that is, as written, the gold."""
    items = golds(shared)
    moved = zip(items, items[away:] + items[:away], strict=True)
    changed = [{**i, "text": answered(p)} for i, other in moved if (p := perturbed(other["answer"])) is not None and p != i["answer"]]
    outcomes = in_process(verifier, HARDENED)(changed)
    assert [(i["id"], i["answer"], i["text"]) for i, v in zip(changed, outcomes, strict=True) if v.outcome == 1.0] == []


def test_no_gold_equals_itself_with_another_number(verifier, shared):
    changed = [{**i, "text": answered(other)} for i in golds(shared) if (other := perturbed(i["answer"])) is not None]
    outcomes = in_process(verifier, HARDENED)(changed)
    assert [(i["id"], i["answer"], i["text"]) for i, v in zip(changed, outcomes, strict=True) if v.outcome == 1.0] == []


def test_the_same_verdicts_from_32_threads_on_a_pool_that_starts_under_them(rows, shared):
    """Every item of every corpus, in another order and other company than alone."""
    everything = [item for corpus in corpora(shared) for item in corpus.items]
    fresh = Verifier(workers=2, cpu_seconds=10.0)  # not started: its first answers meet a cold pool under full load
    with ThreadPoolExecutor(32) as threads:
        shares = list(threads.map(lambda n: in_process(fresh, HARDENED)(everything[n::32][::-1])[::-1], range(32)))
    fresh.close()
    assert [shares[n % 32][n // 32] for n in range(len(everything))] == alone(rows)


def test_the_same_verdicts_from_asyncio(rows, shared):
    everything = [item for corpus in corpora(shared) for item in corpus.items]
    fresh = Verifier(workers=2, cpu_seconds=10.0)

    async def gather() -> list[Verdict]:
        batches = [everything[at : at + 100] for at in range(0, len(everything), 100)]
        told = await asyncio.gather(*(asyncio.to_thread(in_process(fresh, HARDENED), batch) for batch in batches))
        return [verdict for batch in told for verdict in batch]

    verdicts = asyncio.run(gather())
    fresh.close()
    assert verdicts == alone(rows)


def alone(rows: dict[str, Row]) -> list[Verdict]:
    """What one thread said, item by item."""
    return [verdict for row in rows.values() for verdict in row.verdicts]


def test_the_same_verdicts_over_http(verifier, service, shared):
    items = [item for corpus in corpora(shared) for item in corpus.items[::50]]
    decide = over_http(lambda path, body: service.post(path, body).raise_for_status().json(), "hardened")
    for at in range(0, len(items), 100):
        batch = [{**item, "id": f"{at}/{n}"} for n, item in enumerate(items[at : at + 100])]
        assert decide(batch) == in_process(verifier, HARDENED)(batch)
