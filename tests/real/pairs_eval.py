"""Preference pairs of Qwen's responses to MATH, by the reward model's scores that are stored with them, through POST /v1/pairs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from running import Service


@dataclass(frozen=True)
class Figures:
    """right: questions whose chosen response is right (by the stored verdict), of all.  random: mean over responses."""

    right: int
    random: float
    questions: int
    statistics: dict[str, Any]


def groups(shared: Path) -> list[dict[str, Any]]:
    """Of /v1/pairs, with the stored scores: pred_score (the reward model's) and verdict."""
    with (shared / "data/qwen-math/math_cot_100.jsonl").open(encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return [
        {
            "id": f"math-{row['idx']}",
            "question": row["question"],
            "rollouts": [
                {"id": str(n), "text": text, "scores": {"pred_score": score, "verdict": float(verdict)}}
                for n, (text, (score,), verdict) in enumerate(zip(row["code"], row["pred_score"], row["score"], strict=True))
            ],
        }
        for row in rows
    ]


def with_outcomes(service: Service, shared: Path) -> list[dict[str, Any]]:
    """The same groups, with keystep's own outcome beside."""
    found = groups(shared)
    with (shared / "data/qwen-math/math_cot_100.jsonl").open(encoding="utf-8") as file:
        golds = [json.loads(line)["gt"] for line in file]
    asked = [
        {
            "id": g["id"],
            "question": g["question"],
            "answer": gold,
            "profile": "math",
            "rollouts": [{"id": r["id"], "text": r["text"]} for r in g["rollouts"]],
        }
        for g, gold in zip(found, golds, strict=True)
    ]
    scored = service.post("/v1/score", {"groups": asked}).json()["groups"]
    for group, answer in zip(found, scored, strict=True):
        for rollout, reward in zip(group["rollouts"], answer["rollouts"], strict=True):
            rollout["scores"]["outcome"] = reward["outcome"]
    return found


def measure(service: Service, given: list[dict[str, Any]], by: list[str]) -> Figures:
    """Best against worst by these scores. A question all of whose responses are equal to them has no pair: any one is its best."""
    answer = service.post("/v1/pairs", {"groups": given, "by": by}).json()
    verdicts = {(g["id"], r["id"]): r["scores"]["verdict"] for g in given for r in g["rollouts"]}
    right = sum(verdicts[p["id"], p["chosen_id"]] for p in answer["pairs"])
    right += sum(verdicts[id_, "0"] for id_ in answer["dropped"])
    mean = sum(verdicts.values()) / len(given[0]["rollouts"])
    return Figures(int(right), mean, len(given), answer["statistics"])
