"""Tokens a CPU second of a reward model: keystep's batcher beside a loop over samples and batches padded as they come.

    python tests/bench/reward_models.py

Random models on one thread, with the tokenizer of all-MiniLM-L6-v2, over groups of responses as a trainer sends them: real ones of KEYSTEP_SHARED (GSM8K
in groups of 4, MATH in groups of 8, both together), or this benchmark's own rollouts where there are none. Each round takes other questions, and all
ways take turns in it; figures are medians over rounds, ratios are taken within a round. Tokens are the samples' own, every one counted,
padding not. "Products alone" are the model's linear layers on numbers of the samples' lengths: what a loop cannot do without. By oneDNN they are
those of keystep/models/products.py.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForSequenceClassification, LlamaForTokenClassification, PreTrainedTokenizerFast

from keystep.models.local import LocalModel
from keystep.models.products import Product
from keystep.models.sample import Sample
from keystep.models.spec import Local
from models import tiny
from models.minilm import folder as minilm

sys.path.insert(0, str(Path(__file__).parent))
from rollouts import groups

SYSTEM = "Please reason step by step, and put your final answer within \\boxed{}."
PLAIN_BATCH = 32
# hidden size, layers, size of the feed-forward part
SIZES = ((64, 2, 192), (128, 4, 384), (384, 6, 1152))
# Questions a round.
GSM8K, MATH = 8, 2
TAG = "<extra_0>"
MODELS: dict[str, Any] = {"bradley_terry": LlamaForSequenceClassification, "prm_class": LlamaForTokenClassification}
LABELS = {"bradley_terry": 1, "prm_class": 2}


def samples(seed: int, which: str) -> list[Sample]:
    """Group after group. Distinct ones: what stands twice is run once, and would flatter the batcher."""
    found = []
    for question, responses in questions(seed, which):
        for text in responses:
            steps = tuple(line for line in text.split("\n") if line.strip())
            found.append(Sample(question, text, steps=steps))
    return list(dict.fromkeys(found))


def questions(seed: int, which: str) -> list[tuple[str, list[str]]]:
    if which == "generated":
        return [(g["question"], [r["text"] for r in g["rollouts"]]) for g in groups(seed, GSM8K)]
    data = Path(os.environ["KEYSTEP_SHARED"]) / "data"
    found = []
    if which in {"GSM8K", "both"}:
        kinds = ("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")
        rows = (data / "gsm8k/example_model_solutions.jsonl").read_text().splitlines()[seed * GSM8K : (seed + 1) * GSM8K]
        found += [(row["question"], [row[kind]["solution"] for kind in kinds]) for row in map(json.loads, rows)]
    if which in {"MATH", "both"}:
        rows = (data / "qwen-math/math_cot_100.jsonl").read_text().splitlines()[seed * MATH : (seed + 1) * MATH]
        found += [(row["question"], row["code"]) for row in map(json.loads, rows)]
    return found


def checkpoint(folder: Path, kind: str, width: int, layers: int, inner: int) -> str:
    tok = PreTrainedTokenizerFast(tokenizer_file=str(minilm() / "tokenizer.json"), pad_token="[PAD]", unk_token="[UNK]")
    tok.add_tokens([TAG], special_tokens=True)
    tok.chat_template = tiny.CHAT.replace("{{ bos_token }}", "")
    config = LlamaConfig(
        vocab_size=len(tok),
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=max(4, width // 64),
        num_labels=LABELS[kind],
        pad_token_id=tok.pad_token_id,
    )
    torch.manual_seed(0)
    return tiny.saved(folder, MODELS[kind](config), tok)


class Plain:
    """The same model, run by hand."""

    def __init__(self, folder: str, kind: str) -> None:
        self.kind = kind
        self.tok = AutoTokenizer.from_pretrained(folder)
        self.tag = self.tok.convert_tokens_to_ids(TAG)
        self.model: Any = MODELS[kind].from_pretrained(folder).eval()
        self.linear = [m for name, m in self.model.base_model.named_modules() if isinstance(m, torch.nn.Linear)]

    def ids(self, sample: Sample) -> list[int]:
        text = "".join(step.strip() + TAG for step in sample.steps) if self.kind == "prm_class" else sample.text
        said = [("system", SYSTEM), ("user", sample.question), ("assistant", text)]
        messages = [{"role": role, "content": content} for role, content in said]
        return self.tok.apply_chat_template(messages, tokenize=True)["input_ids"]

    def read(self, tokens: dict[str, torch.Tensor]) -> list[float]:
        logits = self.model(**tokens).logits
        return (torch.softmax(logits[tokens["input_ids"] == self.tag], -1)[:, 1] if self.kind == "prm_class" else logits[:, 0]).tolist()

    @torch.inference_mode()
    def loop(self, batch: list[Sample]) -> list[float]:
        return [value for sample in batch for value in self.read({"input_ids": torch.tensor([self.ids(sample)])})]

    @torch.inference_mode()
    def padded(self, batch: list[Sample]) -> list[float]:
        found = []
        for at in range(0, len(batch), PLAIN_BATCH):
            rows = [self.ids(s) for s in batch[at : at + PLAIN_BATCH]]
            found += self.read(self.tok.pad({"input_ids": rows}, padding_side="right", return_tensors="pt"))
        return found

    @torch.inference_mode()
    def products(self, batch: list[Sample], layers: list[Any]) -> None:
        for sample in batch:
            count = len(self.ids(sample))
            numbers = {width: torch.ones(1, count, width) for width in {m.in_features for m in self.linear}}
            for linear, layer in zip(self.linear, layers, strict=True):
                layer(numbers[linear.in_features])


def shared(rows: list[list[int]]) -> float:
    """What share of the rows' tokens stands in a beginning that another of them has too, and need not be computed again."""
    return 1 - len({tuple(row[:n]) for row in rows for n in range(1, len(row) + 1)}) / sum(map(len, rows))


