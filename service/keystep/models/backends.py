"""What computes a sentence-transformers model, on CPU and in float32: torch, or OpenVINO from torch's own graph.

The two agree to 1e-6 in every coordinate of a unit vector (tests/models/test_backends.py), as two machines do with torch, so which of
them runs is no matter of a recipe's. Lower precision would be, and is not offered (docs/decisions/0005-embeddings.md).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from keystep.errors import ComponentError
from keystep.nouns import Reason

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Backend = Literal["torch", "openvino"]
# The tokenizer's tensors (rows x tokens) -> vectors (rows x width), not normalised.
Compute: TypeAlias = "Callable[[Mapping[str, Any]], NDArray[np.float32]]"


def by_torch(model: Any) -> Compute:
    import torch

    def compute(tokens: Mapping[str, Any]) -> NDArray[np.float32]:
        with torch.inference_mode():
            rows: NDArray[np.float32] = model(dict(tokens))["sentence_embedding"].numpy()
        return rows

    return compute


def by_openvino(model: Any, example: Mapping[str, Any], threads: int) -> Compute:
    """example: tensors of some text, to trace the model with. Raises ComponentError (MODEL_UNAVAILABLE)."""
    import torch

    try:
        import openvino
    except ImportError as error:
        raise ComponentError(
            Reason.MODEL_UNAVAILABLE, f"the backend openvino needs the extra [openvino] (pip install 'keystep[embed,openvino]'): {error}"
        ) from error
    names = tuple(example)

    class Flat(torch.nn.Module):
        """The model with its dictionaries opened."""

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
            rows: torch.Tensor = self.model(dict(zip(names, tensors, strict=True)))["sentence_embedding"]
            return rows

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's, about shapes that stay dynamic
        traced = openvino.convert_model(Flat().eval(), example_input=tuple(example.values()))
    told = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    request = openvino.Core().compile_model(traced, "CPU", told).create_infer_request()

    def compute(tokens: Mapping[str, Any]) -> NDArray[np.float32]:
        rows: NDArray[np.float32] = request.infer([tokens[name].numpy() for name in names])[0].copy()  # the buffer is used again
        return rows

    return compute
