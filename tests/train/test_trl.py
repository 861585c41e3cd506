"""Numerical agreement with TRL (pinned), where both claim the same formula: its trainers' loss on their own batch against ours on the pairs.

Prompts and responses go through both sides' own tokenisation, masking and padding.
"""

import copy
import os

import pytest
import torch
import transformers
from datasets import Dataset

from keystep_train import config, losses, objectives, pairs
from keystep_train.batches import response_logps
from keystep_train.logprobs import PairLogps, SequenceLogps
from keystep_train.policies import Policy
from keystep_train.tasks import task, tiny

os.environ["TRL_EXPERIMENTAL_SILENCE"] = "1"

# TRL 1.16's own, under a newer transformers.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")

ROWS = 6
QUIET = {
    "per_device_train_batch_size": ROWS,
    "use_cpu": True,
    "bf16": False,
    "activation_checkpointing": False,
    "report_to": [],
    "save_strategy": "no",
    "max_length": 256,
    "disable_dropout": False,
    "remove_unused_columns": False,
}


@pytest.fixture(scope="module")
def rows():
    """Responses of different lengths; the rejected ones are shorter or longer."""
    rows = []
    for i in range(ROWS):
        made = [task("arithmetic", difficulty=d) for d in (i % 3 + 1, (i + 1) % 3 + 1)]
        rows.append((made[0].question("train", i).prompt, made[0].question("train", i).reference, made[1].question("train", i).reference))
    return rows


@pytest.fixture(scope="module")
def models():
    """A policy, and a reference that differs from it."""
    words = tiny.tokenizer(task("arithmetic", difficulty=3).texts())
    torch.manual_seed(0)
    policy = tiny.text_model(words, hidden=32, layers=1, heads=2)
    reference = copy.deepcopy(policy)
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return Policy(policy, words), Policy(reference, words)


def sequences(policy, prompts, responses):
    batch = policy.teacher_forced([pairs.Pair(p, "", "", "") for p in prompts], responses, most=256)
    return SequenceLogps.of_tokens(response_logps(policy.model, batch), batch.mask)


def ours(policy, rows):
    prompts, chosen, rejected = zip(*rows, strict=True)
    return PairLogps(sequences(policy, prompts, chosen), sequences(policy, prompts, rejected))


def paired(rows):
    return Dataset.from_list([{"prompt": p, "chosen": c, "rejected": r} for p, c, r in rows])


def loss_of(trainer, model):
    batch = next(iter(trainer.get_train_dataloader()))
    found = trainer.compute_loss(model, batch)
    return found[0] if isinstance(found, tuple) else found


@pytest.mark.parametrize(("kind", "objective"), [("sigmoid", config.Dpo(name="dpo", beta=0.1)), ("ipo", config.Ipo(name="ipo", tau=0.1))])
def test_dpo_and_ipo(kind, objective, models, rows, tmp_path):
    from trl import DPOConfig, DPOTrainer

    policy, reference = models
    arguments = DPOConfig(output_dir=str(tmp_path), loss_type=kind, beta=0.1, **QUIET)
    trainer = DPOTrainer(
        model=copy.deepcopy(policy.model),
        ref_model=copy.deepcopy(reference.model),
        args=arguments,
        train_dataset=paired(rows),
        processing_class=policy.tokenizer,
    )
    expected = losses.loss(objective, ours(policy, rows), ours(reference, rows), None).mean()
    torch.testing.assert_close(loss_of(trainer, trainer.model), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "settings", "objective"),
    [
        ("simpo", {"beta": 2.0, "simpo_gamma": 1.0, "cpo_alpha": 0.0}, config.SimPo(name="simpo", beta=2.0, gamma=1.0)),
        ("sigmoid", {"beta": 0.1, "cpo_alpha": 1.0}, config.Cpo(name="cpo", beta=0.1, nll="batch_token")),
        ("hinge", {"beta": 1.0, "cpo_alpha": 0.0}, config.Slic(name="slic_hf", delta=1.0, nll_weight=0.0)),
    ],
)
def test_simpo_cpo_and_slic(kind, settings, objective, models, rows, tmp_path):
    from trl.experimental.cpo import CPOConfig, CPOTrainer

    policy, _ = models
    arguments = CPOConfig(output_dir=str(tmp_path), loss_type=kind, **settings, **QUIET)
    trainer = CPOTrainer(model=copy.deepcopy(policy.model), args=arguments, train_dataset=paired(rows), processing_class=policy.tokenizer)
    torch.testing.assert_close(
        loss_of(trainer, trainer.model), losses.loss(objective, ours(policy, rows), None, None).mean(), rtol=1e-4, atol=1e-5
    )


