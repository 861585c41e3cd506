"""keystep-train with its model in shards on CPUs, by gloo: accelerate takes FSDP for processes on accelerators alone, so it is told they are.

accelerate launch --config_file .../fsdp.yaml tests/train/shards_on_cpus.py stepgrpo --config FILE.yaml
"""

import sys

from accelerate import state
from accelerate.utils import DistributedType

from keystep_train.cli import main

whole = state.AcceleratorState.__init__


def sharded(self, *arguments, fsdp_plugin=None, **more):
    first = not self.initialized
    whole(self, *arguments, fsdp_plugin=fsdp_plugin, **more)
    if first:
        self.fsdp_plugin = fsdp_plugin
        self.distributed_type = state.PartialState._shared_state["distributed_type"] = DistributedType.FSDP


if __name__ == "__main__":
    state.AcceleratorState.__init__ = sharded
    main(sys.argv[1:])
