"""Log-probabilities of responses: from logits to tokens, from tokens to sequences, and the numerics that losses need.

    logits (B, T, V) --token_logps--> (B, T) --SequenceLogps.of_tokens(mask)--> sums (B,), lengths (B,), averages (B,)

float32 inside, whatever comes in (bfloat16, float16); float64 stays float64. A mask is 1 on response tokens and 0 on
prompt and padding; what stands where the mask is 0 never matters, not even when it is NaN.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# k3 is constant from this log ratio on: one token that the policy has all but ruled out would overflow the batch.
MAX_LOG_RATIO = 20.0


def at_least_float32(x: Tensor) -> Tensor:
    """x in float32, or as it is where it is float64."""
    return x if x.dtype == torch.float64 else x.float()


def check_same_shape(**shapes: torch.Size) -> None:
    """ValueError that names the shapes unless all are the same: broadcasting (B,) against (B, 1) is a silent wrong loss."""
    if len(set(shapes.values())) > 1:
        raise ValueError("shapes differ: " + ", ".join(f"{name} {tuple(shape)}" for name, shape in shapes.items()))


def token_logps(logits: Tensor, tokens: Tensor) -> Tensor:
    """log softmax of logits (..., V) at tokens (...); the caller has shifted them, so that logits[t] predict tokens[t].

    tokens where there is nothing to predict may be any valid index (not -100); the mask leaves them out.
    """
    check_same_shape(positions_of_logits=logits.shape[:-1], tokens=tokens.shape)
    return at_least_float32(logits).log_softmax(-1).gather(-1, tokens.unsqueeze(-1)).squeeze(-1)


def masked_sum(values: Tensor, mask: Tensor) -> Tensor:
    """Sum over the last axis of values (..., T) where mask (..., T) is set. A fully masked row gives 0 and gradient 0."""
    check_same_shape(values=values.shape, mask=mask.shape)
    return torch.where(mask.bool(), values, 0.0).sum(-1)


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean over the last axis of values (..., T) where mask (..., T) is set. A fully masked row gives 0 and gradient 0."""
    total = masked_sum(values, mask)
    return total / mask.bool().sum(-1).clamp(min=1).to(total.dtype)


@dataclass(frozen=True)
class SequenceLogps:
    """Log-probabilities of whole responses under one model.

    sums: log pi(y|x), shape (B,) (any shape will do).  lengths: |y| in tokens, the same shape.
    A response of no tokens has sum and average 0.
    """

    sums: Tensor
    lengths: Tensor

    def __post_init__(self) -> None:
        check_same_shape(sums=self.sums.shape, lengths=self.lengths.shape)
        sums = at_least_float32(self.sums)
        object.__setattr__(self, "sums", sums)
        object.__setattr__(self, "lengths", self.lengths.to(sums.dtype))

    @classmethod
    def of_tokens(cls, logps: Tensor, mask: Tensor) -> SequenceLogps:
        """From token log-probabilities (..., T) and their mask (..., T)."""
        return cls(masked_sum(at_least_float32(logps), mask), mask.bool().sum(-1))

    @property
    def averages(self) -> Tensor:
        """log pi(y|x) / |y|, the shape of sums; the denominator is at least 1."""
        return self.sums / self.lengths.clamp(min=1)


@dataclass(frozen=True)
class PairLogps:
    """chosen (w) and rejected (l) responses to the same prompts, row by row, under one model."""

    chosen: SequenceLogps
    rejected: SequenceLogps

    def __post_init__(self) -> None:
        check_same_shape(chosen=self.chosen.sums.shape, rejected=self.rejected.sums.shape)


def log1mexp(x: Tensor) -> Tensor:
    """log(1 - exp(x)) for x < 0, elementwise; switched at -ln 2, where either form begins to lose digits.

    Source: Maechler 2012, "Accurately computing log(1 - exp(-|a|))".
    """
    near_zero = x > -math.log(2)
    near = torch.log(-torch.expm1(x))
    # Kept away from 0, where its gradient is infinite, and would be NaN even in the branch not taken.
    far = torch.log1p(-torch.exp(torch.where(near_zero, -1.0, x)))
    return torch.where(near_zero, near, far)


def kl_k3(logps: Tensor, ref_logps: Tensor) -> Tensor:
    """Per-token estimate of KL(pi || pi_ref) on samples of pi: ratio - log ratio - 1 >= 0 with ratio = pi_ref / pi.

    Shapes: any, the same.  The log ratio is clamped to at most MAX_LOG_RATIO.
    Source: Schulman 2020, "Approximating KL divergence" (k3); the KL of R1-VL, arXiv 2503.12937.
    """
    check_same_shape(logps=logps.shape, ref_logps=ref_logps.shape)
    log_ratio = (at_least_float32(ref_logps) - at_least_float32(logps)).clamp(max=MAX_LOG_RATIO)
    return torch.expm1(log_ratio) - log_ratio  # expm1 keeps the digits near 0
