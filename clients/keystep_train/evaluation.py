"""How good a policy is on questions it does not train on: sampled accuracy, greedy accuracy, and the parts of the reward."""

from __future__ import annotations

from collections.abc import Sequence

from keystep_client import ScoredRollout
from keystep_train.config import Settings
from keystep_train.errors import ConfigError
from keystep_train.policies import Policy
from keystep_train.questions import Questions, group
from keystep_train.rewards import Scorer
from keystep_train.sampling import generate
from keystep_train.seeds import seed_of

_BATCH = 128


class Evaluator:
    """Asks the service under the recipe hardened, whatever is trained for: figures of different runs can be compared."""

    def __init__(self, settings: Settings, questions: Questions | None, policy: Policy) -> None:
        if settings.evaluation.every and questions is None:
            raise ConfigError("evaluation: there are no questions to evaluate on; give data, or take evaluation out")
        self._settings = settings
        self._questions = questions
        self._policy = policy

    def after(self, step: int) -> dict[str, float]:
        """``evaluation/*`` after so many steps; nothing where it is not time for it."""
        every = self._settings.evaluation.every
        return self.evaluate() if every and (step % every == 0 or step == self._settings.steps) else {}

    def evaluate(self) -> dict[str, float]:
        """Always the same questions and the same draws, so that only the policy differs."""
        values = {}
        with Scorer(self._settings.service) as scorer:
            for kind in ("sampled", "greedy"):
                rollouts = self._score(scorer, greedy=kind == "greedy")
                for name in ("outcome", "step_rvr", "key_steps_matched"):
                    decided = [value for rollout in rollouts if (value := getattr(rollout, name)) is not None]
                    if decided:
                        values[f"evaluation/{kind}_{'accuracy' if name == 'outcome' else name}"] = sum(decided) / len(decided)
        return values

    def _score(self, scorer: Scorer, *, greedy: bool) -> Sequence[ScoredRollout]:
        assert self._questions is not None
        told = self._settings.evaluation
        sampling = self._settings.sampling.model_copy(update={"rollouts": 1, "temperature": told.temperature, "top_p": 1.0})
        sent = []
        for first in range(0, told.questions, _BATCH):
            questions = self._questions.take("test", first, min(_BATCH, told.questions - first))
            batch = generate(self._policy, questions, sampling, seed=seed_of(self._settings.seed, "evaluation", first), greedy=greedy)
            texts, cut = self._policy.texts(batch), self._policy.truncated(batch)
            sent += [scorer.send(group(q, [text], [c]), recipe="hardened") for q, text, c in zip(questions, texts, cut, strict=True)]
        return [rollout for scored in scorer.collect(sent, recipe="hardened").groups for rollout in scored.rollouts]
