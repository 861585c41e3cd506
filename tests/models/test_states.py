"""Packed rows have the states of each row alone, and are computed once; what cannot be packed is padded, with the same states.

Their linear layers are oneDNN's on a CPU in float32, where a model lets them be.
"""

from __future__ import annotations

import random

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from transformers import (
    AutoModelForSequenceClassification,
    BertConfig,
    BertForTokenClassification,
    Gemma2Config,
    Gemma2ForSequenceClassification,
    GPT2Config,
    GPT2ForSequenceClassification,
    LlamaForSequenceClassification,
    MistralConfig,
    MistralForSequenceClassification,
    Qwen2Config,
    Qwen2Model,
    Qwen3Config,
    Qwen3ForSequenceClassification,
)

from keystep.models import heads, products
from keystep.models.products import Product
from keystep.models.sample import Sample
from keystep.models.spec import Local
from keystep.models.states import Packed, Padded, of_decoder
from models import tiny

KIN = {"vocab_size": 400, "num_key_value_heads": 2, "num_labels": 1, "pad_token_id": 1, **tiny.SIZES}
PROBE = list(range(20, 60))


def grown(seed: int, count: int = 24, longer: int = 1) -> list[tuple[int, ...]]:
    """Rows that begin as others do, are the beginning of another, or share nothing; in no order. longer: times 60 tokens, or some more."""
    rng = random.Random(seed)
    rows = [tuple(rng.choices(range(10, 400), k=rng.randint(1, 60 * longer)))]
    while len(rows) < count:
        base = rng.choice(rows)
        rows.append((*base[: rng.randint(0, len(base))], *rng.choices(range(10, 400), k=rng.randint(0, 40 * longer))) or (7,))
    return rows


def llama(dtype: torch.dtype = torch.float32):
    torch.manual_seed(5)
    return LlamaForSequenceClassification(tiny.llama(num_labels=1)).eval().requires_grad_(False).to(dtype)


@pytest.fixture(scope="module")
def packed() -> Packed:
    states = of_decoder(llama(), "cpu", PROBE)
    assert isinstance(states, Packed)
    return states


