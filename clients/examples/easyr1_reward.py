"""EasyR1's reward file. Run by itself it scores one sample.

worker.reward.reward_function=clients/examples/easyr1_reward.py:compute_score     (KEYSTEP_URL names the service)
"""

from __future__ import annotations

import os

from keystep_client.adapters.easyr1 import keystep_score

REWARD_NAME = "keystep"
REWARD_TYPE = "batch"
compute_score = keystep_score(os.environ.get("KEYSTEP_URL", "http://127.0.0.1:8000"), undecided=0.0)

if __name__ == "__main__":
    print(compute_score([{"response": "5 + 1 = 6, so the answer is 6.", "response_length": 12, "ground_truth": "6"}]))
