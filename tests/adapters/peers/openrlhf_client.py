"""OpenRLHF's own rollout executor, asking a live service. Prints what it got as JSON.

openrlhf_client.py PEERS URL[,URL] RESPONSE_JSON...   each {"response", "label"}; runs one after another, execute() of each
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import types
from pathlib import Path
from types import SimpleNamespace
from typing import Any

peers, urls, *samples = sys.argv[1:]
sys.path.append(peers)
# The package's own openrlhf.utils imports deepspeed; its agent module needs none of it.
for name in ("openrlhf", "openrlhf.utils"):
    package = types.ModuleType(name)
    package.__path__ = [str(Path(peers, *name.split(".")))]
    sys.modules[name] = package

from openrlhf.utils.agent import SingleTurnAgentExecutor  # noqa: E402 - after the path to it

logging.disable()
PROMPT = "<|im_start|>user\nHow many objects?<|im_end|>\n<|im_start|>assistant\n"


class Characters:
    """A tokenizer of characters, special tokens and all."""

    def __call__(self, *, text: str, **_: Any) -> dict[str, Any]:
        import torch

        return {"input_ids": torch.tensor([[ord(c) for c in text]])}

    def decode(self, tokens: list[int], *, skip_special_tokens: bool) -> str:
        assert not skip_special_tokens
        return "".join(map(chr, tokens))


class Engine:
    """Stands for vLLM: it samples what it is told."""

    def __init__(self, text: str) -> None:
        self.text = text + "<|im_end|>"

    async def generate(self, *_: Any, **__: Any) -> Any:
        tokens = [ord(c) for c in self.text]
        return SimpleNamespace(outputs=[SimpleNamespace(token_ids=tokens, text=self.text, finish_reason="stop", logprobs=None)])


async def main() -> None:
    executor = SingleTurnAgentExecutor(urls.split(","))
    sampling = SimpleNamespace(max_tokens=4096, logprobs=None)
    told = []
    for sample in map(json.loads, samples):
        one = await executor.execute(PROMPT, sample["label"], sampling, 100_000, Characters(), Engine(sample["response"]))
        told.append({name: one[name] for name in ("reward", "scores", "extra_logs")})
    # Several samples in one call: divided over the URLs.
    queries = [f"{PROMPT}{json.loads(s)['response']}<|im_end|>" for s in samples]
    fetch = executor._fetch_rewards_via_func if executor.reward_func else executor._fetch_rewards_via_http
    divided = await fetch(queries, [PROMPT] * len(queries), [json.loads(s)["label"] for s in samples])
    print(json.dumps({"one_by_one": told, "divided": divided}))


print("asking", flush=True)
asyncio.run(main())
