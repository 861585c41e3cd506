"""How each kind of model is read, from tokens to scores. Imports torch; used by the owner thread of local.py only.

bradley_terry  the head's one logit at the row's last token
armorm         score and objectives, by the checkpoint's own code
pairrm         both orders of two texts, logit AB - BA
prm_class      softmax over the classes of a tag's token: that of class 1            (Qwen2.5-Math-PRM)
prm_token      softmax over the logits of "+" and "-" at a tag's token: that of "+"   (Math-Shepherd)
prm_turn       the same where an answer to each step is predicted                    (VisualPRM)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import torch

from keystep.errors import ComponentError
from keystep.models import checkpoints
from keystep.models.batcher import Model, cut
from keystep.models.local import finite, in_groups_of_one_length
from keystep.models.prompts import BAD, GOOD, Encoded, Encoder
from keystep.models.sample import Sample, Score
from keystep.models.spec import PROCESS, Local
from keystep.models.states import Padded, States, of_decoder, padded
from keystep.nouns import Reason

Head: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

# Text to try a model with.
_PROBE = "There is one red sphere among 7 things, so 7 - 1 = 6 are left when it is taken away; what was asked for is 6."
# Fields of a config by which logits are more than the output layer's.
_NOT_LINEAR = ("final_logit_softcapping", "logit_scale", "logits_scaling")
# What ArmoRM-Llama3-8B-v0.1's objectives are called, in order (Interpretable Preferences via Multi-Objective Reward Modeling, table 1).
_ARMORM = (
    "helpsteer-helpfulness helpsteer-correctness helpsteer-coherence helpsteer-complexity helpsteer-verbosity "
    "ultrafeedback-overall_score ultrafeedback-instruction_following ultrafeedback-truthfulness ultrafeedback-honesty "
    "ultrafeedback-helpfulness beavertails-is_safe prometheus-score argilla-overall_quality argilla-judge_lm "
    "code-complexity code-style code-explanation code-instruction-following code-readability"
).split()
# Of the most tokens, PairRM gives so many to the question (its own settings: 1224 of 2048).
_SOURCE_SHARE = 1224 / 2048


def load(spec: Local) -> Model[Sample, Score]:
    """Raises ComponentError."""
    model, tokenizer = checkpoints.load(spec)
    if spec.kind == "pairrm":
        return _Pairwise(model, tokenizer, spec)
    encoder = Encoder(tokenizer, spec)
    if spec.kind in PROCESS:
        return _Process(*_steps_of(model, tokenizer, spec), encoder)
    # The decoders of transformers have a linear head over each token's state; others read theirs in ways of their own.
    if isinstance(getattr(model, "score", None), torch.nn.Linear) and not spec.remote_code:
        return _Whole(_states(model, tokenizer, spec), model.score, encoder)
    return _Other(model, spec, encoder)


def _steps_of(model: Any, tokenizer: Any, spec: Local) -> tuple[States, Head]:
    """What is had at a step's place, and what makes two logits of it, wrong and right."""
    if spec.kind == "prm_class":
        if model.config.num_labels != 2:
            raise _unusable(spec, f"has {model.config.num_labels} classes; a prm_class has two, wrong and right")
        if hasattr(model, "score") and not spec.remote_code:
            return _states(model, tokenizer, spec), model.score
        return Padded(lambda **tokens: model(**tokens).logits, spec.device), lambda logits: logits
    marks = [_one_token(tokenizer, mark, spec) for mark in (BAD, GOOD)]
    # Capped or scaled logits are not what the output layer gives by itself.
    if odd := [n for n in _NOT_LINEAR if getattr(model.config.get_text_config(), n, None)]:
        raise _unusable(spec, f"has {odd[0]}, which changes logits in a way not known here")
    # Only these logits are needed; those of every token over the whole vocabulary would be gigabytes.
    return _states(model, tokenizer, spec), lambda states: model.get_output_embeddings()(states)[:, marks]


