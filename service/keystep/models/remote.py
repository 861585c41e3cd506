"""Reward models behind vLLM, SGLang or text-embeddings-inference, asked for raw logits.

    vllm    POST {url}/classify       {"model", "input": [text], "use_activation": false}   -> {"data": [{"index", "probs": [x]}]}
    sglang  POST {url}/v1/embeddings  {"model", "input": [text]}                            -> {"data": [{"index", "embedding": [x]}]}
    tei     POST {url}/predict        {"inputs": [[text]], "raw_scores": true, "truncate": false} -> [[{"label", "score": x}]]

Left to themselves vLLM and TEI answer a sigmoid, which keeps the order of scores and nothing else. The chat template is applied here, without
the BOS token: the server's tokenizer adds it, once. Nothing is truncated in silence: these servers refuse what is too long, and
such a sample alone is without a score.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from keystep.errors import ComponentError, InputError
from keystep.models.sample import Sample, Score
from keystep.models.spec import Remote
from keystep.nouns import Reason
from keystep.posting import Poster, RefusedError, shown

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Protocol:
    """body: of a request.  read: the texts' logits, in order, out of its answer; raises LookupError, TypeError or ValueError."""

    path: str
    body: Callable[[str, list[str]], dict[str, Any]]
    read: Callable[[Any, int], list[float]]


def _by_index(field: str, answer: Any, count: int) -> list[float]:
    found = {item["index"]: _only(item[field]) for item in answer["data"]}
    if len(answer["data"]) != count:
        raise ValueError(f"{len(answer['data'])} answers to {count} texts")
    return [found[index] for index in range(count)]


def _predictions(answer: Any, count: int) -> list[float]:
    if len(answer) != count:
        raise ValueError(f"{len(answer)} answers to {count} texts")
    return [_only([label["score"] for label in labels]) for labels in answer]


def _only(values: Any) -> float:
    """The one logit of a reward model. A classifier of several classes has no reward to give."""
    (value,) = values
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no logit")
    return float(value)


_PROTOCOLS = {
    "vllm": _Protocol(
        "/classify", lambda model, texts: {"model": model, "input": texts, "use_activation": False}, partial(_by_index, "probs")
    ),
    "sglang": _Protocol("/v1/embeddings", lambda model, texts: {"model": model, "input": texts}, partial(_by_index, "embedding")),
    "tei": _Protocol(
        "/predict", lambda _, texts: {"inputs": [[text] for text in texts], "raw_scores": True, "truncate": False}, _predictions
    ),
}


class RemoteModel:
    """A sample.RewardModel over a server of somebody else's."""

    def __init__(self, name: str, spec: Remote) -> None:
        """Raises InputError where the template is none, or the key's variable is not set."""
        self.name = name
        self.kind = spec.kind
        self._spec = spec
        self._protocol = _PROTOCOLS[spec.kind]
        self._template = _compiled(name, spec)
        self._post = Poster(
            spec.url + self._protocol.path,
            api_key=_key(name, spec),
            timeout=spec.timeout_seconds,
            retries=spec.retries,
            connections=spec.concurrency,
            reason=Reason.MODEL_UNAVAILABLE,
            mend=f"raise timeout_seconds of the reward model {name}",
        )
        self._threads = ThreadPoolExecutor(spec.concurrency, f"keystep-reward-model {name}")
        self._closed = False

    def start(self) -> None:
        """Nothing to load; whether the server is there shows with the first request."""

    def alive(self) -> bool:
        return not self._closed

    def close(self) -> None:
        self._closed = True
        self._post.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def score(self, samples: Sequence[Sample], *, deadline: float | None = None) -> list[Score]:
        if self._closed:
            return [Score(reason=Reason.MODEL_UNAVAILABLE) for _ in samples]
        distinct = list(dict.fromkeys(samples))
        batches = [distinct[at : at + self._spec.batch] for at in range(0, len(distinct), self._spec.batch)]
        futures = [self._threads.submit(self._scored, batch) for batch in batches]
        wait(futures, None if deadline is None else max(0.0, deadline - monotonic()))
        found: dict[Sample, Score] = {}
        for batch, future in zip(batches, futures, strict=True):
            found.update(zip(batch, _settled(future, len(batch)), strict=True))
        return [found[sample] for sample in samples]

    def _scored(self, batch: Sequence[Sample]) -> list[Score]:
        """What the server refuses is halved until the samples to blame stand alone."""
        try:
            return [Score(value) for value in self._asked([self._text(sample) for sample in batch])]
        except RefusedError as error:
            if len(batch) > 1:
                half = len(batch) // 2
                return self._scored(batch[:half]) + self._scored(batch[half:])
            _log.warning("the reward model %s: %s", self.name, error)
        except (ComponentError, TemplateError) as error:
            _log.warning("the reward model %s: %s", self.name, error)
        return [Score(reason=Reason.MODEL_UNAVAILABLE)] * len(batch)

    def _asked(self, texts: list[str]) -> list[float]:
        content = self._post.post(json.dumps(self._protocol.body(self._spec.model, texts)).encode())
        try:
            return self._protocol.read(json.loads(content), len(texts))
        except (LookupError, TypeError, ValueError) as error:
            raise self._post.unavailable(f"{self._post.endpoint} answers no logit a text ({error}): {shown(content)}") from error

    def _text(self, sample: Sample) -> str:
        return _rendered(self._template, self._spec.system, sample)


def _settled(future: Future[list[Score]], count: int) -> list[Score]:
    """What has not come by the deadline goes on by itself, and is not read."""
    return future.result() if future.done() and not future.cancel() else [Score(reason=Reason.DEADLINE)] * count


def _compiled(name: str, spec: Remote) -> Template:
    """As transformers compiles them, but that what is not known here is an error and not nothing."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"], undefined=StrictUndefined
    )
    try:
        template = environment.from_string(spec.chat_template)
        _rendered(template, spec.system, Sample("question", "response"))
    except TemplateError as error:
        raise InputError(
            f"chat_template of the reward model {name}: {error}; it has messages, and an empty bos_token: write other tokens out",
            field="reward_models_path",
        ) from None
    return template


def _rendered(template: Template, system: str | None, sample: Sample) -> str:
    said = [("user", sample.question), ("assistant", sample.text)]
    if system is not None:
        said.insert(0, ("system", system))
    messages = [{"role": role, "content": content} for role, content in said]
    return template.render(messages=messages, bos_token="", add_generation_prompt=False)


def _key(name: str, spec: Remote) -> str | None:
    if spec.api_key_env is None:
        return None
    try:
        return os.environ[spec.api_key_env].strip()
    except KeyError:
        raise InputError(
            f"the reward model {name} takes its key from the variable {spec.api_key_env}, which is not set", field="reward_models_path"
        ) from None
