"""Every kind of local reward model equals a plain transformers forward, one sample at a time, however samples are batched."""

from __future__ import annotations

import random
from functools import cache
from unicodedata import normalize

import pytest
import torch
from pydantic import ValidationError
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from keystep.errors import ComponentError
from keystep.models.checkpoints import DebertaV2PairRM, Qwen2ForProcessRewardModel
from keystep.models.local import LocalModel
from keystep.models.sample import Sample, Score
from keystep.models.spec import Local
from keystep.nouns import Reason
from models import tiny

# From a few tokens to a few hundred, with what only looks like a mark or a special token.
WHOLE = [Sample(f"What is {n} + 2?", "the answer is " * (n * n) + f"{n + 2}</s>" * (n % 3)) for n in range(12)]
STEPS = [
    Sample(
        f"What is {n} + 2?", "", steps=tuple(f" step {i}: the sum <extra_0> is {i} ки + - " * (1 + (i + n) % 3) for i in range(1 + n % 5))
    )
    for n in range(10)
]
CLOSE = {"rel": 0, "abs": 1e-5}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("checkpoints")
    return {
        "bradley_terry": tiny.bradley_terry(base / "bt"),
        "prm_class": tiny.qwen_prm(base / "qwen"),
        "prm_token": tiny.causal(base / "causal"),
        "prm_turn": str(base / "causal"),
        "pairrm": tiny.pairrm(base / "pairrm"),
    }


def scored(folder: str, samples: list[Sample], *, kind: str, **more) -> list[Score]:
    model = LocalModel("m", Local(kind=kind, model=folder, **more))
    model.start()
    try:
        return model.score(samples)
    finally:
        model.close()


@cache
def loaded(folder: str, kind=AutoModelForSequenceClassification, **config):
    return AutoTokenizer.from_pretrained(folder), kind.from_pretrained(folder, **config).eval()


def chat_ids(tok, sample: Sample, text: str) -> torch.Tensor:
    messages = [{"role": "user", "content": sample.question}, {"role": "assistant", "content": text}]
    return torch.tensor([tok.apply_chat_template(messages, tokenize=True)["input_ids"]])


def plain_bradley_terry(folder: str, sample: Sample, **config) -> float:
    tok, model = loaded(folder, **config)
    with torch.no_grad():
        return model(chat_ids(tok, sample, sample.text)).logits.item()


@pytest.mark.parametrize("budget", [1, 300, 4000, 100_000])
def test_bradley_terry_is_the_plain_forward_for_every_batch_size_and_order(folders, budget):
    folder = folders["bradley_terry"]
    plain = {s: plain_bradley_terry(folder, s) for s in WHOLE}
    assert len({round(v, 3) for v in plain.values()}) == len(WHOLE)
    shuffled = random.Random(budget).sample(WHOLE, len(WHOLE))
    found = scored(folder, shuffled, kind="bradley_terry", token_budget=budget)
    assert [s.value for s in found] == [pytest.approx(plain[s], **CLOSE) for s in shuffled]
    assert not any(s.truncated for s in found)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_padding_side_and_a_padding_that_is_the_end_token_do_not_matter(tmp_path, side):
    """The trap: transformers looks for the last token that is not the padding, and so drops a real end token."""
    folder = tiny.bradley_terry(tmp_path, chat=tiny.CHAT_ENDING, pad="</s>", side=side, pad_token_id=1)
    right = [plain_bradley_terry(folder, s, pad_token_id=399) for s in WHOLE]
    trapped = [plain_bradley_terry(folder, s) for s in WHOLE]
    assert max(abs(a - b) for a, b in zip(right, trapped, strict=True)) > 0.1
    assert [s.value for s in scored(folder, WHOLE, kind="bradley_terry")] == [pytest.approx(v, **CLOSE) for v in right]


def test_there_is_one_bos_however_eager_the_tokenizer_is(folders):
    from keystep.models.prompts import Encoder

    tok = AutoTokenizer.from_pretrained(folders["bradley_terry"])
    assert tok("<s>a")["input_ids"].count(tok.bos_token_id) == 2  # the trap
    encoded = Encoder(tok, Local(kind="bradley_terry", model="m")).encode(WHOLE[1])
    assert encoded.ids.count(tok.bos_token_id) == 1
    assert list(encoded.ids) == chat_ids(tok, WHOLE[1], WHOLE[1].text)[0].tolist()


def test_what_is_truncated_says_so_and_is_the_forward_of_its_first_tokens(folders):
    folder = folders["bradley_terry"]
    tok, model = loaded(folder)
    found = scored(folder, WHOLE, kind="bradley_terry", max_length=100)
    for sample, score in zip(WHOLE, found, strict=True):
        ids = chat_ids(tok, sample, sample.text)
        assert score.truncated == (ids.shape[1] > 100)
        with torch.no_grad():
            assert score.value == pytest.approx(model(ids[:, :100]).logits.item(), **CLOSE)
    assert {s.truncated for s in found} == {True, False}


