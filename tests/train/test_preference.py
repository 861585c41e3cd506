"""Preference training: every objective learns its pairs, the reference may be precomputed or live, and what stands beside never matters."""

import json

import pytest
import torch

from keystep_train import config, pairs, preference
from keystep_train.analysis import RunFiles, figures, read
from keystep_train.batches import fit, response_logps
from keystep_train.config import Analyse
from keystep_train.errors import DataError
from keystep_train.plots import curve
from keystep_train.policies import Policy, load
from keystep_train.report import write as write_report
from keystep_train.tasks import Flaws, task
from train import configs

OBJECTIVES = [
    {"name": "simpo", "gamma_beta_ratio": 0.5},
    {"name": "simpo", "gamma": 1.0, "length_normalised": False, "beta": 0.1},
    {"name": "simpo_hinge", "gamma": 1.0},
    {"name": "dpo", "beta": 0.1},
    {"name": "ipo"},
    {"name": "cpo"},
    {"name": "kto"},
    {"name": "orpo"},
    {"name": "r_dpo", "beta": 0.1},
    {"name": "rrhf"},
    {"name": "slic_hf"},
]


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """References against responses with every step wrong; TRL's form, as texts and as messages."""
    import random

    made, rng = task("arithmetic", difficulty=2), random.Random(0)
    rows = []
    for i in range(12):
        q = made.question("train", i)
        row = {"prompt": q.prompt, "chosen": q.reference, "rejected": made.response("train", i, Flaws(step=1.0), rng)}
        rows.append(row if i % 2 else {name: [{"role": "user", "content": text}] for name, text in row.items()})
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def said(output, file, objective, model, **more):
    common = configs.common(
        output, "http://127.0.0.1:9", steps=8, batch=12, model={"path": str(model)}, pairs=str(file), held_out=str(file)
    )
    return configs.settings(config.Preference, common | {"objective": objective, "optimiser": {"rate": 1e-2, "warmup": 0}} | more)


