from __future__ import annotations

import os

# Before anything imports huggingface_hub: no test asks a hub.
os.environ["HF_HUB_OFFLINE"] = "1"
