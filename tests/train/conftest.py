"""One torch thread: two under contention cost far more than they give. One warmed-up model for all."""

import os

os.environ["OMP_NUM_THREADS"] = "1"

import pytest
import torch

from keystep_train import config, warmup
from train import configs

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def warmed(tmp_path_factory, service):
    """The folder of a model that keeps the format and is sometimes right: every reward occurs."""
    output = tmp_path_factory.mktemp("warmed")
    said = configs.warm_up(output, service.url, steps=60, batch=32, checkpoints=1000, optimiser={"rate": 1e-2, "warmup": 5})
    warmup.train(configs.settings(config.Warmup, said))
    return output / "model"