def _states(model: Any, tokenizer: Any, spec: Local) -> States:
    if spec.remote_code:
        return Padded(lambda **tokens: model.base_model(**tokens).last_hidden_state, spec.device)
    return of_decoder(model, spec.device, tokenizer(_PROBE, add_special_tokens=False)["input_ids"][: spec.max_length])


class _Encoding:
    """Samples as tokens; what ``lengths`` has encoded, ``run`` need not encode again."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._ready: dict[Sample, Encoded] = {}

    def lengths(self, samples: Sequence[Sample]) -> list[int]:
        for sample in samples:
            self._ready[sample] = self._encoder.encode(sample)
        return [len(self._ready[sample].ids) for sample in samples]

    def _encoded(self, samples: Sequence[Sample]) -> list[Encoded]:
        return [self._ready.pop(s) if s in self._ready else self._encoder.encode(s) for s in samples]


class _ByState(_Encoding):
    """What is made of the model's states at some places. head: of states, logits; both have a row a place."""

    def __init__(self, states: States, head: Head, encoder: Encoder) -> None:
        super().__init__(encoder)
        self._states = states
        self._head = head

    def cut(self, lengths: Mapping[Sample, int], budget: int) -> Iterator[list[Sample]]:
        return self._states.cut({sample: self._ready[sample].ids for sample in lengths}, budget)

    @torch.inference_mode()
    def _logits(self, encoded: Sequence[Encoded], places: Sequence[Sequence[int]]) -> torch.Tensor:
        return self._head(self._states.at([e.ids for e in encoded], places)).float().cpu()


class _Whole(_ByState):
    """Bradley-Terry: the logit at the response's last token."""

    def run(self, batch: Sequence[Sample]) -> list[Score]:
        encoded = self._encoded(batch)
        logits = self._logits(encoded, [[len(e.ids) - 1] for e in encoded])[:, 0].tolist()
        return [finite(Score(value, truncated=e.truncated)) for value, e in zip(logits, encoded, strict=True)]


class _Process(_ByState):
    """Process reward models: a probability a step."""

    def run(self, batch: Sequence[Sample]) -> list[Score]:
        encoded = self._encoded(batch)
        read = [e for e in encoded if e.at]
        found = iter(self._probabilities(read) if read else [])
        return [self._score(sample, e, next(found) if e.at else ()) for sample, e in zip(batch, encoded, strict=True)]

    def _score(self, sample: Sample, encoded: Encoded, steps: tuple[float, ...]) -> Score:
        if encoded.at is None:
            return Score(truncated=True, reason=Reason.TRUNCATED_STEPS)
        if len(steps) != len(sample.steps):
            raise RuntimeError(f"{len(sample.steps)} steps have {len(steps)} scores")
        return finite(Score(steps=steps, truncated=encoded.truncated))

    def _probabilities(self, encoded: Sequence[Encoded]) -> list[tuple[float, ...]]:
        places = [e.at or () for e in encoded]
        right = torch.softmax(self._logits(encoded, places), dim=-1)[:, 1]
        return [tuple(part.tolist()) for part in torch.split(right, [len(within) for within in places])]


class _Other(_Encoding):
    """ArmoRM, and Bradley-Terry models with a head of their own kind: by the model's own forward over the whole response."""

    def __init__(self, model: Any, spec: Local, encoder: Encoder) -> None:
        super().__init__(encoder)
        self._model = model
        self._spec = spec

    def cut(self, lengths: Mapping[Sample, int], budget: int) -> Iterator[list[Sample]]:
        return cut(lengths, budget)

    def run(self, batch: Sequence[Sample]) -> list[Score]:
        encoded = self._encoded(batch)
        if self._spec.remote_code:
            lengths = [len(e.ids) for e in encoded]
            return in_groups_of_one_length(lengths, lambda indices: self._scores([encoded[i] for i in indices]))
        return self._scores(encoded)

    @torch.inference_mode()
    def _scores(self, encoded: Sequence[Encoded]) -> list[Score]:
        out = self._model(**padded([e.ids for e in encoded], self._spec.device))
        armorm = self._spec.kind == "armorm"
        values = (out.score if armorm else out.logits).reshape(len(encoded)).float().tolist()
        parts = [_named(row) for row in out.rewards.float().tolist()] if armorm else [()] * len(encoded)
        return [finite(Score(value, parts=part, truncated=e.truncated)) for value, part, e in zip(values, parts, encoded, strict=True)]


