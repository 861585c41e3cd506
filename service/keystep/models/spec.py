"""Which reward models a deployment serves: the JSON file that KEYSTEP_REWARD_MODELS_PATH names, {name: spec}."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from keystep.errors import InputError

LocalKind = Literal["bradley_terry", "armorm", "pairrm", "prm_class", "prm_token", "prm_turn"]
RemoteKind = Literal["vllm", "sglang", "tei"]
PROCESS = frozenset({"prm_class", "prm_token", "prm_turn"})
PAIRWISE = frozenset({"pairrm"})

# What stands after each step where the spec does not say: Qwen2.5-Math-PRM's, Math-Shepherd's.
_TAGS = {"prm_class": "<extra_0>", "prm_token": " ки"}


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Local(_Spec):
    """A checkpoint that this process loads."""

    kind: LocalKind
    model: str = Field(min_length=1, description="A name on the Hugging Face hub, or a local folder.")
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    device: str = Field("cpu", description="As torch names it: cpu, cuda, cuda:1.")
    max_length: int = Field(4096, ge=8, description="Tokens that are read of a sample; what is longer is truncated, and said to be.")
    token_budget: int | None = Field(
        None,
        ge=1,
        description="Most tokens computed in a batch, padding counted; a longer sample runs alone. None: 4096 on a CPU, else 16384.",
    )
    layout: Literal["chat", "plain"] = Field("chat", description="chat: by the chat template; plain: question, a space, the steps.")
    chat_template: str | None = Field(None, description="Jinja, instead of the tokenizer's own.")
    system: str | None = Field(None, description="A system message before the question.")
    tag: str | None = Field(None, description="prm_class, prm_token: what stands after each step.")
    first_turn: str = Field("{question}\n\n{step}", description="prm_turn: the first user turn.")
    remote_code: bool = Field(False, description="Run the Python code that comes with the checkpoint. It can do whatever this service can.")

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Local:
        if self.kind == "armorm" and not self.remote_code:
            raise ValueError("ArmoRM is computed by code that comes with its checkpoint; set remote_code to true where you trust it")
        if self.layout == "plain" and self.kind not in {"prm_class", "prm_token"}:
            raise ValueError(f"layout plain is for prm_class and prm_token; a {self.kind} reads a conversation")
        return self

    @property
    def budget(self) -> int:
        # On a CPU smaller ones part long responses to one question, and larger ones gain little; that of a GPU is a guess to start from.
        return self.token_budget or (4096 if self.device == "cpu" else 16_384)

    @property
    def step_tag(self) -> str:
        return self.tag if self.tag is not None else _TAGS.get(self.kind, "")


def _is_root(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None or parts.query or parts.fragment:
        raise ValueError("give the root of the server, like http://host:8000")
    return url.rstrip("/")


class Remote(_Spec):
    """A reward model behind another server, asked for raw logits."""

    kind: RemoteKind
    url: Annotated[str, AfterValidator(_is_root)]
    model: str = Field("", description="What that server calls it; TEI has but one.")
    chat_template: str = Field(
        min_length=1, description="Jinja that makes a text of the messages; without the BOS token, which the server adds."
    )
    system: str | None = None
    api_key_env: str | None = Field(None, description="Name of the environment variable that holds its bearer token.")
    timeout_seconds: float = Field(60.0, gt=0, le=3600)
    retries: int = Field(4, ge=0, le=100, description="Tries after the first on 408, 429, 5xx and lost connections.")
    concurrency: int = Field(8, ge=1, le=1024, description="Requests under way at once.")
    batch: int = Field(32, ge=1, le=1024, description="Samples of one request.")


Spec = Annotated[Local | Remote, Field(discriminator="kind")]
_FILE: TypeAdapter[dict[str, Local | Remote]] = TypeAdapter(dict[str, Spec])
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def read(path: Path) -> dict[str, Local | Remote]:
    """The specs by name. Raises InputError that names the model, the field and the mend."""
    try:
        found = _FILE.validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"cannot read {path} (KEYSTEP_REWARD_MODELS_PATH): {error.strerror}", field="reward_models_path") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "it"
        raise InputError(f"{path} (KEYSTEP_REWARD_MODELS_PATH): {where}: {first['msg']}", field="reward_models_path") from None
    for name in found:
        if _NAME.fullmatch(name) is None:
            raise InputError(
                f"{path} (KEYSTEP_REWARD_MODELS_PATH): {name[:80]!r} is no name of a model; use letters, digits and . _ -",
                field="reward_models_path",
            )
    return found
