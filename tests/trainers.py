"""What trainers' tests send: responses whose worth is known, and how a chat template renders them."""

from __future__ import annotations

import asyncio
from typing import Any

from responses import mulberry

QUESTION = "How many objects?"
# Worth 2.1 and 1.1 under `hardened`, by the wire's own test.
RIGHT = mulberry("There are 5 cubes and 1 ball, 5 + 1 = 6.")
WRONG = RIGHT.replace("is: 6", "is: 7")
# Whether this equals the gold, only a careful reader could tell.
UNDECIDED = RIGHT.replace("is: 6", "is: maybe 6")
KEY_STEPS = [["5 + 1 = 6", "five plus one is six"], "5 cubes"]
LABEL = '{"id": "q1", "answer": "6", "key_steps": [["5 + 1 = 6", "five plus one is six"], "5 cubes"]}'
PROMPT = f"<|im_start|>user\n{QUESTION}<|im_end|>\n<|im_start|>assistant\n"


def query(response: str) -> str:
    """Prompt and response as OpenRLHF decodes them: special tokens kept."""
    return f"{PROMPT}{response}<|im_end|><|endoftext|>"


def trl_rewards(reward: Any, *completions: Any, prompt: Any = QUESTION, **columns: Any) -> list[float | None]:
    """Calls a reward function as TRL does: every column repeated for each completion, and what TRL adds."""
    n = len(completions)
    more = {name: [value] * n for name, value in columns.items()}
    return asyncio.run(
        reward(prompts=[prompt] * n, completions=list(completions), completion_ids=[[1]] * n, **more, trainer_state=object())
    )
