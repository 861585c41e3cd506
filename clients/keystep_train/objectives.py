"""The objectives: StepGRPO, SimPO, and the eight that SimPO's Table 3 compares it with.

Pure functions of log-probabilities. w is the chosen response, l the rejected one, s = log pi(y|x) the sum over its
tokens, a = s / |y| the average, ref the same sum under the reference model, and

    D = (s_w - ref_w) - (s_l - ref_l)

Every function returns one loss per row, shape (B,), to be minimised; ``.mean()`` of it is the batch loss. The sign is
such that making w likelier and l less likely lowers it. NLL terms are positive: -s_w ("sequence"), -a_w ("token") or
the mean over all chosen tokens of the batch, the same in every row ("batch_token").
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from keystep_train.logprobs import MAX_LOG_RATIO, PairLogps, SequenceLogps, at_least_float32, check_same_shape, kl_k3, log1mexp, masked_mean

Nll = Literal["sequence", "token", "batch_token"]

# ORPO's odds are infinite at probability one, and their gradient is NaN; the average is clamped to this.
MAX_ORPO_AVERAGE = -1e-6


def simpo(
    policy: PairLogps,
    *,
    beta: float,
    gamma: float | None = None,
    gamma_beta_ratio: float | None = None,
    label_smoothing: float = 0.0,
    sft_weight: float = 0.0,
) -> Tensor:
    """SimPO: -log sigmoid(beta (a_w - a_l) - gamma). Shape (B,).

    gamma: the target margin, in units of the reward beta * a; or gamma_beta_ratio = gamma / beta, in nats a token, which
    is what the published settings give. Exactly one of the two.
    label_smoothing e, 0 to 0.5: -(1 - e) log sigmoid(m) - e log sigmoid(-m) where m is the argument above.
    sft_weight: adds sft_weight * (-a_w).
    Source: Meng et al. 2024, arXiv 2405.14734, equation 6; smoothing and SFT term from the authors' code.
    """
    if not 0 <= label_smoothing <= 0.5:
        raise ValueError(f"label_smoothing is {label_smoothing}; it must lie in [0, 0.5]")
    margin = _simpo_margin(policy, beta, gamma, gamma_beta_ratio)
    loss = -(1 - label_smoothing) * logsigmoid(margin) - label_smoothing * logsigmoid(-margin)
    return loss + sft_weight * _nll(policy.chosen, "token")


def simpo_hinge(
    policy: PairLogps,
    *,
    beta: float,
    gamma: float | None = None,
    gamma_beta_ratio: float | None = None,
    sft_weight: float = 0.0,
) -> Tensor:
    """SimPO with a hinge: relu(1 - (beta (a_w - a_l) - gamma)). Shape (B,); arguments and source as in simpo."""
    margin = _simpo_margin(policy, beta, gamma, gamma_beta_ratio)
    return torch.relu(1 - margin) + sft_weight * _nll(policy.chosen, "token")


def dpo(policy: PairLogps, reference: PairLogps, *, beta: float) -> Tensor:
    """DPO: -log sigmoid(beta D). Shape (B,). Source: Rafailov et al. 2023, arXiv 2305.18290, equation 7."""
    _check_positive("beta", beta)
    return -logsigmoid(beta * _log_ratio_difference(policy, reference))


def ipo(policy: PairLogps, reference: PairLogps, *, tau: float, average: bool = True) -> Tensor:
    """IPO: (D - 1 / (2 tau))^2. Shape (B,).

    average: D from averages per token, as the authors recommend after publication (and TRL does); False: from sums, as
    the paper's equation has it. Source: Azar et al. 2023, arXiv 2310.12036.
    """
    _check_positive("tau", tau)
    return (_log_ratio_difference(policy, reference, average=average) - 1 / (2 * tau)).square()


def cpo(policy: PairLogps, *, beta: float, nll_weight: float = 1.0, nll: Nll = "sequence") -> Tensor:
    """CPO: -log sigmoid(beta (s_w - s_l)) + nll_weight * NLL_w. Shape (B,). No reference.

    nll "sequence" is SimPO's Table 3; "batch_token" is TRL's. Source: Xu et al. 2024, arXiv 2401.08417.
    """
    _check_positive("beta", beta)
    return -logsigmoid(beta * (policy.chosen.sums - policy.rejected.sums)) + nll_weight * _nll(policy.chosen, nll)


def kto(
    policy: SequenceLogps,
    reference: SequenceLogps,
    desirable: Tensor,
    kl: Tensor,
    *,
    beta: float,
    desirable_weight: float = 1.0,
    undesirable_weight: float = 1.0,
) -> Tensor:
    """KTO, for unpaired responses; shape (B,). With r = s - ref, per response:

        desirable    desirable_weight   * (1 - sigmoid(beta (r - kl)))
        undesirable  undesirable_weight * (1 - sigmoid(beta (kl - r)))

    desirable: (B,) bool.  kl: a scalar from kto_kl, without beta (the authors' z_ref is beta * kl).
    For pairs, concatenate chosen and rejected rows.
    Source: Ethayarajh et al. 2024, arXiv 2402.01306; both sigmoids enter with a minus.
    """
    _check_positive("beta", beta)
    check_same_shape(policy=policy.sums.shape, reference=reference.sums.shape, desirable=desirable.shape)
    gain = beta * (policy.sums - reference.sums - kl)
    wanted = desirable.bool()
    weight = torch.where(wanted, desirable_weight, undesirable_weight).to(gain.dtype)
    return weight * torch.sigmoid(torch.where(wanted, -gain, gain))  # 1 - sigmoid(x) = sigmoid(-x), without cancelling


def kto_kl(policy: SequenceLogps, reference: SequenceLogps) -> Tensor:
    """KTO's reference point: mean of s - ref over mismatched responses (y of another prompt), >= 0, without gradient; scalar."""
    check_same_shape(policy=policy.sums.shape, reference=reference.sums.shape)
    return (policy.sums - reference.sums).mean().clamp(min=0).detach()


def orpo(policy: PairLogps, *, odds_weight: float, nll: Nll = "token") -> Tensor:
    """ORPO: NLL_w - odds_weight * log sigmoid(logodds_w - logodds_l), logodds = a - log(1 - exp(a)). Shape (B,). No reference.

    odds_weight: the paper's lambda. a is clamped to at most MAX_ORPO_AVERAGE.
    Source: Hong et al. 2024, arXiv 2403.07691.
    """
    return _nll(policy.chosen, nll) - odds_weight * logsigmoid(_log_odds(policy.chosen) - _log_odds(policy.rejected))


def r_dpo(policy: PairLogps, reference: PairLogps, *, beta: float, alpha: float) -> Tensor:
    """R-DPO: -log sigmoid(beta D + alpha (|y_w| - |y_l|)). Shape (B,).

    The plus follows from the penalised reward r - alpha |y|: where w is the longer, the policy must not win by length.
    Source: Park et al. 2024, arXiv 2403.19159.
    """
    _check_positive("beta", beta)
    longer = policy.chosen.lengths - policy.rejected.lengths
    return -logsigmoid(beta * _log_ratio_difference(policy, reference) + alpha * longer)


def rrhf(policy: PairLogps, *, nll_weight: float = 1.0, nll: Nll = "sequence") -> Tensor:
    """RRHF on pairs: relu(a_l - a_w) + nll_weight * NLL_w. Shape (B,). Source: SimPO's Table 3; Yuan et al. 2023, arXiv 2304.05302."""
    return torch.relu(policy.rejected.averages - policy.chosen.averages) + nll_weight * _nll(policy.chosen, nll)


def rrhf_ranked(policy: SequenceLogps, rewards: Tensor, *, nll_weight: float = 1.0, nll: Nll = "sequence") -> Tensor:
    """RRHF as published, on n ranked responses to each prompt: policy and rewards (B, n), loss (B,).

    Every pair with rewards_j > rewards_i adds relu(a_i - a_j); plus nll_weight * NLL of the response of the highest
    reward (the first, among equals). rewards must be finite. Source: Yuan et al. 2023, arXiv 2304.05302.
    """
    check_same_shape(policy=policy.sums.shape, rewards=rewards.shape)
    a = policy.averages
    better = rewards.unsqueeze(-1) > rewards.unsqueeze(-2)  # [.., j, i]
    rank = torch.where(better, torch.relu(a.unsqueeze(-2) - a.unsqueeze(-1)), 0.0).sum((-2, -1))
    best = rewards.argmax(-1, keepdim=True)
    top = SequenceLogps(policy.sums.gather(-1, best).squeeze(-1), policy.lengths.gather(-1, best).squeeze(-1))
    return rank + nll_weight * _nll(top, nll)


def slic_hf(policy: PairLogps, *, delta: float, nll_weight: float, nll: Nll = "sequence") -> Tensor:
    """SLiC-HF: relu(delta - s_w + s_l) + nll_weight * NLL_w. Shape (B,). No reference (TRL's DPO "hinge" is another loss).

    Source: Zhao et al. 2023, arXiv 2305.10425.
    """
    return torch.relu(delta - policy.chosen.sums + policy.rejected.sums) + nll_weight * _nll(policy.chosen, nll)


def stepgrpo(logps: Tensor, ref_logps: Tensor, advantages: Tensor, mask: Tensor, *, beta: float) -> Tensor:
    """StepGRPO: -(pi / [pi]_no_grad * A - beta * KL), averaged over a rollout's tokens. Shape (B,).

    logps, ref_logps, mask: (B, T) over response tokens.  advantages: (B,), group-normalised.
    The value of the first term is -A; its gradient is that of -A * log pi. There is no clipping: one update a batch.
    A rollout of no tokens adds 0 and still counts in the batch's mean.
    Source: Zhang et al. 2025 (R1-VL), arXiv 2503.12937; KL is kl_k3.
    """
    logps = _unmasked(logps, ref_logps, advantages, mask)
    ratio = torch.exp(logps - logps.detach())
    gain = ratio * advantages.to(ratio.dtype).unsqueeze(-1)
    return -masked_mean(gain - beta * kl_k3(logps, ref_logps), mask)


def stepgrpo_clipped(
    logps: Tensor, old_logps: Tensor, ref_logps: Tensor, advantages: Tensor, mask: Tensor, *, beta: float, clip: float
) -> Tensor:
    """StepGRPO on rollouts drawn by an older policy: -(min(ratio A, clip(ratio, 1 - clip, 1 + clip) A) - beta * KL). Shape (B,).

    ratio = pi / pi_old, token by token; old_logps (B, T) are those of the policy that drew the rollouts. The rest is as in
    stepgrpo, whose gradient this has where old_logps equal logps.
    Source: Shao et al. 2024 (GRPO), arXiv 2402.03300, equation 3; Schulman et al. 2017 (PPO), arXiv 1707.06347, equation 7.
    """
    _check_positive("clip", clip)
    check_same_shape(logps=logps.shape, old_logps=old_logps.shape)
    logps = _unmasked(logps, ref_logps, advantages, mask)
    log_ratio = logps - torch.where(mask.bool(), at_least_float32(old_logps), 0.0)
    ratio = torch.exp(log_ratio.clamp(max=MAX_LOG_RATIO))
    weight = advantages.to(ratio.dtype).unsqueeze(-1)
    gain = torch.minimum(ratio * weight, ratio.clamp(1 - clip, 1 + clip) * weight)
    return -masked_mean(gain - beta * kl_k3(logps, ref_logps), mask)


def _unmasked(logps: Tensor, ref_logps: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """logps (B, T), 0 where masked: what is masked may be anything, and is put out of the way before exp(), whose gradient it would poison."""
    check_same_shape(logps=logps.shape, ref_logps=ref_logps.shape, mask=mask.shape)
    check_same_shape(rollouts=logps.shape[:-1], advantages=advantages.shape)
    return torch.where(mask.bool(), at_least_float32(logps), 0.0)


def _simpo_margin(policy: PairLogps, beta: float, gamma: float | None, gamma_beta_ratio: float | None) -> Tensor:
    _check_positive("beta", beta)
    reward_difference = beta * (policy.chosen.averages - policy.rejected.averages)
    if gamma is not None and gamma_beta_ratio is None:
        return reward_difference - gamma
    if gamma_beta_ratio is not None and gamma is None:
        return reward_difference - beta * gamma_beta_ratio
    raise ValueError("give gamma or gamma_beta_ratio (gamma / beta), exactly one of them")


def _log_ratio_difference(policy: PairLogps, reference: PairLogps, *, average: bool = False) -> Tensor:
    """D, shape (B,): how much more the policy has raised w than l over the reference."""
    check_same_shape(policy=policy.chosen.sums.shape, reference=reference.chosen.sums.shape)
    chosen = policy.chosen.sums - reference.chosen.sums
    rejected = policy.rejected.sums - reference.rejected.sums
    if average:
        return chosen / policy.chosen.lengths.clamp(min=1) - rejected / policy.rejected.lengths.clamp(min=1)
    return chosen - rejected


def _nll(logps: SequenceLogps, per: Nll) -> Tensor:
    if per == "sequence":
        return -logps.sums
    if per == "token":
        return -logps.averages
    return (-logps.sums.sum() / logps.lengths.sum().clamp(min=1)).expand_as(logps.sums)


def _log_odds(logps: SequenceLogps) -> Tensor:
    a = logps.averages.clamp(max=MAX_ORPO_AVERAGE)
    return a - log1mexp(a)


def _check_positive(name: str, value: float) -> None:
    if not value > 0:
        raise ValueError(f"{name} is {value}; it must be > 0")
