"""What a configuration file may say: YAML, checked field by field before anything is loaded.

    base: paper            # begins from a named configuration (configs/) or a file beside this one; what follows replaces it
    output: runs/first
    sampling: {rollouts: 4, temperature: 1.2}

``docs/training.md`` has every field. A field that does not exist is an error that names it.
"""

from __future__ import annotations

from importlib import resources
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from keystep_train.errors import ConfigError

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]
Natural = Annotated[int, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tiny(_Section):
    """A model built here, of random weights, with a tokenizer of the task's pieces. sees: Qwen2-VL's architecture, for pictures."""

    sees: bool = False
    hidden: Count = 128
    layers: Count = 4
    heads: Count = 4


class Lora(_Section):
    """Low-rank adapters (PEFT); the reference is then the model without them."""

    rank: Count = 16
    alpha: Count = 32
    dropout: Share = 0.0
    targets: list[str] | Literal["all-linear"] = "all-linear"


class Model(_Section):
    """path: a folder or a name that transformers knows; or tiny. Exactly one."""

    path: str | None = None
    tiny: Tiny | None = None
    dtype: Literal["float32", "bfloat16"] = "float32"
    lora: Lora | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.path is None) == (self.tiny is None):
            raise ValueError("give path or tiny, exactly one of them")
        return self


class Data(_Section):
    """task: a synthetic one; or file: questions in the wire's form, one JSON object a line. Exactly one."""

    task: Literal["arithmetic", "scenes"] | None = None
    difficulty: Count = 5
    seed: int = 0
    file: str | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.task is None) == (self.file is None):
            raise ValueError("give task or file, exactly one of them")
        return self


class Optimiser(_Section):
    """AdamW. The rate rises linearly over warmup (steps), then is constant or falls as a cosine to 0 at the last step."""

    rate: Positive = 1e-4
    warmup: Natural = 10
    decay: Literal["constant", "cosine"] = "constant"
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[Share, Share] = (0.9, 0.999)
    clip_norm: Positive = 1.0


class Vllm(_Section):
    """Rollouts from vLLM, in the process that trains. memory: its share of the device's; dtype: of its weights, else the policy's."""

    memory: Annotated[float, Field(gt=0, le=1)] = 0.3
    dtype: Literal["float32", "bfloat16"] | None = None

    @model_validator(mode="after")
    def _installed(self) -> Self:
        if find_spec("vllm") is None:
            raise ValueError("vLLM is not installed here: pip install vllm (on a machine it runs on), or take vllm out")
        return self


class Sampling(_Section):
    """How rollouts are drawn. rollouts: M, of each question. vllm: by vLLM; else by transformers, with this cache of keys and values."""

    rollouts: Count = 4
    temperature: Positive = 1.2
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    max_new_tokens: Count = 1024
    max_prompt_tokens: Count = 512
    cache: Literal["static", "dynamic"] = "static"
    vllm: Vllm | None = None


class PairSampling(Sampling):
    """SimPO's, of the responses that its pairs are made of: one a seed."""

    rollouts: Count = 1
    temperature: Positive = 0.8
    top_p: Annotated[float, Field(gt=0, le=1)] = 0.95


class Service(_Section):
    """undecided: what happens to a rollout whose reward is null. retries: how often such a group is sent again first."""

    url: str | list[str] = "http://127.0.0.1:8000"
    recipe: str | dict[str, Any] = "hardened"
    api_key: str | None = None
    deadline_ms: Count | None = None
    undecided: Literal["drop_rollout", "drop_group"] = "drop_rollout"
    retries: Natural = 0


class Evaluation(_Section):
    """Every so many steps (0: never), so many questions of the test split, one response each at this temperature, and one greedy."""

    every: Natural = 0
    questions: Count = 128
    temperature: Positive = 1.0


class Settings(_Section):
    """What every training has. steps: updates of the policy. checkpoints: every so many steps; the last two are kept."""

    output: str
    seed: int = 0
    steps: Count
    model: Model
    data: Data | None = None
    optimiser: Optimiser = Optimiser()
    checkpoints: Count = 100
    trackers: list[Literal["tensorboard", "wandb"]] = ["tensorboard"]
    micro_batch: Count = 64
    sampling: Sampling = Sampling()
    evaluation: Evaluation = Evaluation()
    service: Service = Service()


class Flawed(_Section):
    """Chains of thought that are wrong on purpose; see tasks.Flaws."""

    step: Share = 0.0
    only: Literal["+", "-"] | None = None
    layout: Share = 0.0
    filler: Share = 0.0


class Warmup(Settings):
    """Supervised fine-tuning on the references of the questions, or on flawed ones."""

    data: Data
    batch: Count = 128
    flaws: Flawed = Flawed()
    max_length: Count = 2048


class StepGrpo(Settings):
    """StepGRPO. questions: in a batch, each with sampling.rollouts. beta: weight of the KL to the model as it began.

    clip: epsilon of the clipped ratio, which one_step_off needs.
    """

    data: Data
    questions: Count = 4
    beta: Annotated[float, Field(ge=0)] = 0.04
    schedule: Literal["sync", "one_step_off"] = "sync"
    clip: Positive = 0.2


