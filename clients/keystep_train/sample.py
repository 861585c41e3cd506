"""Responses of a model to questions, their scores from the service, and preference pairs of them: SimPO's on-policy data.

The paper's way (section 3): five responses to each prompt, one a seed, at temperature 0.8; the best against the worst.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from accelerate import PartialState

from keystep_client import PairsResult, ScoredGroup
from keystep_train import config
from keystep_train.generation import generator
from keystep_train.policies import Policy, load
from keystep_train.progress import progress
from keystep_train.questions import Questions, group
from keystep_train.rewards import Scorer
from keystep_train.seeds import seed_of
from keystep_train.tasks import Question

_BATCH = 32


def run(settings: config.Sample) -> None:
    """Writes groups.jsonl, scores.jsonl, pairs.jsonl and statistics.json into the output folder, all at once when all is done."""
    questions = Questions(settings.data, settings.seed)
    policy = load(settings.model, questions.task, seed=settings.seed)
    policy.model.to(PartialState().default_device)
    asked = questions.take(settings.split, 0, settings.questions)
    groups = draw(policy, asked, settings.sampling, settings.seeds)
    with Scorer(settings.service) as scorer:
        scored = scorer.collect([scorer.send(one) for one in groups]).groups
        paired = pair(scorer, groups, scored, by=settings.by, min_margin=settings.min_margin)
    place = Path(settings.output)
    beside = place.with_name(place.name + ".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    save_images(beside, asked)
    write(beside / "groups.jsonl", groups)
    write(beside / "scores.jsonl", [one.model_dump(mode="json") for one in scored])
    write(beside / "pairs.jsonl", paired.pairs)
    (beside / "statistics.json").write_text(paired.statistics.model_dump_json(indent=1) + "\n", encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    beside.rename(place)
    print(f"{len(groups)} questions, {len(paired.pairs)} pairs in {place / 'pairs.jsonl'}; none for {len(paired.dropped)}")


def draw(policy: Policy, questions: Sequence[Question], sampling: config.Sampling, seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Groups of the wire: to each question, sampling.rollouts responses for each seed."""
    texts: dict[str, list[str]] = {q.id: [] for q in questions}
    cut: dict[str, list[bool]] = {q.id: [] for q in questions}
    with closing(generator(policy, sampling)) as drawing:
        drawing.renew()
        for start in progress("sampling", 0, -(-len(questions) // _BATCH), shown=True):
            part = questions[start * _BATCH : (start + 1) * _BATCH]
            for seed in seeds:
                batch = drawing.generate(part, seed=seed_of(seed, "sample", start))
                owners = [q for q in part for _ in range(sampling.rollouts)]
                for question, text, short in zip(owners, policy.texts(batch), policy.truncated(batch), strict=True):
                    texts[question.id].append(text)
                    cut[question.id].append(short)
    return [group(q, texts[q.id], cut[q.id]) | {"images": image_names(i, q)} for i, q in enumerate(questions)]


def pair(scorer: Scorer, groups: Sequence[dict[str, Any]], scored: Sequence[ScoredGroup], *, by: str, min_margin: float) -> PairsResult:
    """Pairs of scored groups, by /v1/pairs. by: a field of a scored rollout, or of its extras; null is left out there."""
    asked = []
    for one, answer in zip(groups, scored, strict=True):
        scores = [{"scores": {by: (r.extras | r.model_dump(include={by})).get(by)}} for r in answer.rollouts]
        rollouts = [{"id": r["id"], "text": r["text"]} | s for r, s in zip(one["rollouts"], scores, strict=True)]
        asked.append({"id": one["id"], "question": one["question"], "images": one["images"], "rollouts": rollouts})
    return scorer.client.pairs(asked, by=by, min_margin=min_margin)


def image_names(number: int, question: Question) -> list[str]:
    """What the pictures of question number so and so are called, beside the groups: names alone go to the service."""
    return [f"images/{number}-{i}.png" for i in range(len(question.images))]


def save_images(folder: Path, questions: Sequence[Question]) -> None:
    """Under those names."""
    for number, question in enumerate(questions):
        for name, image in zip(image_names(number, question), question.images, strict=True):
            (folder / "images").mkdir(exist_ok=True)
            image.save(folder / name)


def write(path: Path, rows: Sequence[Any]) -> None:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