def test_the_tokens_of_a_qwen2_are_those_of_transformers_own_rules(tmp_path):
    """The trap: what splits and normalises text in the checkpoint's tokenizer.json is not read where the model is a qwen2."""
    folder = tiny.qwen_prm(tmp_path)
    text = "cafe\u0301: 12 and 3"
    ids = AutoTokenizer.from_pretrained(folder)(text)["input_ids"]
    assert ids != Tokenizer.from_file(f"{folder}/tokenizer.json").encode(text).ids
    assert ids == AutoTokenizer.from_pretrained(folder)(normalize("NFC", text))["input_ids"]


def plain_steps(kind: str, folder: str, sample: Sample) -> list[float]:
    """One step a mark, by whole forwards over the conversation up to each step: no offsets, no masks."""
    tok, model = loaded(folder, Qwen2ForProcessRewardModel if kind == "prm_class" else AutoModelForCausalLM)
    good, bad = (tok.encode(mark, add_special_tokens=False)[0] for mark in "+-")
    found = []
    for count in range(1, len(sample.steps) + 1):
        if kind == "prm_turn":
            messages = []
            for n, step in enumerate(sample.steps[:count]):
                messages.append({"role": "user", "content": f"{sample.question}\n\n{step}" if n == 0 else step})
                messages.append({"role": "assistant", "content": "+"})
            text = tok.apply_chat_template(messages[:-1], tokenize=False, add_generation_prompt=True)
            ids = tok(text, add_special_tokens=False)["input_ids"]
        elif kind == "prm_class":
            text = tok.apply_chat_template(
                [
                    {"role": "user", "content": sample.question},
                    {"role": "assistant", "content": "".join(s.strip() + "<extra_0>" for s in sample.steps[:count])},
                ],
                tokenize=False,
            )
            ids = tok(text[: text.rfind("<extra_0>") + len("<extra_0>")], add_special_tokens=False)["input_ids"]
        else:
            content = "\n".join(s.strip() + " ки" for s in sample.steps[:count])
            ids = tok(f"{sample.question} {content}")["input_ids"]
        with torch.no_grad():
            logits = model(torch.tensor([ids])).logits[0, -1]
        found.append(torch.softmax(logits if kind == "prm_class" else logits[[bad, good]], -1)[1].item())
    return found


@pytest.mark.parametrize("kind", ["prm_class", "prm_token", "prm_turn"])
def test_a_process_model_scores_each_step_as_the_plain_forward_does(folders, kind):
    layout = {"layout": "plain"} if kind == "prm_token" else {}
    plain = [plain_steps(kind, folders[kind], s) for s in STEPS]
    for budget in (1, 2000):
        found = scored(folders[kind], STEPS, kind=kind, token_budget=budget, **layout)
        assert [len(s.steps) for s in found] == [len(s.steps) for s in STEPS]
        assert [list(s.steps) for s in found] == [pytest.approx(v, **CLOSE) for v in plain]
    assert len({round(p, 3) for steps in plain for p in steps}) > 10


@pytest.mark.parametrize("kind", ["prm_class", "prm_token", "prm_turn"])
def test_a_step_beyond_the_length_is_an_error_never_a_shorter_list(folders, kind):
    layout = {"layout": "plain"} if kind == "prm_token" else {}
    found = scored(folders[kind], STEPS, kind=kind, max_length=120, **layout)
    assert {s.reason for s in found} == {None, Reason.TRUNCATED_STEPS}
    assert all((s.steps is None) == (s.reason is not None) for s in found)
    assert all(s.truncated for s in found if s.reason)


def test_no_steps_have_no_scores(folders):
    (found,) = scored(folders["prm_class"], [Sample("q", "", steps=())], kind="prm_class")
    assert (found.steps, found.reason) == ((), None)


def test_a_pairwise_model_is_run_in_both_orders(folders):
    folder = folders["pairrm"]
    tok, model = loaded(folder, DebertaV2PairRM)

    def plain(question: str, a: str, b: str) -> float:
        ids, where = [], []
        for prefix, text in (("<|source|>", question), ("<|candidate1|>", a), ("<|candidate2|>", b)):
            where.append(len(ids) + 1)
            ids += tok(prefix + text)["input_ids"]
        with torch.no_grad():
            rows = torch.tensor([ids])
            return model(rows, torch.ones_like(rows), torch.tensor([where])).logits.item()

    pairs = [Sample(f"What is {n}?", "the sum " * n, other="number " * (7 - n)) for n in range(7)]
    for budget in (1, 3000):
        for sample, score in zip(pairs, scored(folder, pairs, kind="pairrm", token_budget=budget), strict=True):
            ab, ba = plain(sample.question, sample.text, sample.other), plain(sample.question, sample.other, sample.text)
            assert dict(score.parts) == {"as_given": pytest.approx(ab, **CLOSE), "swapped": pytest.approx(ba, **CLOSE)}
            assert score.value == pytest.approx(ab - ba, **CLOSE)
    turned = [Sample(s.question, s.other, other=s.text) for s in pairs]
    back = [-s.value for s in scored(folder, turned, kind="pairrm")]
    assert back == [pytest.approx(s.value, **CLOSE) for s in scored(folder, pairs, kind="pairrm")]


