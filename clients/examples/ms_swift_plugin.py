"""ms-swift's plugin.

swift rlhf --rlhf_type grpo --external_plugins clients/examples/ms_swift_plugin.py --reward_funcs keystep ...
(KEYSTEP_URL names the service; the dataset's `solution` is the answer, and its other columns go along by the wire's names.)
"""

from __future__ import annotations

import os

from swift.rewards import ORM, orms

from keystep_client.adapters.ms_swift import keystep_orm

orms["keystep"] = keystep_orm(os.environ.get("KEYSTEP_URL", "http://127.0.0.1:8000"), ORM, undecided=None)