class _Pairwise:
    """PairRM. A sample's other text is the second; the sample is run in both orders and their logits subtracted."""

    def __init__(self, model: Any, tokenizer: Any, spec: Local) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._spec = spec

    def lengths(self, samples: Sequence[Sample]) -> list[int]:
        return [2 * len(self._joined(s.question, s.text, s.other or "")[0]) for s in samples]

    def cut(self, lengths: Mapping[Sample, int], budget: int) -> Iterator[list[Sample]]:
        return cut(lengths, budget)

    def run(self, batch: Sequence[Sample]) -> list[Score]:
        rows = []
        for s in batch:
            other = s.other or ""
            rows += [self._joined(s.question, s.text, other), self._joined(s.question, other, s.text)]
        logits = self._logits(rows)
        return [
            finite(Score(ab - ba, parts=(("as_given", ab), ("swapped", ba)), truncated=row[2]))
            for ab, ba, row in zip(logits[::2], logits[1::2], rows[::2], strict=True)
        ]

    @torch.inference_mode()
    def _logits(self, rows: Sequence[tuple[tuple[int, ...], tuple[int, ...], bool]]) -> list[float]:
        tokens = padded([ids for ids, _, _ in rows], self._spec.device)
        indices = torch.tensor([where for _, where, _ in rows], device=self._spec.device)
        found: list[float] = self._model(**tokens, indices=indices).logits.float().tolist()
        return found

    def _joined(self, question: str, first: str, second: str) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
        """(tokens, where the three prefixes stand, whether anything was cut off). Both texts have the same room, in either order."""
        config, most = self._model.config, self._spec.max_length
        source, cut = self._part("<|source|>", question, int(most * _SOURCE_SHARE))
        ids, where = source, [source.index(config.source_prefix_id)]
        room = (most - len(source)) // 2
        for prefix, text, prefix_id in (
            ("<|candidate1|>", first, config.cand1_prefix_id),
            ("<|candidate2|>", second, config.cand2_prefix_id),
        ):
            part, less = self._part(prefix, text, room)
            where.append(len(ids) + part.index(prefix_id))
            ids = ids + part
            cut = cut or less
        return tuple(ids), tuple(where), cut

    def _part(self, prefix: str, text: str, room: int) -> tuple[list[int], bool]:
        whole = self._tokenizer(prefix + text, verbose=False)["input_ids"]
        # The last token is the tokenizer's own end of a part, and stays.
        return (whole, False) if len(whole) <= room else ([*whole[: room - 1], whole[-1]], True)


def _named(objectives: Sequence[float]) -> tuple[tuple[str, float], ...]:
    """By ArmoRM's names where they are as many as its own."""
    names = _ARMORM if len(objectives) == len(_ARMORM) else [f"objective_{n}" for n in range(len(objectives))]
    return tuple(zip(names, objectives, strict=True))


def _one_token(tokenizer: Any, mark: str, spec: Local) -> int:
    ids = tokenizer.encode(mark, add_special_tokens=False)
    if len(ids) != 1:
        raise ComponentError(Reason.MODEL_UNAVAILABLE, f"to the tokenizer of {spec.model} {mark!r} is {len(ids)} tokens, not one")
    return int(ids[0])


def _unusable(spec: Local, what: str) -> ComponentError:
    return ComponentError(Reason.MODEL_UNAVAILABLE, f"the model {spec.model} {what}")
