"""What the page is made from: intervals, tables, plots, and configurations that can be read. The runs themselves are `make experiments`."""

import math
import re

import pytest

from experiments import arms, drawings, plan, report, results, steps, tables
from keystep_train import config
from keystep_train.batches import response_logps
from keystep_train.policies import load
from keystep_train.tasks import task


def row(arm, seed, accuracy, experiment="sparse", steps=160, **more):
    names = ("sampled_accuracy", "greedy_accuracy", "sampled_step_rvr", "sampled_key_steps_matched")
    evaluations = {str(step): dict.fromkeys(names, accuracy) for step in (steps // 2, steps)}
    course = {"rewards/zero_variance_share": [0.5, 0.7]}
    named = {"experiment": experiment, "arm": arm, "seed": seed, "steps": steps, "cpu_seconds": 70.0, "commit": f"c{seed}"}
    return named | {"evaluations": evaluations, "course": course} | more


def measured(**more):
    held_out = {
        "accuracy": 0.8,
        "reference_accuracy": 0.7,
        "length_correlation": None,
        "margin_length_correlation": 0.1,
        "kl_on_chosen": 0.5,
    }
    costs = {"cpu_seconds_a_step": 1.5, "peak_memory_mib": 1234.5}
    spread = {"margins": list(range(21)), "chosen_averages": [-1.0] * 21}
    return held_out | costs | spread | {"agreement": {"++": 0.7, "+-": 0.1, "-+": 0.15, "--": 0.05}} | more


def test_an_interval_is_students_and_of_one_value_there_is_none():
    mean, half = results.interval([0.2, 0.3, 0.4])
    assert mean == pytest.approx(0.3)
    assert half == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-5)
    assert results.interval([0.2]) == (0.2, math.inf)


def test_a_table_has_a_line_an_arm_with_how_many_seeds_and_every_ones_value():
    told = tables.ends([row("outcome", 0, 0.1), row("step-wise", 0, 0.4), row("outcome", 1, 0.2)]).splitlines()
    assert told[2].startswith("| outcome | 2 | **0.15 ± 0.64** (0.10 / 0.20) | **0.15 ± 0.64** |")
    assert told[3].startswith("| step-wise | 1 | **0.40** |")
    assert told[2].endswith("| 0.60 | 70 |")
    assert told[-1] == "Made at c0, c1."


def test_a_difference_is_taken_seed_by_seed():
    rows = [row("a", 0, 0.1), row("a", 1, 0.3), row("b", 1, 0.5), row("b", 2, 0.9)]
    assert tables.difference(rows, "a", "b") == "b less a, sampled accuracy, seed by seed (1): **0.20**"
    assert tables.difference(rows[:2], "a", "b") == ""


def test_group_sizes_are_compared_at_as_many_prompts_and_at_as_many_rollouts():
    rows = [row("M = 2", 0, 0.3, "group-size", steps=320), row("step-wise", 0, 0.2)]
    rows[0]["evaluations"]["160"]["sampled_accuracy"] = 0.1
    told = tables.group_sizes(rows, {2: (160, 320), 4: (160, 160), 6: (160, 107)}).splitlines()
    assert told[2:4] == ["| 2 | 1 | 160 | **0.10** | 320 | **0.30** |", "| 4 | 1 | 160 | **0.20** | 160 | **0.20** |"]


def test_a_course_is_told_at_the_steps_that_are_asked_for():
    rows = [row("a", 0, 0.1, "longer"), row("a", 1, 0.3, "longer")]
    rows[0]["evaluations"]["80"]["greedy_accuracy"] = 0.5
    told = tables.courses(rows, (80, 160)).splitlines()
    assert told[2].startswith("| a | 2 | **0.20 ± 1.27** (0.10 / 0.30) | **0.40 ± 1.27** (0.50 / 0.30) | **0.20")


def test_a_figure_that_could_not_be_taken_is_none():
    rows = [row("DPO", seed, 0.5, "preference", measured=measured()) for seed in (0, 1)]
    line = tables.preference(rows).splitlines()[2]
    assert (
        line
        == "| DPO | 2 | **0.80 ± 0.00** | **0.70 ± 0.00** | **10.00 ± 0.00** | none | **0.10 ± 0.00** | **0.50 ± 0.00** | **0.50 ± 0.00** |"
    )


def test_signs_and_costs_have_a_line_an_objective():
    rows = [row("DPO", 0, 0.5, "preference", measured=measured())]
    assert tables.contingency(rows).splitlines()[2] == "| DPO | 1 | **0.70** | **0.10** | **0.15** | **0.05** |"
    assert tables.cost(rows).splitlines()[2] == "| DPO | 1 | **1.50** | **1234** |"


def test_quantiles_are_the_values_of_a_distribution_at_its_twentieths():
    assert results._quantiles([float(i) for i in range(41)]) == [2.0 * i for i in range(21)]
    assert results._quantiles([3.0]) == [3.0] * 21


def test_what_is_kept_can_be_drawn_with_one_seed_and_with_several(tmp_path):
    rows = [row("warm-up", 0, 0.1), *(row("outcome", seed, 0.2) for seed in (0, 1))]
    drawings.curves(rows, ["outcome", "step-wise"], tmp_path / "curves.svg")
    preferred = [row(arm, seed, 0.3, "preference", measured=measured()) for arm in ("SimPO", "DPO") for seed in (0, 1)]
    drawings.gammas(preferred, {"SimPO": 0.5, "gone": 1.0}, tmp_path / "gamma.svg")
    drawings.kl_by_beta(preferred[:1] + preferred[2:], {"SimPO": ("SimPO", 2.0), "DPO": ("DPO", 0.1)}, tmp_path / "beta.svg")
    for name, panels in (("curves", 1), ("gamma", 3), ("beta", 2)):
        drawing = (tmp_path / f"{name}.svg").read_text()
        assert len(re.findall(r'<g id="axes_\d+">', drawing)) == panels


def test_a_sweep_is_of_the_seeds_that_all_its_points_have():
    rows = [row("a", 0, 0.1), row("a", 1, 0.3), row("b", 1, 0.5), row("b", 2, 0.9)]
    assert report.alike(rows) == rows[1:3]
    assert report.alike([]) == []


def test_only_what_stands_between_the_marks_is_written_and_a_page_without_them_is_named():
    page = "before\n<!-- sparse -->\nold\n<!-- /sparse -->\nafter\n"
    assert report.between(page, "sparse", "new") == "before\n<!-- sparse -->\nnew\n<!-- /sparse -->\nafter\n"
    with pytest.raises(ValueError, match="has no <!-- dense -->"):
        report.between(page, "dense", "new")


def test_the_page_is_what_its_command_makes_of_the_kept_results(monkeypatch, tmp_path):
    """Figures that were edited by hand, or results whose page was not written again, show here."""
    folder = tmp_path / "experiments"
    folder.mkdir()
    page = tmp_path / "experiments.md"
    page.write_text(report.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    rows = results.read()
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "FILE", folder / "results.jsonl")
    report.write(rows)
    assert page.read_text(encoding="utf-8") == (results.FILE.parents[1] / "experiments.md").read_text(encoding="utf-8")


def test_every_run_has_a_folder_of_its_own_and_a_place_in_the_tables(tmp_path):
    runs = arms.Runs(tmp_path, "http://127.0.0.1:1")
    jobs = [job for name in plan.EXPERIMENTS for job in plan.jobs(runs, name, 2)]
    own = {(job.row.experiment, job.row.arm, job.row.seed): job.settings.output for job in jobs}
    assert len(set(own.values())) == len(own)
    assert {arm for experiment, arm, _ in own if experiment == "dense"} == {"warm-up", "outcome", "step-wise"}
    assert runs.pairs("held-out", "test", 200, 0).seeds == [13, 21, 42, 79, 100]


def test_how_sure_a_policy_is_of_a_wrong_step_counts_only_where_it_prefers_it():
    told = steps.Steps(right=[0.9, 0.3, 0.2], wrong=[0.05, 0.6, 0.8])
    assert told.likeliest == pytest.approx(1 / 3)
    assert told.locked == pytest.approx(0.7)
    assert steps.Steps([0.9], [0.1]).locked is None


def test_steps_are_looked_at_where_their_results_stand(tmp_path):
    made = task("arithmetic", difficulty=5)
    policy = load(config.Model(tiny=config.Tiny(hidden=32, layers=1, heads=2)), made, seed=0)
    policy.save(tmp_path / "model", policy.model.state_dict())
    told = steps.steps_of(tmp_path / "model")
    assert len(told.right) == len(told.wrong) == 5 * steps.QUESTIONS
    question = made.question("test", 0)
    batch = policy.teacher_forced([question], [question.reference], most=512)
    pieces = [policy.tokenizer.decode([token]) for token in batch.responses[0]]
    with policy.drawing() as model:
        logps = response_logps(model, batch)[0]
    results = [i + 1 for i, piece in enumerate(pieces) if piece == " = "]
    assert [int(pieces[i]) for i in results] == made.chain("test", 0).results()[1:]
    assert told.right[:5] == pytest.approx(logps[results].exp().tolist(), rel=1e-4)
