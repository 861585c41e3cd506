"""keystep-train under DeepSpeed on CPUs: accelerate has its processes talk on accelerators alone, so it is told by what they can.

accelerate launch --config_file .../deepspeed.yaml tests/train/deepspeed_on_cpus.py stepgrpo --config FILE.yaml
"""

import functools
import sys

from accelerate import Accelerator, InitProcessGroupKwargs

from keystep_train import runs
from keystep_train.cli import main

if __name__ == "__main__":
    runs.Accelerator = functools.partial(Accelerator, kwargs_handlers=[InitProcessGroupKwargs(backend="gloo")])
    main(sys.argv[1:])