def test_armorm_is_its_own_codes_forward_with_named_objectives(tmp_path):
    folder = tiny.armorm(tmp_path / "armo")
    tok, model = loaded(folder, AutoModelForSequenceClassification, trust_remote_code=True)
    samples = [*WHOLE, *(Sample(s.question, s.text.replace("answer", "number")) for s in WHOLE)]  # some of one length
    found = scored(folder, samples, kind="armorm", remote_code=True)
    for sample, score in zip(samples, found, strict=True):
        with torch.no_grad():
            out = model(chat_ids(tok, sample, sample.text))
        assert score.value == pytest.approx(out.score.item(), **CLOSE)
        assert list(dict(score.parts).values()) == pytest.approx(out.rewards[0].tolist(), **CLOSE)
    assert [name for name, _ in found[0].parts][::9] == ["helpsteer-helpfulness", "ultrafeedback-helpfulness", "code-readability"]


def test_no_code_of_a_checkpoint_runs_unless_it_is_told_to(tmp_path):
    folder = tiny.armorm(tmp_path / "armo")
    (tmp_path / "armo/modeling_tiny.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(ValidationError, match="set remote_code to true where you trust it"):
        Local(kind="armorm", model=folder)
    with pytest.raises(ComponentError, match=r"has no weights for score\.weight"):
        scored(folder, [], kind="bradley_terry")


def test_in_bfloat16_company_moves_a_score_less_than_documented(folders):
    alone = scored(folders["bradley_terry"], WHOLE, kind="bradley_terry", dtype="bfloat16", token_budget=1)
    together = scored(folders["bradley_terry"], WHOLE, kind="bradley_terry", dtype="bfloat16", token_budget=100_000)
    assert max(abs(a.value - b.value) for a, b in zip(alone, together, strict=True)) < 0.05


@pytest.mark.parametrize(
    ("make", "spec", "said"),
    [
        (tiny.causal, {"kind": "bradley_terry"}, "has no weights for score.weight, so it is no bradley_terry"),
        (lambda f: tiny.bradley_terry(f, labels=2), {"kind": "bradley_terry"}, "has 2 labels; a Bradley-Terry model has one"),
        (lambda f: tiny.qwen_prm(f, labels=3), {"kind": "prm_class"}, "has 3 classes"),
        (lambda f: tiny.bradley_terry(f, chat=None), {"kind": "bradley_terry"}, "has no chat template; give chat_template"),
        (lambda f: tiny.causal(f, final_logit_softcapping=30.0), {"kind": "prm_turn"}, "has final_logit_softcapping, which changes logits"),
        (lambda f: tiny.scaled(f, "dynamic"), {"kind": "bradley_terry"}, "set max_length to 64 at most"),
        (lambda f: tiny.scaled(f, "longrope"), {"kind": "bradley_terry", "max_length": 33}, "set max_length to 32 at most"),
        (tiny.bradley_terry, {"kind": "bradley_terry", "device": "cuda:99"}, "cannot be loaded"),
        (tiny.bradley_terry, {"kind": "pairrm"}, "a pairrm is a DebertaV2PairRM"),
        (str, {"kind": "bradley_terry"}, "cannot be loaded"),
    ],
)
def test_a_checkpoint_that_is_not_what_it_is_called_is_refused(tmp_path, make, spec, said):
    with pytest.raises(ComponentError, match=said) as raised:
        scored(make(tmp_path / "m"), [], **spec)
    assert raised.value.reason is Reason.MODEL_UNAVAILABLE


@pytest.mark.parametrize(("rope", "most"), [("dynamic", 64), ("longrope", 32)])
def test_where_positions_are_scaled_by_the_longest_row_scores_stay_below_that(tmp_path, rope, most):
    """The trap: beyond a length transformers gives the positions of all rows another scale, and may keep it for those that come later."""
    folder = tiny.scaled(tmp_path, rope)
    tok, model = loaded(folder)
    short = torch.arange(20, 20 + most // 2)[None]
    with torch.no_grad():
        alone = model.base_model(short).last_hidden_state
        together = model.base_model(
            short.expand(2, -1), position_ids=torch.stack([torch.arange(most // 2), torch.arange(most // 2) + 4 * most])
        )
    assert not torch.allclose(alone[0], together.last_hidden_state[0], atol=1e-3)
    fresh = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    found = scored(folder, WHOLE, kind="bradley_terry", max_length=most)
    for sample, score in zip(WHOLE, found, strict=True):
        with torch.no_grad():
            assert score.value == pytest.approx(fresh(chat_ids(tok, sample, sample.text)[:, :most]).logits.item(), **CLOSE)