def compare(folder: str, kind: str, which: str, rounds: int) -> tuple[dict[str, list[float]], str]:
    """Tokens a CPU second of each way, a round each; and what the samples are like."""
    plain = Plain(folder, kind)
    ours = LocalModel("bench", Local.model_validate({"kind": kind, "model": folder, "system": SYSTEM}))
    ours.start()

    onednn = [Product(linear) for linear in plain.linear]

    def keystep(batch: list[Sample]) -> list[float]:
        scores = ours.score(batch)
        return [step for s in scores for step in s.steps or ()] if kind == "prm_class" else [s.value for s in scores]

    ways: dict[str, Callable[[list[Sample]], Any]] = {
        "one by one": plain.loop,
        f"batches of {PLAIN_BATCH}, padded": plain.padded,
        "keystep": keystep,
        "one by one, products alone": lambda batch: plain.products(batch, plain.linear),
        "the same by oneDNN": lambda batch: plain.products(batch, onednn),
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    lengths: list[int] = []
    alike = []
    for seed in range(rounds + 1):
        batch = samples(seed, which)
        rows = [plain.ids(s) for s in batch]
        counts = list(map(len, rows))
        alike.append(shared(rows))
        answers = {}
        for way, run in ways.items():
            began = time.process_time()
            answers[way] = run(batch)
            if seed:  # the first round warms
                rates[way].append(sum(counts) / (time.process_time() - began))
        lengths += counts
        if max(abs(a - b) for a, b in zip(answers["one by one"], answers["keystep"], strict=True)) > 1e-5:
            raise SystemExit("keystep's scores are not those of the loop")
    ours.close()
    return (
        rates,
        f"{min(lengths)} to {max(lengths)} tokens, median {median(lengths):.0f}; {median(alike):.0%} stand in a beginning shared with another",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="rounds after the one that warms")
    parser.add_argument("--quick", action="store_true", help="one round, of the two small models")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    real = Path(os.environ.get("KEYSTEP_SHARED", "")) / "data/gsm8k"
    sets = ["GSM8K", "MATH", "both"] if real.is_dir() else ["generated"]
    for width, layers, inner in SIZES[:2] if arguments.quick else SIZES:
        times = []
        for kind in ("bradley_terry", "prm_class"):
            with tempfile.TemporaryDirectory() as folder:
                path = checkpoint(Path(folder), kind, width, layers, inner)
                for which in sets if kind == "bradley_terry" else sets[-1:]:
                    rates, samples_told = compare(path, kind, which, 1 if arguments.quick else arguments.rounds)
                    told = f"{kind}, {layers} layers of width {width}, {which}: {samples_told}"
                    print(f"\n{told}\n{'':34}{'tokens/CPU s':>14}{'times one by one':>20}")
                    for way, found in rates.items():
                        print(f"{way:34}{median(found):14,.0f}{ratio(rates, way):20.2f}", flush=True)
                    times.append(f"{ratio(rates, 'keystep'):.2f} ({kind}, {which})")
        print(f"\n{layers} layers of width {width}, keystep times one by one: {', '.join(times)}")


def ratio(rates: dict[str, list[float]], way: str) -> float:
    """The median over rounds of how many times as fast as one by one a way is."""
    return median(rate / one for rate, one in zip(rates[way], rates["one by one"], strict=True))


if __name__ == "__main__":
    main()
