"""The reward models of a deployment, by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from keystep.models import spec
from keystep.models.local import LocalModel
from keystep.models.sample import RewardModel, Sample, Score
from keystep.nouns import Reason
from keystep.settings import Settings


class RewardModels:
    """What is served, and nothing where a name is not: its scores are then null, reason model_unavailable."""

    def __init__(self, models: Mapping[str, RewardModel]) -> None:
        self._models = dict(models)

    def __iter__(self) -> Iterator[RewardModel]:
        return iter(self._models.values())

    def get(self, name: str) -> RewardModel | None:
        return self._models.get(name)

    @property
    def names(self) -> list[str]:
        return list(self._models)

    def start(self) -> None:
        """Load all; returns when ready. Raises ComponentError (MODEL_UNAVAILABLE)."""
        for model in self:
            model.start()

    def alive(self) -> bool:
        return all(model.alive() for model in self)

    def close(self) -> None:
        for model in self:
            model.close()

    def score(self, name: str, samples: Sequence[Sample], *, deadline: float | None = None) -> list[Score]:
        model = self._models.get(name)
        if model is None:
            return [Score(reason=Reason.MODEL_UNAVAILABLE) for _ in samples]
        return model.score(samples, deadline=deadline)


def from_settings(settings: Settings) -> RewardModels:
    """Raises InputError where the file of KEYSTEP_REWARD_MODELS_PATH is not as it should be."""
    if settings.reward_models_path is None:
        return RewardModels({})
    return RewardModels({name: _model(name, told) for name, told in spec.read(settings.reward_models_path).items()})


def _model(name: str, told: spec.Local | spec.Remote) -> RewardModel:
    if isinstance(told, spec.Local):
        return LocalModel(name, told)
    from keystep.models.remote import RemoteModel  # what no model is asked through is not imported

    return RemoteModel(name, told)