def metrics(output):
    lines = [json.loads(line) for line in (output / "metrics.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if not name.startswith(("time/", "memory/"))} for line in lines]


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda o: o["name"])
def test_every_objective_learns_its_pairs_alike_with_a_live_and_a_precomputed_reference(objective, tmp_path, file, warmed):
    preference.train(said(tmp_path / "precomputed", file, objective, warmed))
    preference.train(said(tmp_path / "live", file, objective, warmed, reference="live"))
    learnt = metrics(tmp_path / "precomputed")
    assert learnt[-1]["rewards/margin"] > learnt[0]["rewards/margin"]
    assert learnt[-1]["loss"] < learnt[0]["loss"]
    for line, other in zip(learnt, metrics(tmp_path / "live"), strict=True):
        assert line == pytest.approx(other, rel=1e-4, abs=1e-5)


def test_micro_batches_give_the_gradient_of_the_whole(tmp_path, file, warmed):
    for size in (12, 5):
        preference.train(said(tmp_path / str(size), file, {"name": "dpo", "beta": 0.1}, warmed, micro_batch=size))
    for line, other in zip(metrics(tmp_path / "12"), metrics(tmp_path / "5"), strict=True):
        assert line == pytest.approx(other, rel=1e-3, abs=1e-5)


def test_the_report_shows_what_the_paper_plots(tmp_path, file, warmed):
    for name, objective in (("SimPO", {"name": "simpo", "gamma_beta_ratio": 0.5}), ("DPO", {"name": "dpo", "beta": 0.1})):
        preference.train(said(tmp_path / name, file, objective, warmed))
    write_report(Analyse(output=str(tmp_path / "report"), runs={name: str(tmp_path / name) for name in ("SimPO", "DPO")}))
    page = (tmp_path / "report" / "report.html").read_text()
    for title in (
        "margins of held-out pairs",
        "log-probability against length",
        "margin against length difference",
        "KL against beta",
        "peak memory",
    ):
        assert f"<h2>{title}</h2>" in page
    numbers = json.loads((tmp_path / "report" / "figures.json").read_text())
    assert sum(numbers["DPO"]["agreement"].values()) == pytest.approx(1)
    assert numbers["SimPO"]["accuracy"] > 0.5
    assert "http" not in page.replace("http://www.w3.org", "").replace("http://purl.org", "").replace(
        "http://creativecommons.org", ""
    ).replace("https://matplotlib.org", "")


def test_a_metric_that_was_logged_once_can_be_seen():
    run = RunFiles("a", {}, [{"step": 62, "evaluation/sampled_accuracy": 0.3}], [])
    (line,) = curve([run], "evaluation/sampled_accuracy", "sampled accuracy").axes[0].lines
    assert line.get_marker() == "o"


def test_figures_of_pairs_worked_out_by_hand(tmp_path):
    rows = [
        {
            "chosen": -4.0,
            "rejected": -9.0,
            "reference_chosen": -5.0,
            "reference_rejected": -6.0,
            "chosen_length": 2,
            "rejected_length": 3,
            "margin": 1.0,
        },
        {
            "chosen": -8.0,
            "rejected": -4.0,
            "reference_chosen": -9.0,
            "reference_rejected": -4.0,
            "chosen_length": 4,
            "rejected_length": 1,
            "margin": -1.0,
        },
    ]
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "time/step": 2.0, "time/cpu": 1.5}\n')
    (tmp_path / "held_out.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = figures(read("run", tmp_path))
    assert found["accuracy"] == 0.5
    assert found["kl_on_chosen"] == 1.0
    assert found["reference_accuracy"] == 0.5  # -2.5 against -2; -2.25 against -4
    assert found["agreement"] == {"++": 1.0, "+-": 0.0, "-+": 0.0, "--": 0.0}
    # averages -2 (2), -3 (3), -2 (4), -4 (1): ranks 3.5, 2, 3.5, 1 against 2, 3, 4, 1
    assert found["length_correlation"] == pytest.approx(0.632456, abs=1e-5)
    assert (found["seconds_a_step"], found["cpu_seconds_a_step"], found["peak_memory_mib"]) == (2.0, 1.5, None)
    with pytest.raises(DataError, match=r"runs\.gone: .*config\.json"):
        read("gone", tmp_path / "gone")


def test_padding_neighbours_and_micro_batches_never_change_a_log_probability(warmed):
    policy = load(config.Model(path=str(warmed)), None, seed=0)
    questions = [task("arithmetic", difficulty=d).question("train", d) for d in (1, 2)]
    together = policy.teacher_forced(questions, [q.reference for q in questions], most=512)
    both = response_logps(policy.model, together)
    for i, question in enumerate(questions):
        alone = policy.teacher_forced([question], [question.reference], most=512)
        torch.testing.assert_close(both[i][together.mask[i].bool()], response_logps(policy.model, alone)[0], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(response_logps(policy.model, together.rows(i, i + 1))[0], both[i], rtol=1e-4, atol=1e-5)


def test_a_response_ends_with_one_end_token_and_the_mask_holds_it(warmed):
    policy = load(config.Model(path=str(warmed)), None, seed=0)
    question = task("arithmetic", difficulty=1).question("train", 1)
    batch = policy.teacher_forced([question], [question.reference], most=512)
    tokens = batch.responses[0][batch.mask[0].bool()].tolist()
    assert tokens.count(policy.tokenizer.eos_token_id) == 1
    assert tokens[-1] == policy.tokenizer.eos_token_id
    assert policy.texts(batch) == [question.reference]
    assert policy.truncated(batch) == [False]


@pytest.mark.parametrize("most", [2, 3, 5, 9, 100])
def test_truncation_never_empties_a_response(most):
    prompt, response = fit(list(range(10)), list(range(20, 26)), most)
    assert response == list(range(20, 26))[: max(1, most - 1)][: len(response)]
    assert 1 <= len(response) <= 6
    assert 1 <= len(prompt) + len(response) <= most
    assert prompt == list(range(10))[10 - len(prompt) :]


def test_a_chat_template_brings_the_only_bos(warmed):
    policy = load(config.Model(path=str(warmed)), None, seed=0)
    words = policy.tokenizer
    words.bos_token = "<|vision_start|>"
    words.chat_template = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    tokens = Policy(policy.model, words).prompt_tokens("1 + 2\n")
    assert tokens.count(words.bos_token_id) == 1
    assert tokens[0] == words.bos_token_id
    assert words.bos_token_id not in policy.response_tokens("1 + 2\n")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"prompt": "a", "chosen": "b"}', "line 1: 'rejected'"),
        ('{"prompt": "a", "chosen": "b", "rejected": ""}', "an empty response"),
        (
            '{"prompt": [{"content": "a"}, {"content": "b"}], "chosen": "b", "rejected": "c"}',
            "prompt is to be a text, or a list of one message",
        ),
        ("not json", "line 1"),
        ("", "has no pairs"),
    ],
)
def test_a_line_that_is_no_pair_is_named_with_what_it_is_to_be(line, said, tmp_path):
    path = tmp_path / "pairs.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(DataError, match=said.replace("(", r"\(")):
        pairs.read(path)


def test_every_pair_comes_once_in_each_round_in_another_order():
    rounds = [pairs.order(7, 7 * i, 7, seed=0) for i in range(3)]
    assert all(sorted(one) == list(range(7)) for one in rounds)
    assert rounds[0] != rounds[1]
    assert pairs.order(7, 5, 4, seed=0) == rounds[0][5:] + rounds[1][:2]