class SimPo(_Section):
    """gamma, or gamma_beta_ratio = gamma / beta; exactly one. length_normalised: False is the paper's ablation, on sums."""

    name: Literal["simpo", "simpo_hinge"]
    beta: Positive = 2.0
    gamma: float | None = None
    gamma_beta_ratio: float | None = None
    label_smoothing: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    sft_weight: Annotated[float, Field(ge=0)] = 0.0
    length_normalised: bool = True

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.gamma is None) == (self.gamma_beta_ratio is None):
            raise ValueError("give gamma or gamma_beta_ratio (gamma / beta), exactly one of them")
        if self.name == "simpo_hinge" and self.label_smoothing:
            raise ValueError("label_smoothing belongs to simpo, not to simpo_hinge")
        return self


class Dpo(_Section):
    name: Literal["dpo"]
    beta: Positive = 0.01


class Ipo(_Section):
    """average: over tokens, as the authors recommend; False: the paper's sums."""

    name: Literal["ipo"]
    tau: Positive = 0.1
    average: bool = True


class Cpo(_Section):
    name: Literal["cpo"]
    beta: Positive = 0.1
    nll_weight: float = 1.0
    nll: Literal["sequence", "token", "batch_token"] = "sequence"


class Kto(_Section):
    """On the pairs' responses one by one; the KL is that of responses moved on by one prompt within a batch."""

    name: Literal["kto"]
    beta: Positive = 0.1
    desirable_weight: Positive = 1.0
    undesirable_weight: Positive = 1.0


class Orpo(_Section):
    name: Literal["orpo"]
    odds_weight: Positive = 0.1
    nll: Literal["sequence", "token", "batch_token"] = "token"


class RDpo(_Section):
    name: Literal["r_dpo"]
    beta: Positive = 0.01
    alpha: float = 0.005


class Rrhf(_Section):
    name: Literal["rrhf"]
    nll_weight: float = 1.0
    nll: Literal["sequence", "token", "batch_token"] = "sequence"


class Slic(_Section):
    name: Literal["slic_hf"]
    delta: Positive = 1.0
    nll_weight: float = 0.1
    nll: Literal["sequence", "token", "batch_token"] = "sequence"


Objective = Annotated[SimPo | Dpo | Ipo | Cpo | Kto | Orpo | RDpo | Rrhf | Slic, Field(discriminator="name")]


class OnPolicy(_Section):
    """rounds: of sampling, scoring, pairing and training; each round trains for steps of its own on pairs of its own.

    questions: in a round. seeds: one response of each question for each. by: the score that decides, a field of the answer of
    /v1/score or a reward model's name among its extras.
    """

    rounds: Count = 1
    questions: Count
    seeds: list[int] = [13, 21, 42, 79, 100]
    by: str = "reward"
    min_margin: Annotated[float, Field(ge=0)] = 0.0


class Preference(Settings):
    """Training on pairs: of a file in TRL's form (pairs), or drawn from the policy itself (on_policy). Exactly one.

    batch: pairs in a step. held_out: a file of pairs that are only measured. reference: of the objectives that have one,
    log-probabilities computed once before (precomputed), or each time by a model kept beside the policy (live).
    """

    objective: Objective
    sampling: PairSampling = PairSampling()
    pairs: str | None = None
    on_policy: OnPolicy | None = None
    held_out: str | None = None
    batch: Count = 128
    max_length: Count = 2048
    reference: Literal["precomputed", "live"] = "precomputed"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.pairs is None) == (self.on_policy is None):
            raise ValueError("give pairs or on_policy, exactly one of them")
        if self.on_policy is not None and self.data is None:
            raise ValueError("on_policy draws responses to questions: give data")
        return self


class Sample(_Section):
    """Responses of a model, scored: groups in the wire's form with their scores, and pairs of them. questions: of the test split."""

    output: str
    seed: int = 0
    model: Model
    data: Data
    questions: Count = 100
    split: Literal["train", "test"] = "test"
    sampling: PairSampling = PairSampling()
    seeds: list[int] = [13, 21, 42, 79, 100]
    by: str = "reward"
    min_margin: Annotated[float, Field(ge=0)] = 0.0
    service: Service = Service()


class Analyse(_Section):
    """Finished or unfinished runs side by side. runs: a name to a run's folder."""

    output: str
    runs: Annotated[dict[str, str], Field(min_length=1)]


C = TypeVar("C", bound=BaseModel)


def load(path: Path, kind: type[C]) -> C:
    """The configuration in a file. ConfigError names the file, the field, what it was and what it may be."""
    try:
        return kind.model_validate(_merged(path))
    except ValidationError as error:
        raise ConfigError(
            "\n".join(f"{path}: {_where(e['loc'])}: {e['msg']}{_given(e)}" for e in error.errors(include_url=False))
        ) from None


def _merged(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file; named configurations are {', '.join(named())}")
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not YAML: {error}") from None
    if not isinstance(said, dict):
        raise ConfigError(f"{path}: a configuration is a mapping, like `output: runs/first`")
    base = said.pop("base", None)
    return said if base is None else _over(_merged(_base(path, str(base))), said)


def _base(path: Path, base: str) -> Path:
    return Path(str(resources.files("keystep_train") / "configs" / f"{base}.yaml")) if base in named() else path.parent / base


def named() -> list[str]:
    """The configurations that come with the package."""
    folder = resources.files("keystep_train") / "configs"
    return sorted(Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """above over below, mapping by mapping; anything else, lists too, is replaced."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _where(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "the whole"


def _given(error: Any) -> str:
    return "" if error["type"] == "missing" or isinstance(error["input"], dict) else f" (it is {error['input']!r})"
