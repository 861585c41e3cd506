"""Configurations: named ones, one on another, and errors that name the field, the value and the mend."""

import json

import pytest
import yaml

from keystep_train import commands, config
from keystep_train.errors import ConfigError, ResumeError
from keystep_train.optimisers import rate
from keystep_train.runs import Run
from train import configs


def loaded(tmp_path, kind, **said):
    return config.load(configs.write(tmp_path / "c.yaml", said), kind)


def test_the_papers_settings_are_one_named_configuration(tmp_path):
    paper = loaded(tmp_path, config.StepGrpo, base="paper", model={"path": "m"}, data={"task": "scenes"})
    assert (paper.sampling.rollouts, paper.sampling.temperature, paper.sampling.max_new_tokens, paper.sampling.max_prompt_tokens) == (
        4,
        1.2,
        1024,
        512,
    )
    assert (paper.beta, paper.optimiser.rate, paper.questions, paper.schedule) == (0.04, 1e-6, 4, "sync")
    warm_up = loaded(tmp_path, config.Warmup, base="paper-warmup", model={"path": "m"}, data={"task": "scenes"})
    assert (warm_up.optimiser.rate, warm_up.batch, warm_up.optimiser.decay) == (1e-5, 128, "cosine")
    assert warm_up.optimiser.warmup == round(0.03 * warm_up.steps)


def test_a_file_may_begin_from_one_beside_it(tmp_path):
    configs.write(tmp_path / "below.yaml", configs.stepgrpo(tmp_path / "a", "http://x", "m"))
    above = loaded(tmp_path, config.StepGrpo, base="below.yaml", sampling={"temperature": 0.7}, steps=3)
    assert (above.sampling.temperature, above.sampling.rollouts, above.steps) == (0.7, 4, 3)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sampling": {"temperatur": 1}}, "sampling.temperatur: Extra inputs are not permitted"),
        ({"sampling": {"temperature": 0}}, r"sampling.temperature: Input should be greater than 0 \(it is 0\)"),
        ({"model": {}}, "model: Value error, give path or tiny, exactly one of them"),
        ({"data": {"task": "chess"}}, r"data.task: Input should be 'arithmetic' or 'scenes' \(it is 'chess'\)"),
        ({"schedule": "async"}, "schedule: Input should be 'sync' or 'one_step_off'"),
        ({"steps": None}, "steps: Input should be a valid integer"),
    ],
)
def test_what_a_file_says_wrong_is_named_with_the_mend(change, said, tmp_path, capsys):
    path = configs.write(tmp_path / "c.yaml", configs.stepgrpo(tmp_path / "a", "http://x", "m") | change)
    with pytest.raises(ConfigError, match=said):
        config.load(path, config.StepGrpo)
    assert commands.execute(["stepgrpo", "--config", str(path)]) == 2
    assert str(path) in capsys.readouterr().err


def test_files_that_are_none(tmp_path):
    with pytest.raises(ConfigError, match="there is no such file; named configurations are paper, paper-warmup"):
        config.load(tmp_path / "c.yaml", config.StepGrpo)
    (tmp_path / "c.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="not YAML"):
        config.load(tmp_path / "c.yaml", config.StepGrpo)
    (tmp_path / "c.yaml").write_text("hello")
    with pytest.raises(ConfigError, match="a configuration is a mapping"):
        config.load(tmp_path / "c.yaml", config.StepGrpo)


def test_gamma_is_given_once(tmp_path):
    for objective in ({"name": "simpo"}, {"name": "simpo", "gamma": 1, "gamma_beta_ratio": 0.5}):
        with pytest.raises(ConfigError, match="give gamma or gamma_beta_ratio"):
            loaded(tmp_path, config.Preference, **configs.common(tmp_path, "http://x", steps=1, pairs="p"), objective=objective)


def test_pairs_are_drawn_as_simpos_authors_do_unless_told_otherwise(tmp_path):
    told = {"output": "o", "model": {"path": "m"}, "data": {"task": "arithmetic"}, "sampling": {"max_new_tokens": 60}}
    drawn = loaded(tmp_path, config.Sample, **told)
    loop = loaded(tmp_path, config.Preference, **told, steps=1, objective={"name": "dpo"}, on_policy={"questions": 5})
    for sampling, seeds in ((drawn.sampling, drawn.seeds), (loop.sampling, loop.on_policy.seeds)):
        assert (sampling.rollouts, sampling.temperature, sampling.top_p, len(seeds)) == (1, 0.8, 0.95, 5)


def test_the_rate_rises_and_falls_as_told():
    cosine = config.Optimiser(rate=1.0, warmup=4, decay="cosine")
    assert [rate(cosine, step, 20) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert rate(cosine, 12, 20) == pytest.approx(0.5)
    assert 0 < rate(cosine, 19, 20) < 0.02
    assert rate(config.Optimiser(rate=1.0, warmup=0), 0, 20) == rate(config.Optimiser(rate=1.0, warmup=0), 19, 20) == 1.0


def test_help_tells_every_command(capsys):
    assert commands.execute(["--help"]) == 0
    told = capsys.readouterr().out
    for command in ("warmup", "stepgrpo", "preference", "sample", "analyse"):
        assert command in told
        assert commands.execute([command, "--help"]) == 0
        assert "--config" in capsys.readouterr().out


def test_every_example_of_the_page_is_a_configuration(tmp_path):
    """docs/training.md's yaml blocks that stand for a whole file."""
    from pathlib import Path

    page = (Path(__file__).parents[2] / "docs" / "training.md").read_text()
    blocks = [yaml.safe_load(block.split("```")[0]) for block in page.split("```yaml\n")[1:]]
    kinds = {"warmup": config.Warmup, "stepgrpo": config.StepGrpo, "simpo": config.Preference, "report": config.Analyse}
    whole = [block for block in blocks if "output" in block]
    assert len(whole) == 4
    for block in whole:
        loaded(tmp_path, kinds[block["output"].removeprefix("runs/")], **block)


def test_a_run_goes_on_under_a_version_that_has_more_settings_and_not_under_one_that_knows_less(tmp_path):
    settings = configs.settings(config.Warmup, configs.warm_up(tmp_path / "out", "http://127.0.0.1:9"))
    Run(settings)
    path = tmp_path / "out" / "config.json"
    begun = json.loads(path.read_text())
    del begun["micro_batch"], begun["sampling"]["vllm"]
    path.write_text(json.dumps(begun))
    Run(settings)
    with pytest.raises(ResumeError, match="begun with micro_batch = 64, and is now to go on with 8"):
        Run(settings.model_copy(update={"micro_batch": 8}))
    path.write_text(json.dumps(begun | {"later": 1}))
    with pytest.raises(ResumeError, match=r"another version of keystep-train, or edited; give another output(.|\n)*later"):
        Run(settings)