def test_orpo(models, rows, tmp_path):
    """TRL's NLL is that of prompt and response, ours that of the response: what is compared is the odds-ratio term, by its weight."""
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    policy, _ = models
    arguments = ORPOConfig(output_dir=str(tmp_path), **QUIET)
    trainer = ORPOTrainer(model=copy.deepcopy(policy.model), args=arguments, train_dataset=paired(rows), processing_class=policy.tokenizer)
    theirs, mine = [], []
    for weight in (1.0, 3.0):
        trainer.beta = weight
        theirs.append(loss_of(trainer, trainer.model))
        mine.append(losses.loss(config.Orpo(name="orpo", odds_weight=weight), ours(policy, rows), None, None).mean())
    torch.testing.assert_close(theirs[1] - theirs[0], mine[1] - mine[0], rtol=1e-4, atol=1e-5)


def test_kto(models, rows, tmp_path):
    """TRL takes the response before as the unrelated one, and ours the next pair's: so the formulas are held against each other on TRL's."""
    from trl import KTOConfig, KTOTrainer

    policy, reference = models
    flat = [row for p, c, r in rows[:3] for row in ((p, c, True), (p, r, False))]
    data = Dataset.from_list([{"prompt": p, "completion": y, "label": label} for p, y, label in flat])
    arguments = KTOConfig(output_dir=str(tmp_path), beta=0.1, **QUIET)
    trainer = KTOTrainer(
        model=copy.deepcopy(policy.model),
        ref_model=copy.deepcopy(reference.model),
        args=arguments,
        train_dataset=data,
        processing_class=policy.tokenizer,
    )
    prompts, responses, labels = zip(*flat, strict=True)
    before = [responses[-1], *responses[:-1]]
    kl = objectives.kto_kl(sequences(policy, prompts, before), sequences(reference, prompts, before))
    expected = objectives.kto(
        sequences(policy, prompts, responses), sequences(reference, prompts, responses), torch.tensor(labels), kl, beta=0.1
    ).mean()
    torch.testing.assert_close(loss_of(trainer, trainer.model), expected, rtol=1e-4, atol=1e-5)


def test_the_preset_trains_as_the_paper_says_with_rewards_from_the_service(tmp_path, service, warmed):
    from trl import GRPOTrainer

    from keystep_train.trl import keystep_reward, stepgrpo_config

    quiet = QUIET | {"per_device_train_batch_size": 8, "max_completion_length": 34, "max_steps": 2, "logging_steps": 1}
    del quiet["max_length"]
    arguments = stepgrpo_config(str(tmp_path), **quiet)
    assert (arguments.num_generations, arguments.temperature, arguments.beta, arguments.loss_type, arguments.scale_rewards) == (
        4,
        1.2,
        0.04,
        "grpo",
        "group",
    )
    made = task("arithmetic", difficulty=2)
    asked = [made.question("train", i) for i in range(8)]
    data = Dataset.from_list([{"prompt": q.prompt, "answer": q.answer, "key_steps": [list(k) for k in q.key_steps]} for q in asked])
    words = transformers.PreTrainedTokenizerFast.from_pretrained(warmed, padding_side="left")
    trainer = GRPOTrainer(
        model=str(warmed), args=arguments, reward_funcs=keystep_reward(service.url), train_dataset=data, processing_class=words
    )
    trainer.train()
    steps = [line for line in trainer.state.log_history if "reward" in line]
    assert len(steps) == 2
    assert all(0 <= line["reward"] <= 2.1 and "keystep/step_rvr" in line for line in steps)


def test_simpo_in_trl_is_simpo(models, rows, tmp_path):
    from trl.experimental.cpo import CPOTrainer

    from keystep_train.trl import simpo_config

    policy, _ = models
    arguments = simpo_config(str(tmp_path), beta=2.5, gamma_beta_ratio=0.1, **QUIET)
    trainer = CPOTrainer(model=copy.deepcopy(policy.model), args=arguments, train_dataset=paired(rows), processing_class=policy.tokenizer)
    expected = objectives.simpo(ours(policy, rows), beta=2.5, gamma_beta_ratio=0.1).mean()
    torch.testing.assert_close(loss_of(trainer, trainer.model), expected, rtol=1e-4, atol=1e-5)
