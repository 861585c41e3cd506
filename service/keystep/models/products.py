"""Matrix products on a CPU in float32 by oneDNN, with the weights laid out for it once.

torch has MKL compute a linear layer of float32. Where layers are wide oneDNN took less time (docs/reward-models.md), given weights
that are already in its own layout. torch gives no public name to either step: these are what its compiler freezes a model to, so where
they are missing, or their products are others, the layers stay as they are.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from torch import nn

# How far products may be from those of the plain layer, as a share of their norm: float32 in another order.
_NEAR = 1e-5

_log = logging.getLogger(__name__)


class Product(nn.Module):
    """A linear layer whose weights only oneDNN can read."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight, None)  # noqa: SLF001
        self._bias = linear.bias

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        products: torch.Tensor = torch.ops.mkldnn._linear_pointwise(states, self._weight, self._bias, "none", [], "")  # noqa: SLF001
        return products

    def linear(self) -> nn.Linear:
        """The plain layer that it was made of."""
        weight = self._weight.to_dense()
        plain = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
        plain.weight, plain.bias = nn.Parameter(weight, requires_grad=False), self._bias
        return plain


@torch.inference_mode()
def lay_out(model: Any) -> None:
    """Make products of the model's linear layers, one by one, so that no more than one has its weights twice."""
    for parent, name in _layers(model, nn.Linear):
        layer: Any = getattr(parent, name)
        if layer.weight.device.type != "cpu" or layer.weight.dtype != torch.float32:
            continue
        try:
            product = Product(layer)
            some = layer.weight[:8]
            plain = layer(some)
            apart = (product(some) - plain).norm() / plain.norm()
        except (AttributeError, RuntimeError) as error:
            _log.info("linear layers are left to torch: %s", error)
            return
        if apart < _NEAR:
            setattr(parent, name, product)


def take_back(model: Any) -> None:
    """Undo ``lay_out``."""
    for parent, name in _layers(model, Product):
        setattr(parent, name, getattr(parent, name).linear())


def _layers(model: Any, kind: type[nn.Module]) -> list[tuple[nn.Module, str]]:
    """Parent and name of those exactly of that kind: what derives from it computes something more. None is kept from being freed."""
    return [(parent, name) for parent in model.modules() for name, layer in parent.named_children() if type(layer) is kind]
