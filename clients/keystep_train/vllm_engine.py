"""Rollouts by vLLM, in the process that trains and with weights of its own, which are those of the policy whenever they are renewed.

What vLLM says of its tokens' log-probabilities is kept beside them to be compared (``sampler/gap``), and learnt from by nothing:
the loss takes the policy's own.

Left out: models that see pictures, several processes, sleeping while the policy learns.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

# Before vLLM is imported: the engine in this process, where it can be given tensors.
os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"

import torch
from torch import Tensor
from vllm import LLM, RequestOutput, SamplingParams
from vllm.distributed import cleanup_dist_env_and_memory
from vllm.sampling_params import RequestOutputKind

from keystep_train.batches import Batch, pad_right
from keystep_train.config import Sampling
from keystep_train.generation import Done
from keystep_train.policies import Policy
from keystep_train.seeds import seed_of
from keystep_train.tasks import Question


class VllmGenerator:
    """generation.Generator, for a policy of text alone. Draws nothing sensible before it is first renewed."""

    def __init__(self, policy: Policy, told: Sampling) -> None:
        assert told.vllm is not None
        self._policy = policy
        self._told = told
        with TemporaryDirectory() as folder:
            policy.model.config.save_pretrained(Path(folder))
            self._llm = LLM(
                folder,
                load_format="dummy",  # weights come by renew
                skip_tokenizer_init=True,  # tokens go in and come out
                generation_config="vllm",  # no defaults of the model's: all that is told stands in _parameters
                # Weights that are tied here are not renewed there: it has both, each for itself.
                hf_overrides={"tie_word_embeddings": False},
                dtype=told.vllm.dtype or str(policy.model.dtype).removeprefix("torch."),
                max_model_len=told.max_prompt_tokens + told.max_new_tokens,
                gpu_memory_utilization=told.vllm.memory,
                logprobs_mode="processed_logprobs",  # at the temperature, as they were drawn
            )

    def renew(self) -> None:
        weights = self._policy.weights()
        self._llm.collective_rpc("reload_weights", kwargs={"weights_iterator": iter(weights.items())})
        self._llm.reset_prefix_cache()

    def close(self) -> None:
        """Before the run ends: accelerate takes down the process group that vLLM's own belong to."""
        self._llm.llm_engine.engine_core.shutdown()
        cleanup_dist_env_and_memory()

    def generate(self, questions: Sequence[Question], *, seed: int, done: Done | None = None) -> Batch:
        """As sampling.generate. A seed draws the same again as far as vLLM's arithmetic is the same, which its batching may change."""
        repeated = [q for q in questions for _ in range(self._told.rollouts)]
        prompts = [{"prompt_token_ids": self._policy.prompt_tokens(q.prompt)[-self._told.max_prompt_tokens :]} for q in repeated]
        parameters = [self._parameters(seed_of(seed, "row", row)) for row in range(len(repeated))]
        names = self._llm.enqueue(prompts, parameters, use_tqdm=False)
        rows = {name.partition("-")[0]: row for row, name in enumerate(names)}  # outputs go by what stands before the engine's suffix
        ended: dict[int, tuple[list[int], list[float]]] = {}
        while self._llm.llm_engine.has_unfinished_requests():
            for output in self._llm.llm_engine.step():
                row = rows[output.request_id]
                ended[row] = _drawn(output)
                self._hand_on(row // self._told.rollouts, ended, done)
        responses, mask, logps = self._padded([ended[row] for row in range(len(repeated))])
        inputs = self._policy.prompts(repeated, most=self._told.max_prompt_tokens)
        return Batch(inputs, responses, mask, logps).to(self._policy.model.device)

    def _hand_on(self, number: int, ended: dict[int, tuple[list[int], list[float]]], done: Done | None) -> None:
        """A question's rollouts, if these are all."""
        group = range(number * self._told.rollouts, (number + 1) * self._told.rollouts)
        if done is not None and all(row in ended for row in group):
            done(number, Batch({}, *self._padded([ended[row] for row in group])))

    def _parameters(self, seed: int) -> SamplingParams:
        return SamplingParams(
            temperature=self._told.temperature,
            top_p=self._told.top_p,
            top_k=0,
            max_tokens=self._told.max_new_tokens,
            seed=seed,
            stop_token_ids=[self._policy.tokenizer.eos_token_id],
            logprobs=0,  # of the token that was drawn alone
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _padded(self, rows: Sequence[tuple[list[int], list[float]]]) -> tuple[Tensor, Tensor, Tensor]:
        responses, mask = pad_right([tokens for tokens, _ in rows], self._policy.tokenizer.pad_token_id)
        logps = torch.zeros(responses.shape)
        for row, (_, values) in enumerate(rows):
            logps[row, : len(values)] = torch.tensor(values)
        return responses, mask, logps


def _drawn(output: RequestOutput) -> tuple[list[int], list[float]]:
    """Tokens of a response, the end token included, and their log-probabilities."""
    (response,) = output.outputs
    tokens = list(response.token_ids)
    return tokens, [at[token].logprob for token, at in zip(tokens, response.logprobs, strict=True)]
