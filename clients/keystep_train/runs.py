"""A run's folder: what it was told, what it has measured, and the checkpoints it goes on from.

    output/config.json       the configuration; a run is gone on with under the same one only
    output/metrics.jsonl     a line a step; what stands beyond the checkpoint is taken back on resume
    output/checkpoints/N/    weights, optimiser and random state after N steps, by accelerate; extra.pt
    output/model/            the policy at the end, as transformers loads it
    output/tensorboard/      the same metrics; output/wandb/ too, where that is asked for

A checkpoint is written beside its place and then moved there: one that was cut short is never seen.
"""

from __future__ import annotations

import json
import shutil
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import torch
from accelerate import Accelerator
from accelerate.utils import ProjectConfiguration, gather_object, set_seed
from pydantic import ValidationError
from torch import Tensor

from keystep_train.config import Settings
from keystep_train.errors import ConfigError, ResumeError
from keystep_train.policies import Policy

_KEPT = 2


class Run:
    """Open it with ``with``. step: how many updates the policy has had when it is opened."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = Path(settings.output)
        places = ProjectConfiguration(str(self.folder), logging_dir=str(self.folder / "tensorboard"))
        self.accelerator = Accelerator(log_with=list(settings.trackers) or None, project_config=places, step_scheduler_with_optimizer=False)
        if (deepspeed := self.accelerator.state.deepspeed_plugin) is not None:
            # What it would take from a data loader, and what it clips by itself. Batches are divided here; 1 is only to be a number.
            deepspeed.deepspeed_config |= {"train_micro_batch_size_per_gpu": 1, "gradient_clipping": settings.optimiser.clip_norm}
        if self.accelerator.is_fsdp2 and settings.model.lora is not None:
            raise ConfigError("model.lora: an adapter cannot be merged from shards (FSDP); take lora out, or launch without shards")
        self.main = self.accelerator.is_main_process
        if self.main:
            self._claim()
        self.accelerator.wait_for_everyone()
        self.step = max(self._steps(), default=0)
        self.finished = (self.folder / "model").is_dir()
        if self.finished and self.main:
            print(f"{self.folder} is finished: its model lies in {self.folder / 'model'}; for another run give another output")

    def _claim(self) -> None:
        """The folder is this configuration's, now or already."""
        said = _kept(self.settings)
        path = self.folder / "config.json"
        if path.is_file():
            before = self._begun(path)
            different = sorted(key for key in before.keys() | said.keys() if before.get(key) != said.get(key))
            if different:
                key = different[0]
                raise ResumeError(
                    f"{self.folder} was begun with {key} = {before.get(key)!r}, and is now to go on with {said.get(key)!r}; "
                    "give the old value, or another output"
                )
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")

    def _begun(self, path: Path) -> dict[str, Any]:
        """What the folder's run was told; a setting that there was not yet had what is now its default."""
        try:
            return _kept(type(self.settings).model_validate_json(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise ResumeError(f"{path} is of another version of keystep-train, or edited; give another output: {error}") from None

    def __enter__(self) -> Self:
        set_seed(self.settings.seed)
        told = {"tensorboard": {"purge_step": self.step + 1}, "wandb": {"dir": str(self.folder), "name": self.folder.name}}
        self.accelerator.init_trackers("keystep-train", init_kwargs=told)
        if self.main:
            self._metrics = self._take_back().open("a", encoding="utf-8", buffering=1)
        self._cpu = time.process_time()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.main:
            self._metrics.close()
        self.accelerator.end_training()

    def _take_back(self) -> Path:
        """metrics.jsonl without the steps after the checkpoint: they will be done again."""
        path = self.folder / "metrics.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.is_file() else []
        kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= self.step]
        path.write_text("".join(kept), encoding="utf-8")
        return path

    def log(self, values: Mapping[str, float]) -> None:
        """Values of the step that has just been done, under ``name`` or ``group/name``; of several processes, the means of theirs.

        time/cpu is added: CPU seconds of this process since the step before, which other work on the machine does not stretch.
        """
        spent, self._cpu = time.process_time() - self._cpu, time.process_time()
        values = {**values, "time/cpu": spent}
        if self.accelerator.num_processes > 1:
            values = _means(gather_object([dict(values)]))
        self.accelerator.log(dict(values), step=self.step)
        if self.main:
            self._metrics.write(json.dumps({"step": self.step, **values}) + "\n")

    def restore(self) -> Any:
        """Weights, optimiser and random state of the last checkpoint into what accelerate has prepared; its extra. None: there is none."""
        if self.step == 0:
            return None
        folder = self._checkpoints() / str(self.step)
        self.accelerator.load_state(str(folder))
        return torch.load(folder / f"extra-{self.accelerator.process_index}.pt", weights_only=False)

    def checkpoint(self, extra: Any = None) -> None:
        """extra: what the trainer needs besides, anything torch.save takes; each process has its own."""
        place = self._checkpoints() / str(self.step)
        beside = self._checkpoints() / f"{self.step}.part"
        if self.main:
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir(parents=True)
        self.accelerator.wait_for_everyone()
        self.accelerator.save_state(str(beside))
        torch.save(extra, beside / f"extra-{self.accelerator.process_index}.pt")
        self.accelerator.wait_for_everyone()
        if self.main:
            beside.rename(place)
            for step in sorted(self._steps())[:-_KEPT]:
                shutil.rmtree(self._checkpoints() / str(step))

    def share(self, name: str, count: int) -> tuple[int, int]:
        """Of so many things of a step, which are this process's: from the first on, how many. ConfigError: they cannot be shared evenly."""
        processes = self.accelerator.num_processes
        if count % processes:
            raise ConfigError(f"{name} is {count}, which {processes} processes cannot share evenly; take a multiple of {processes}")
        return self.accelerator.process_index * (count // processes), count // processes

    def backward(self, loss: Tensor, *, last: bool) -> None:
        """Adds a micro batch's gradients to those there are. last: of the update, which DeepSpeed makes here."""
        self.accelerator.sync_gradients = last
        self.accelerator.backward(loss)

    def due(self) -> bool:
        """Whether a checkpoint is to be written after this step."""
        return self.step % self.settings.checkpoints == 0 and self.step < self.settings.steps

    def finish(self, policy: Policy, model: Any) -> None:
        """Writes the policy as it is now. model: as accelerate has prepared it; of shards, every process gives its own."""
        self.accelerator.wait_for_everyone()
        weights = self.accelerator.get_state_dict(model)
        if self.main:
            beside = self.folder / "model.part"
            shutil.rmtree(beside, ignore_errors=True)
            policy.save(beside, weights)
            beside.rename(self.folder / "model")

    def _checkpoints(self) -> Path:
        return self.folder / "checkpoints"

    def _steps(self) -> list[int]:
        return [int(entry.name) for entry in self._checkpoints().glob("*") if entry.name.isdigit()]


def _kept(settings: Settings) -> dict[str, Any]:
    """Without what may change between two parts of a run, and without the key."""
    return settings.model_dump(mode="json", exclude={"service": {"url", "api_key"}, "trackers": True})


def _means(everybody: list[dict[str, float]]) -> dict[str, float]:
    """By name, over those that have it."""
    names = dict.fromkeys(name for values in everybody for name in values)
    return {name: statistics.fmean(values[name] for values in everybody if name in values) for name in names}
