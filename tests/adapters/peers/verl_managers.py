"""verl's own reward managers and reward loop, with keystep's compute_score, asking a live service. Prints JSON.

verl_managers.py PEERS URL RESPONSE_JSON...   each {"response", "label"}
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

peers, url, *given = sys.argv[1:]
sys.path.append(peers)

import numpy as np  # noqa: E402 - after the path to verl's own dependencies
import torch  # noqa: E402
import uvicorn  # noqa: E402
from omegaconf import OmegaConf  # noqa: E402
from verl import DataProto  # noqa: E402
from verl.experimental.reward_loop.reward_loop import RewardLoopWorker  # noqa: E402
from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager  # noqa: E402
from verl.experimental.reward_loop.router.naive_router import NaiveRouter  # noqa: E402
from verl.trainer.ppo.reward import get_custom_reward_fn  # noqa: E402
from verl.workers.reward_manager.naive import NaiveRewardManager as SynchronousManager  # noqa: E402

samples = [json.loads(sample) for sample in given]


class Characters:
    eos_token = "<|im_end|>"

    def decode(self, tokens: torch.Tensor, **_: Any) -> str:
        return "".join(chr(int(t)) for t in tokens)


def configuration(name: str) -> Any:
    custom = {
        "path": "pkg://keystep_client.adapters.verl",
        "name": name,
        "reward_kwargs": {"url": url, "undecided": -1.0, "recipe": {"base": "hardened", "alpha": 0.5}},
    }
    return OmegaConf.create({"reward": {"custom_reward_function": custom}})


def data() -> DataProto:
    longest = max(len(s["response"]) for s in samples)
    responses = torch.zeros(len(samples), longest, dtype=torch.long)
    mask = torch.zeros(len(samples), 1 + longest, dtype=torch.long)
    for i, sample in enumerate(samples):
        responses[i, : len(sample["response"])] = torch.tensor([ord(c) for c in sample["response"]])
        mask[i, : 1 + len(sample["response"])] = 1
    return DataProto.from_dict(
        tensors={"responses": responses, "prompts": torch.ones(len(samples), 1, dtype=torch.long), "attention_mask": mask},
        non_tensors={
            "data_source": np.array(["x"] * len(samples), dtype=object),
            "reward_model": np.array([{"ground_truth": s["label"]} for s in samples], dtype=object),
            "extra_info": np.array([{"question": "How many objects?"} for _ in samples], dtype=object),
        },
    )


async def loop() -> list[dict[str, Any]]:
    manager = NaiveRewardManager(configuration("compute_score"), Characters(), get_custom_reward_fn(configuration("compute_score")))
    assert manager.is_async_reward_score
    manager.loop = asyncio.get_running_loop()
    batch = data()
    return await asyncio.gather(*(manager.run_single(batch[i : i + 1]) for i in range(len(batch))))


async def routed(path: str) -> Any:
    """A reward model's request, through verl's own router."""
    router = NaiveRouter(worker_urls=[url])
    server = uvicorn.Server(uvicorn.Config(router.app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.05)
    worker = object.__new__(RewardLoopWorker)
    port = server.servers[0].sockets[0].getsockname()[1]
    worker.reward_router_address = f"127.0.0.1:{port}"
    query = f"<|im_start|>user\nHow many objects?<|im_end|>\n<|im_start|>assistant\n{samples[0]['response']}<|im_end|>"
    try:
        return await worker._post_request({"model": "m", "input": query, "use_activation": False}, path, max_retries=1)
    finally:
        server.should_exit = True
        thread.join()


def main() -> None:
    told = asyncio.run(loop())
    synchronous = SynchronousManager(Characters(), 0, compute_score=get_custom_reward_fn(configuration("compute_score_sync")))
    tensor = synchronous(data(), return_dict=True)
    print(
        json.dumps(
            {
                "loop": told,
                "tensor": tensor["reward_tensor"].sum(dim=-1).tolist(),
                "extra": dict(tensor["reward_extra_info"]),
                "classify": asyncio.run(routed("classify"))["data"][-1]["probs"][-1],
                "embeddings": asyncio.run(routed("v1/embeddings"))["data"][-1]["embedding"][-1],
            }
        )
    )


main()