def test_a_packs_states_are_those_of_each_row_alone(packed):
    plain = llama().base_model
    for seed in range(6):
        rows = grown(seed, longer=1 + 4 * (seed // 3))
        places = [sorted({0, len(row) // 2, len(row) - 1}) for row in rows]
        found = packed.at(rows, places)
        alone = torch.cat([plain(torch.tensor([row])).last_hidden_state[0, within] for row, within in zip(rows, places, strict=True)])
        assert found.shape == alone.shape
        assert torch.allclose(found, alone, rtol=0, atol=1e-5)


def test_what_rows_begin_with_alike_is_computed_once_and_the_last_layer_only_where_it_is_read(packed):
    tokens: list[int] = []
    hooks = [
        layer.mlp.up_proj.register_forward_pre_hook(lambda _, given: tokens.append(given[0].shape[1])) for layer in packed._base.layers
    ]
    rows = sorted(grown(9))
    packed.at(rows, [[len(row) - 1] for row in rows])
    for hook in hooks:
        hook.remove()
    assert tokens == [len({row[:n] for row in rows for n in range(1, len(row) + 1)}), len(rows)]
    assert tokens[0] < 0.8 * sum(map(len, rows))


class Attending(TorchDispatchMode):
    """shapes: (tokens that attend, tokens that they are shown) of each attention, as torch runs them."""

    def __init__(self) -> None:
        super().__init__()
        self.shapes: list[tuple[int, int]] = []

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        if "scaled_dot_product" in str(op):
            self.shapes.append((args[0].shape[2], args[1].shape[2]))
        return op(*args, **(kwargs or {}))


def test_tokens_are_shown_little_more_than_they_see_and_in_the_last_layer_only_those_attend_that_are_read(packed):
    rows = sorted(grown(1, longer=10))
    places = [sorted({len(row) // 2, len(row) - 1}) for row in rows]
    with Attending() as attending:
        packed.at(rows, places)
    computed = {row[:n] for row in rows for n in range(1, len(row) + 1)}
    reads = sum(map(len, places))
    first, last = attending.shapes[: -len(rows)], attending.shapes[-len(rows) :]
    assert sum(tokens for tokens, _ in first) == len(computed)
    assert [tokens for tokens, _ in last] == list(map(len, places))
    assert sum(tokens for tokens, _ in last) == reads
    seen = sum(map(len, computed))
    assert seen <= sum(tokens * shown for tokens, shown in first) < seen + 64 * len(computed)


@pytest.mark.parametrize("budget", [1, 50, 200, 10_000])
def test_each_row_is_in_one_batch_and_none_computes_more_than_the_budget(packed, budget):
    rows = {str(n): row for n, row in enumerate(grown(3))}
    batches = list(packed.cut(rows, budget))
    assert sorted(item for batch in batches for item in batch) == sorted(rows)
    sizes = [len({rows[i][:n] for i in batch for n in range(1, len(rows[i]) + 1)}) for batch in batches]
    assert all(size <= budget or len(batch) == 1 for size, batch in zip(sizes, batches, strict=True))
    assert len(batches) == 1 or budget < 10_000


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_what_rounds_more_is_packed_too(dtype):
    assert isinstance(of_decoder(llama(dtype), "cpu", PROBE), Packed)


def linear_layers(model) -> set[type]:
    return {type(m) for m in model.base_model.modules() if isinstance(m, torch.nn.Linear | Product)}


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch is built without oneDNN")
@pytest.mark.parametrize(("dtype", "kind"), [(torch.float32, Product), (torch.bfloat16, torch.nn.Linear)])
def test_linear_layers_are_onednns_in_float32(dtype, kind):
    model = llama(dtype)
    assert isinstance(of_decoder(model, "cpu", PROBE), Packed)
    assert linear_layers(model) == {kind}


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this torch is built without oneDNN")
def test_linear_layers_can_be_had_back_as_they_were():
    torch.manual_seed(9)
    model = Qwen2Model(Qwen2Config(vocab_size=400, num_key_value_heads=2, **tiny.SIZES)).eval()  # with biases in some
    with torch.no_grad():
        for bias in (p for name, p in model.named_parameters() if name.endswith("bias")):
            bias.normal_()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    ids = torch.tensor([PROBE])
    with torch.inference_mode():
        plain = model(ids).last_hidden_state
        products.lay_out(model)
        assert linear_layers(model) == {Product}
        assert torch.allclose(model(ids).last_hidden_state, plain, rtol=0, atol=1e-5)
        products.take_back(model)
        assert torch.equal(model(ids).last_hidden_state, plain)
    assert {name: tensor.tolist() for name, tensor in model.state_dict().items()} == {n: t.tolist() for n, t in before.items()}


class OwnProduct(torch.nn.Module):
    """A part of a layer that reads its linear layer's weights itself."""

    def __init__(self, linear: torch.nn.Linear) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return states @ self.linear.weight.T


def test_a_model_that_reads_its_layers_weights_itself_is_packed_with_the_layers_it_has():
    model = llama()
    for layer in model.base_model.layers:
        layer.mlp = OwnProduct(layer.self_attn.o_proj)
    states = of_decoder(model, "cpu", PROBE)
    assert isinstance(states, Packed)
    assert linear_layers(model) == {torch.nn.Linear}


class Mixing(torch.nn.Module):
    """A part of a layer by which each token sees all before it, in whatever row."""

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        return states.cumsum(1)


def test_a_model_whose_rows_would_see_one_another_is_padded():
    model = llama()
    model.base_model.layers[0].mlp = Mixing()
    states = of_decoder(model, "cpu", PROBE)
    assert isinstance(states, Padded)
    rows = grown(2)
    alone = torch.cat([model.base_model(torch.tensor([row])).last_hidden_state[0, -1:] for row in rows])
    assert torch.allclose(states.at(rows, [[len(row) - 1] for row in rows]), alone, rtol=0, atol=1e-5)


# name: (how it is run, its model)
MODELS = {
    "qwen3": (Packed, lambda: Qwen3ForSequenceClassification(Qwen3Config(head_dim=8, **KIN))),
    "gpt2": (
        Packed,
        lambda: GPT2ForSequenceClassification(
            GPT2Config(
                vocab_size=400,
                n_embd=32,
                n_layer=2,
                n_head=4,
                num_labels=1,
                pad_token_id=1,
                bos_token_id=0,
                eos_token_id=1,
                initializer_range=0.2,
            )
        ),
    ),
    "mistral": (Packed, lambda: MistralForSequenceClassification(MistralConfig(sliding_window=None, **KIN))),
    "a window of 16 tokens": (Padded, lambda: MistralForSequenceClassification(MistralConfig(sliding_window=16, **KIN))),
    "a window in every other layer": (Padded, lambda: Gemma2ForSequenceClassification(Gemma2Config(head_dim=8, sliding_window=16, **KIN))),
}


@pytest.mark.parametrize("name", MODELS)
def test_whatever_the_architecture_a_group_is_scored_as_each_response_alone(tmp_path, name):
    kind, make = MODELS[name]
    torch.manual_seed(6)
    folder = tiny.saved(tmp_path, make(), tiny.tokenizer())
    samples = [Sample(f"What is {q} + 2?", "It is the sum, " + "so we add " * (n * n) + str(n)) for q in range(3) for n in range(4)]
    model = heads.load(Local(kind="bradley_terry", model=folder))
    assert type(model._states) is kind
    batches = list(model.cut(dict(zip(samples, model.lengths(samples), strict=True)), 400))
    found = {sample: score.value for batch in batches for sample, score in zip(batch, model.run(batch), strict=True)}
    plain = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    for sample in samples:
        ids = model._encoder.encode(sample).ids
        with torch.no_grad():
            assert found[sample] == pytest.approx(plain(torch.tensor([ids])).logits.item(), rel=0, abs=1e-5)


def test_an_encoder_of_two_classes_a_token_is_read_by_its_own_head(tmp_path):
    torch.manual_seed(7)
    folder = tiny.saved(
        tmp_path, BertForTokenClassification(BertConfig(vocab_size=400, num_labels=2, **tiny.SIZES)), tiny.tokenizer(adds_bos=False)
    )
    samples = [Sample("What is 1 + 2?", "", steps=("one and two", "three " * n)) for n in range(1, 4)]
    model = heads.load(Local(kind="prm_class", model=folder))
    plain = BertForTokenClassification.from_pretrained(folder).eval()
    for sample, score in zip(samples, model.run(samples), strict=True):
        encoded = model._encoder.encode(sample)
        with torch.no_grad():
            logits = plain(torch.tensor([encoded.ids])).logits[0, list(encoded.at)]
        assert list(score.steps) == pytest.approx(torch.softmax(logits, -1)[:, 1].tolist(), rel=0, abs=1e-5)
