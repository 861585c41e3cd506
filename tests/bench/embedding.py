"""The embedder's tokens per second beside what this CPU's matrix multiplication allows. Prints a table; asserts nothing.

    python tests/bench/embedding.py [MODEL]

MODEL: a hub name or local folder; default: the weights the tests use. One thread. Texts: the sentences of this benchmark's
rollouts. The bound is the time of the model's linear layers alone, as bare float32 products at their best number of rows;
attention, layer norms, padding and tokenising come on top of it. Medians over rounds that take turns.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch

from keystep.models.batcher import cut
from keystep.models.embedder import TOKEN_BUDGET, SentenceModel
from models.minilm import folder
from rollouts import groups

ROUNDS = 3
TEXTS = 200
BUDGETS = (64, 256, 1024, 4096)


def sentences(count: int) -> list[str]:
    texts = (r["text"] for g in groups(1, 60) for r in g["rollouts"])
    found = (s.strip() for text in texts for line in text.split("\n") for s in line.split(". "))
    return list(dict.fromkeys(s for s in found if len(s) > 20))[:count]


def gemm_bound(model: SentenceModel, rows: int) -> Callable[[], float]:
    """Tokens per CPU second of the encoder's linear layers alone."""
    layers = [m for name, m in model._model.named_modules() if isinstance(m, torch.nn.Linear) and "pooler" not in name]
    inputs = {m.in_features: torch.randn(rows, m.in_features) for m in layers}

    def once() -> float:
        began = time.process_time()
        with torch.inference_mode():
            for m in layers:
                m(inputs[m.in_features])
        return rows / (time.process_time() - began)

    return once


def embedding(model: SentenceModel, texts: Sequence[str], budget: int) -> Callable[[], float]:
    """Tokens per CPU second, padding not counted, tokenising and sorting in the time."""
    tokens = sum(len(ids) for ids in model._tokens(texts, padding=False)["input_ids"])

    def once() -> float:
        began = time.process_time()
        for batch in cut(dict(zip(texts, model.lengths(texts), strict=True)), budget):
            model.run(batch)
        return tokens / (time.process_time() - began)

    return once


def main() -> None:
    model = SentenceModel(sys.argv[1] if len(sys.argv) > 1 else str(folder()), threads=1)
    texts = sentences(TEXTS)
    lengths = [len(ids) for ids in model._tokens(texts, padding=False)["input_ids"]]
    subjects = {f"linear layers alone, {rows} rows": gemm_bound(model, rows) for rows in (256, 1024)}
    subjects |= {f"embedder, {budget} tokens a batch": embedding(model, texts, budget) for budget in BUDGETS}
    rates: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(ROUNDS):
        for name, once in subjects.items():
            rates[name].append(once())
    bound = max(median(r) for name, r in rates.items() if name.startswith("linear"))
    multiplied = 2 * sum(
        p.numel() for name, p in model._model.named_parameters() if p.dim() == 2 and "embeddings" not in name and "pooler" not in name
    )
    print(
        f"{len(texts)} sentences, {sum(lengths) / len(texts):.1f} tokens on average; padded to multiples of 8: {sum(model.lengths(texts)) / sum(lengths) - 1:+.0%}"
    )
    print(f"float32 products: {bound * multiplied / 1e9:.0f} GFLOP/s at {multiplied / 1e6:.1f} MFLOP a token")
    print(f"{'one thread':36}{'tokens/CPU s':>14}{'of the bound':>14}")
    for name, found in rates.items():
        mark = "  <- the embedder's" if name == f"embedder, {TOKEN_BUDGET} tokens a batch" else ""
        print(f"{name:36}{median(found):14,.0f}{median(found) / bound:14.0%}{mark}")


if __name__ == "__main__":
    main()
