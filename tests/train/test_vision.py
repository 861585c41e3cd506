"""Qwen2-VL's and Qwen2.5-VL's architecture on rendered scenes: the same worker, the same log-probabilities however they are batched, every command."""

import json

import pytest
import torch
from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

from keystep_train import commands, config
from keystep_train.batches import response_logps
from keystep_train.errors import DataError
from keystep_train.policies import Policy, load
from keystep_train.sampling import generate
from keystep_train.tasks import task
from train import configs

SCENES = {"task": "scenes", "difficulty": 1}
TINY = {"sees": True, "hidden": 32, "layers": 1, "heads": 2}


@pytest.fixture(scope="module", params=["Qwen2-VL", "Qwen2.5-VL"])
def policy(request, tmp_path_factory):
    """Tiny, of random weights; 2.5 from a folder, as released weights are."""
    built = load(config.Model(tiny=config.Tiny(**TINY)), task("scenes", difficulty=1), seed=0)
    if request.param == "Qwen2-VL":
        return built
    told = built.model.config
    seen = {"depth": 2, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 32, "fullatt_block_indexes": [1]}
    ids = {name: getattr(told, name) for name in ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")}
    model = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(text_config=told.text_config.to_dict(), vision_config=seen, **ids))
    folder = tmp_path_factory.mktemp("policy") / "model"
    Policy(model, built.tokenizer, built.processor).save(folder, model.state_dict())
    loaded = load(config.Model(path=str(folder)), None, seed=0)
    assert isinstance(loaded.model, Qwen2_5_VLForConditionalGeneration)
    return loaded


@pytest.fixture(scope="module")
def questions():
    return [task("scenes", difficulty=1).question("train", i) for i in range(3)]


def test_a_cell_of_a_scene_is_one_visual_token(policy, questions):
    batch = policy.teacher_forced(questions, [q.reference for q in questions], most=512)
    visual = (batch.prompts["input_ids"] == policy.tokenizer.convert_tokens_to_ids("<|image_pad|>")).sum(-1)
    assert visual.tolist() == [q.images[0].width * q.images[0].height // 28**2 for q in questions]


def test_log_probabilities_do_not_depend_on_the_batch_and_see_the_picture(policy, questions):
    references = [q.reference for q in questions]
    batch = policy.teacher_forced(questions, references, most=512)
    whole = response_logps(policy.model, batch)
    for i, question in enumerate(questions):
        alone = policy.teacher_forced([question], [question.reference], most=512)
        torch.testing.assert_close(whole[i][batch.mask[i].bool()], response_logps(policy.model, alone)[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(response_logps(policy.model, batch.rows(i, i + 1))[0], whole[i], rtol=1e-4, atol=1e-4)
    other = policy.teacher_forced([questions[0]], [references[0]], most=512)
    other.prompts["pixel_values"] = other.prompts["pixel_values"].flip(0)
    assert not torch.allclose(response_logps(policy.model, other)[0], whole[0][batch.mask[0].bool()], atol=1e-4)


def test_what_is_drawn_has_the_log_probabilities_that_training_sees(policy, questions):
    """Greedy decoding takes the likeliest token, so no token of the response may be less likely in training's forward pass."""
    sampling = config.Sampling(rollouts=1, max_new_tokens=8, cache="dynamic")
    batch = generate(policy, questions, sampling, seed=0, greedy=True)
    logps = response_logps(policy.model, batch)
    for other in (7, 11, 13):
        changed = batch.responses.clone()
        changed[:, 0] = other
        replaced = type(batch)(batch.prompts, changed, batch.mask)
        assert (response_logps(policy.model, replaced)[:, 0] <= logps[:, 0] + 1e-5).all()


def test_pictures_cannot_be_cut(policy, questions):
    with pytest.raises(DataError, match="pictures cannot be cut"):
        policy.prompts(questions, most=5)


def test_every_command_works_with_pictures(tmp_path, service):
    def run(command, **said):
        path = configs.write(tmp_path / f"{command}.yaml", said)
        assert commands.execute([command, "--config", str(path)]) == 0

    common = configs.common(tmp_path / "warm-up", service.url, data=SCENES, model={"tiny": TINY})
    common["sampling"] |= {"rollouts": 2, "max_new_tokens": 60}
    run("warmup", **common, steps=30, batch=8, optimiser={"rate": 1e-2})
    trained = common | {"model": {"path": str(tmp_path / "warm-up" / "model")}}
    run("stepgrpo", **trained | {"output": str(tmp_path / "stepgrpo")}, steps=2, questions=2, schedule="one_step_off")
    said = trained | {"output": str(tmp_path / "loop"), "objective": {"name": "dpo"}, "on_policy": {"questions": 6, "seeds": [1, 2, 3]}}
    run("preference", **said, steps=2, batch=2)
    pair = json.loads((tmp_path / "loop" / "round-0" / "drawn" / "pairs.jsonl").read_text().splitlines()[0])
    assert (tmp_path / "loop" / "round-0" / "drawn" / pair["images"][0]).is_file()
    lines = [json.loads(line) for line in (tmp_path / "stepgrpo" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert (tmp_path / "stepgrpo" / "model" / "preprocessor_config.json").is_file()


@pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")  # PEFT's own
def test_an_adapter_is_trained_alone_and_merged_into_what_is_saved(tmp_path, service, warmed):
    said = configs.stepgrpo(tmp_path / "out", service.url, warmed, steps=2)
    said["model"] = {"path": str(warmed), "lora": {"rank": 2}}
    assert commands.execute(["stepgrpo", "--config", str(configs.write(tmp_path / "a.yaml", said))]) == 0
    before, after = (load(config.Model(path=str(path)), None, seed=0).model.state_dict() for path in (warmed, tmp_path / "out" / "model"))
    assert before.keys() == after.keys()
    assert torch.equal(before["model.embed_tokens.weight"], after["model.embed_tokens.weight"])
    assert not torch.equal(before["model.layers.0.self_attn.q_proj.weight"], after["model.layers.0.self_attn.q_proj.weight"])
