"""docs/experiments.md's tables and plots, from the results that are kept. What is between its marks is written by this module alone."""

from __future__ import annotations

import re

from experiments import arms, drawings, tables
from experiments.results import FILE
from experiments.tables import Rows

PAGE = FILE.parents[1] / "experiments.md"
# Table 3: M to its step of as many prompts and of as many rollouts as M = 4 has at its end.
_SIZES = {2: (160, 320), 3: (160, 213), 4: (160, 160), 5: (160, 128), 6: (160, 107)}
_RATIOS = {"SimPO, gamma 0": 0.0, "SimPO": 0.5} | {f"SimPO, gamma/beta {ratio:g}": ratio for ratio in arms.GAMMA_RATIOS}
_BETAS = {
    arm: (arm.split(",")[0], told["beta"])
    for arm, told in (arms.PREFERENCE["preference"] | arms.PREFERENCE["beta"]).items()
    if told.get("gamma_beta_ratio") or told["name"] == "dpo"
}


def write(rows: Rows) -> None:
    """Puts every table in its place in docs/experiments.md, and draws the plots beside the results."""

    def of(*experiments: str) -> Rows:
        return [row for experiment in experiments for row in rows if row["experiment"] == experiment]

    step_wise = [row for row in of("sparse", "schedules") if row["arm"].startswith("step-wise")]
    gammas = alike([row for row in of("preference", "gamma") if row["arm"] in _RATIOS])
    betas = alike([row for row in of("preference", "beta") if row["arm"] in _BETAS])
    sft = [row for row in of("sparse", "supervised") if row["arm"] != "outcome"]
    written = {
        "sparse": tables.ends(of("sparse")),
        "schedules": tables.ends(step_wise) + "\n\n" + tables.difference(step_wise, "step-wise", "step-wise, one step off"),
        # The slides' Table 2 has all four combinations.
        "parts": tables.ends(of("sparse", "parts")),
        "dense": tables.ends(of("dense")) + "\n\n" + tables.difference(of("dense"), "outcome", "step-wise"),
        "weight": tables.ends(of("sparse", "parts", "weight")),
        "longer": tables.courses(of("longer"), (160, 320, 480)),
        "group-size": tables.group_sizes(
            alike([row for row in of("sparse", "group-size") if row["arm"] not in {"warm-up", "outcome"}]), _SIZES
        ),
        "supervised": tables.ends(sft),
        "preference": tables.preference(of("preference")),
        "contingency": tables.contingency(of("preference")),
        "gamma": tables.preference(gammas),
        "gamma-often": tables.preference(of("gamma-often")),
        "beta": tables.preference(betas),
        "cost": tables.cost(of("cost")),
    }
    page = PAGE.read_text(encoding="utf-8")
    for name, text in written.items():
        page = between(page, name, text)
    PAGE.write_text(page, encoding="utf-8")
    drawings.curves(of("sparse"), ["outcome", "step-wise"], FILE.parent / "sparse.svg")
    drawings.curves(of("dense"), ["outcome", "step-wise"], FILE.parent / "dense.svg")
    drawings.curves(sft, ["step-wise", *(arm.name for arm in arms.SUPERVISED)], FILE.parent / "supervised.svg")
    drawings.gammas(gammas, _RATIOS, FILE.parent / "gamma.svg")
    drawings.gammas(of("gamma-often"), arms.OFTEN_RATIOS, FILE.parent / "gamma-often.svg")
    drawings.kl_by_beta(betas, _BETAS, FILE.parent / "beta.svg")


def alike(rows: Rows) -> Rows:
    """The rows of the seeds that every arm has: seeds differ more than the points of a sweep do."""
    seeds = [{row["seed"] for row in runs} for runs in tables.by_arm(rows).values()]
    return [row for row in rows if all(row["seed"] in has for has in seeds)]


def between(page: str, name: str, text: str) -> str:
    """The page with the text between <!-- name --> and <!-- /name -->. ValueError: it has no such place."""
    marks = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", flags=re.DOTALL)
    if not marks.search(page):
        raise ValueError(f"{PAGE.name} has no <!-- {name} --> ... <!-- /{name} -->: put them where this table is to stand")
    return marks.sub(lambda match: f"{match[1]}{text}\n{match[2]}", page)
