"""GRPO with TRL, rewards from a running keystep; a tiny model from tiny.py, so that it runs anywhere within a minute.

make serve &
.venv/bin/python clients/examples/trl_grpo.py --url http://127.0.0.1:8000 [--vision]
"""

from __future__ import annotations

import argparse
import tempfile

import tiny
from trl import GRPOConfig, GRPOTrainer

from keystep_client.adapters.trl import keystep_reward

arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
arguments.add_argument("--url", default="http://127.0.0.1:8000", help="the service")
arguments.add_argument("--vision", action="store_true", help="a tiny Qwen2-VL and pictures, instead of text alone")
arguments.add_argument("--steps", type=int, default=3)
given = arguments.parse_args()

model, processor = tiny.vision_model() if given.vision else tiny.text_model()
with tempfile.TemporaryDirectory() as folder:
    trainer = GRPOTrainer(
        model=model,
        processing_class=processor,
        reward_funcs=keystep_reward(given.url, eos_token_id=model.generation_config.eos_token_id),
        train_dataset=tiny.dataset(16, vision=given.vision),
        args=GRPOConfig(
            output_dir=folder,
            max_steps=given.steps,
            per_device_train_batch_size=8,
            num_generations=4,
            max_completion_length=10,
            learning_rate=1e-2,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            use_cpu=True,
            bf16=False,
            seed=0,
        ),
    )
    trainer.train()

for step in trainer.state.log_history[:-1]:
    print({name: round(value, 3) for name, value in step.items() if name.startswith(("keystep/", "reward"))})
