"""On-policy preference training: sample, score, pair, train, and again with the policy that came of it.

    output/round-0/pairs.jsonl  output/round-0/model/  output/round-1/...

Each round is a run of its own, so it is gone on with where it was stopped; a round's pairs are drawn once.
"""

from __future__ import annotations

from pathlib import Path

from keystep_train import config, preference, sample


def train(settings: config.Preference) -> None:
    """All rounds; what is finished is not done again."""
    told = settings.on_policy
    assert told is not None
    assert settings.data is not None
    model = settings.model
    for number in range(told.rounds):
        folder = Path(settings.output) / f"round-{number}"
        drawn = folder / "drawn"
        if not drawn.is_dir():
            sample.run(
                config.Sample(
                    output=str(drawn),
                    seed=settings.seed * 1000 + number,  # other questions each round
                    model=model,
                    data=settings.data,
                    split="train",
                    questions=told.questions,
                    sampling=settings.sampling,
                    seeds=told.seeds,
                    by=told.by,
                    min_margin=told.min_margin,
                    service=settings.service,
                )
            )
        update = {"output": str(folder / "trained"), "model": model, "pairs": str(drawn / "pairs.jsonl"), "on_policy": None}
        preference.train(settings.model_copy(update=update))
        model = config.Model(path=str(folder / "trained" / "model"), dtype=model.dtype, lora=model.lora)
