"""OpenRLHF's reward file. Run by itself it scores one sample.

    --reward.remote_url clients/examples/openrlhf_reward.py         (KEYSTEP_URL names the service)
    --reward.remote_url http://127.0.0.1:8000/get_reward?undecided=0     (the same, without any file)

Labels are gold answers, or JSON with the wire's fields: {"answer": "6", "key_steps": [...]}.
"""

from __future__ import annotations

import os

from keystep_client.adapters.openrlhf import keystep_reward

reward_func = keystep_reward(os.environ.get("KEYSTEP_URL", "http://127.0.0.1:8000"), undecided=0.0)

if __name__ == "__main__":
    prompt = "<|im_start|>user\nWhat is 5 + 1?<|im_end|>\n<|im_start|>assistant\n"
    print(reward_func([f"{prompt}5 + 1 = 6, so the answer is 6.<|im_end|>"], [prompt], ['{"answer": "6", "key_steps": ["5 + 1 = 6"]}']))
