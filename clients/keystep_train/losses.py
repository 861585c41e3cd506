"""From a configuration's objective to its loss on a batch: which log-probabilities it needs, and which margin it trains.

The margin of a pair is what the objective itself ranks by, without its target: beta times the difference of averages for SimPO, of
log ratios to the reference for DPO and its kin, and so on. Reward accuracy is the share of pairs whose margin is positive.
"""

from __future__ import annotations

import torch
from torch import Tensor

from keystep_train import config, objectives
from keystep_train.logprobs import PairLogps, SequenceLogps

# Those that are told the reference's log-probabilities.
WITH_REFERENCE = ("dpo", "ipo", "kto", "r_dpo")


def loss(objective: config.Objective, policy: PairLogps, reference: PairLogps | None, kl: Tensor | None) -> Tensor:
    """One a pair, (B,). reference: for those in WITH_REFERENCE. kl: for KTO, a scalar from objectives.kto_kl."""
    o = objective
    match o:
        case config.SimPo():
            return _simpo(o, policy)
        case config.Cpo():
            return objectives.cpo(policy, beta=o.beta, nll_weight=o.nll_weight, nll=o.nll)
        case config.Orpo():
            return objectives.orpo(policy, odds_weight=o.odds_weight, nll=o.nll)
        case config.Rrhf():
            return objectives.rrhf(policy, nll_weight=o.nll_weight, nll=o.nll)
        case config.Slic():
            return objectives.slic_hf(policy, delta=o.delta, nll_weight=o.nll_weight, nll=o.nll)
    assert reference is not None
    match o:
        case config.Dpo():
            return objectives.dpo(policy, reference, beta=o.beta)
        case config.Ipo():
            return objectives.ipo(policy, reference, tau=o.tau, average=o.average)
        case config.RDpo():
            return objectives.r_dpo(policy, reference, beta=o.beta, alpha=o.alpha)
        case config.Kto():
            assert kl is not None
            return _kto(o, policy, reference, kl)


def margin(objective: config.Objective, policy: PairLogps, reference: PairLogps | None) -> Tensor:
    """How far the policy puts w above l in the objective's own terms, (B,)."""
    o = objective
    sums = policy.chosen.sums - policy.rejected.sums
    averages = policy.chosen.averages - policy.rejected.averages
    match o:
        case config.SimPo():
            return o.beta * (averages if o.length_normalised else sums)
        case config.Cpo():
            return o.beta * sums
        case config.Slic():
            return sums
        case config.Orpo() | config.Rrhf():
            return averages
    assert reference is not None
    ratio = sums - (reference.chosen.sums - reference.rejected.sums)
    match o:
        case config.Dpo() | config.Kto() | config.RDpo():
            return o.beta * ratio
        case config.Ipo():
            if not o.average:
                return ratio
            return averages - (reference.chosen.averages - reference.rejected.averages)


def _simpo(o: config.SimPo, policy: PairLogps) -> Tensor:
    if not o.length_normalised:  # sums as averages over one token: the ablation is that and nothing else
        ones = torch.ones_like(policy.chosen.lengths)
        policy = PairLogps(SequenceLogps(policy.chosen.sums, ones), SequenceLogps(policy.rejected.sums, ones))
    if o.name == "simpo_hinge":
        return objectives.simpo_hinge(policy, beta=o.beta, gamma=o.gamma, gamma_beta_ratio=o.gamma_beta_ratio, sft_weight=o.sft_weight)
    return objectives.simpo(
        policy,
        beta=o.beta,
        gamma=o.gamma,
        gamma_beta_ratio=o.gamma_beta_ratio,
        label_smoothing=o.label_smoothing,
        sft_weight=o.sft_weight,
    )


def _kto(o: config.Kto, policy: PairLogps, reference: PairLogps, kl: Tensor) -> Tensor:
    """The mean of both responses' losses: a batch's mean is then that over all its responses."""
    desirable = torch.ones_like(policy.chosen.sums, dtype=torch.bool)
    weights = {"beta": o.beta, "desirable_weight": o.desirable_weight, "undesirable_weight": o.undesirable_weight}
    chosen = objectives.kto(policy.chosen, reference.chosen, desirable, kl, **weights)
    rejected = objectives.kto(policy.rejected, reference.rejected, ~desirable, kl, **weights)
    return (chosen + rejected) / 2
