"""What the page is made from: intervals, tables, and configurations that can be read. The runs themselves are `make experiments`."""

import math

import pytest

from experiments import arms, report, results


def row(arm, seed, accuracy, experiment="sparse"):
    names = ("sampled_accuracy", "greedy_accuracy", "sampled_step_rvr", "sampled_key_steps_matched")
    evaluations = {"160": dict.fromkeys(names, accuracy)}
    course = {"rewards/zero_variance_share": [0.5, 0.7]}
    return {
        "experiment": experiment,
        "arm": arm,
        "seed": seed,
        "steps": 160,
        "cpu_seconds": 70.0,
        "evaluations": evaluations,
        "course": course,
    }


def test_an_interval_is_students_and_of_one_value_there_is_none():
    mean, half = results.interval([0.2, 0.3, 0.4])
    assert mean == pytest.approx(0.3)
    assert half == pytest.approx(4.302653 * 0.1 / math.sqrt(3), rel=1e-5)
    assert results.interval([0.2]) == (0.2, math.inf)


def test_a_table_has_a_line_an_arm_with_every_seed():
    told = report.table([row("outcome", 0, 0.1), row("step-wise", 0, 0.4), row("outcome", 1, 0.2)]).splitlines()
    assert told[2].startswith("| outcome | 0, 1 | **0.15 ± 0.64** (0.10 / 0.20) |")
    assert told[3].startswith("| step-wise | 0 | **0.40** |")
    assert told[2].endswith("| 0.60 | 70 |")


def test_a_difference_is_taken_seed_by_seed():
    rows = [row("a", 0, 0.1), row("a", 1, 0.3), row("b", 1, 0.5), row("b", 2, 0.9)]
    assert report.difference(rows, "a", "b") == "b less a, sampled accuracy, seeds [1]: **0.20**"
    assert report.difference(rows[:2], "a", "b") == ""


def test_a_figure_that_could_not_be_taken_is_none():
    held_out = {"accuracy": 0.8, "reference_accuracy": 0.7, "length_correlation": None, "kl_on_chosen": 0.5, "seconds_a_step": 0.06}
    rows = [
        {"arm": "DPO", "seed": seed, "held_out": held_out | {"agreement": {"++": 0.7, "+-": 0.1, "-+": 0.1, "--": 0.1}}} for seed in (0, 1)
    ]
    line = report.preference_table(rows).splitlines()[-1]
    assert line == "| DPO | 0, 1 | **0.80 ± 0.00** | **0.70 ± 0.00** | none | **0.80 ± 0.00** | **0.50 ± 0.00** | 0.06 |"


def test_only_what_stands_between_the_marks_is_written():
    page = "before\n<!-- sparse -->\nold\n<!-- /sparse -->\nafter\n"
    assert report._between(page, "sparse", "new") == "before\n<!-- sparse -->\nnew\n<!-- /sparse -->\nafter\n"


def test_every_configuration_can_be_read(tmp_path):
    runs = arms.Runs(tmp_path, "http://127.0.0.1:1")
    assert runs.base().output != runs.warm_up().output
    outputs = {runs.arm(arm, seed).output for table in arms.STEPGRPO.values() for arm in table for seed in range(2)}
    outputs |= {runs.preference(arm, seed).output for arm in arms.PREFERENCE for seed in range(2)}
    assert len(outputs) == 2 * (5 + 4)
    assert runs.pairs("held-out", "test", 200, 0).seeds == [13, 21, 42, 79, 100]
