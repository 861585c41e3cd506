"""Tokens a CPU second of a reward model: keystep's batcher beside a loop over samples and batches padded as they come.

    python tests/bench/reward_models.py

Small random Llamas on one thread, over responses whose lengths are log-normal; tokens are the samples' own, padding not counted.
Rounds take turns over all three; figures are the best of them, ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, LlamaConfig, LlamaForSequenceClassification

from keystep.models.local import LocalModel
from keystep.models.sample import Sample
from keystep.models.spec import Local
from models import tiny

WORDS = "the answer is sum of two numbers because then we add them and so it follows".split()
SAMPLES = 128
PLAIN_BATCH = 32
# (hidden size, layers)
SIZES = ((64, 2), (128, 4))


def samples(seed: int) -> list[Sample]:
    """Distinct ones: what stands twice is run once, and would flatter the batcher."""
    rng = random.Random(seed)
    lengths = [max(2, min(400, int(rng.lognormvariate(2.5, 0.9)))) for _ in range(SAMPLES)]
    return [Sample(f"question {seed} {n}", " ".join(rng.choices(WORDS, k=length))) for n, length in enumerate(lengths)]


def checkpoint(folder: Path, hidden: int, layers: int) -> str:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=400, hidden_size=hidden, intermediate_size=3 * hidden, num_hidden_layers=layers, num_attention_heads=4, num_labels=1
    )
    config.pad_token_id = 2
    return tiny.saved(folder, LlamaForSequenceClassification(config), tiny.tokenizer())


def compare(folder: str, rounds: int) -> dict[str, list[float]]:
    """Tokens a CPU second of each, a round each."""
    tok, model = AutoTokenizer.from_pretrained(folder), AutoModelForSequenceClassification.from_pretrained(folder).eval()
    ours = LocalModel("bench", Local(kind="bradley_terry", model=folder))
    ours.start()

    def ids(sample: Sample) -> list[int]:
        messages = [{"role": "user", "content": sample.question}, {"role": "assistant", "content": sample.text}]
        return tok.apply_chat_template(messages, tokenize=True)["input_ids"]

    @torch.inference_mode()
    def loop(batch: list[Sample]) -> None:
        for sample in batch:
            model(torch.tensor([ids(sample)]))

    @torch.inference_mode()
    def padded(batch: list[Sample]) -> None:
        for at in range(0, len(batch), PLAIN_BATCH):
            model(**tok.pad({"input_ids": [ids(s) for s in batch[at : at + PLAIN_BATCH]]}, return_tensors="pt"))

    ways: dict[str, Callable[[list[Sample]], object]] = {
        "one by one": loop,
        f"batches of {PLAIN_BATCH}, padded": padded,
        "keystep": ours.score,
    }
    found: dict[str, list[float]] = {way: [] for way in ways}
    for seed in range(rounds + 1):
        batch = samples(seed)
        tokens = sum(len(ids(s)) for s in batch)
        for way, run in ways.items():
            began = time.process_time()
            run(batch)
            if seed:  # the first round warms
                found[way].append(tokens / (time.process_time() - began))
    ours.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds after the one that warms")
    parser.add_argument("--quick", action="store_true", help="one round")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for hidden, layers in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            found = compare(checkpoint(Path(folder), hidden, layers), 1 if arguments.quick else arguments.rounds)
        print(f"\nReward model of {layers} layers, width {hidden}{'tokens/CPU s':>22}{'times one by one':>20}")
        for way, rates in found.items():
            ratios = [rate / one for rate, one in zip(rates, found["one by one"], strict=True)]
            print(f"{way:38}{max(rates):18,.0f}{median(ratios):20.2f}", flush=True)


if __name__ == "__main__":
    main()
