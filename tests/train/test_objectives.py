"""The objectives: golden rows, gradients, extremes, and what must never matter."""

import math
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from keystep_train import objectives as o
from keystep_train.logprobs import MAX_LOG_RATIO, PairLogps, SequenceLogps, kl_k3, log1mexp, masked_mean, masked_sum, token_logps


def f64(*values):
    return torch.tensor(values, dtype=torch.float64)


W, L = f64(8, 20, 5), f64(10, 6, 40)
POLICY = PairLogps(SequenceLogps(f64(-12, -30, -0.5), W), SequenceLogps(f64(-20, -18, -40), L))
REFERENCE = PairLogps(SequenceLogps(f64(-13, -28, -1), W), SequenceLogps(f64(-18.5, -19, -38), L))
YES = torch.tensor([True, True, True])
TWO = torch.tensor(2.0, dtype=torch.float64)

# Worked out apart from this code, to nine digits.
GOLDEN = {
    "simpo": (lambda: o.simpo(POLICY, beta=2, gamma_beta_ratio=0.5), [0.693147181, 0.126928011, 0.371100666]),
    "simpo, gamma absolute": (lambda: o.simpo(POLICY, beta=2, gamma=1), [0.693147181, 0.126928011, 0.371100666]),
    "simpo, large beta": (lambda: o.simpo(POLICY, beta=10, gamma_beta_ratio=0.3), [0.126928011, 6.144e-6, 0.002475685]),
    "simpo, smoothed": (
        lambda: o.simpo(POLICY, beta=2, gamma_beta_ratio=0.5, label_smoothing=0.1),
        [0.693147181, 0.326928011, 0.451100666],
    ),
    "simpo, with sft": (lambda: o.simpo(POLICY, beta=2, gamma=1, sft_weight=0.1), [0.843147181, 0.276928011, 0.381100666]),
    "simpo, hinge": (lambda: o.simpo_hinge(POLICY, beta=2, gamma_beta_ratio=0.5), [1, 0, 0.2]),
    "simpo, hinge with sft": (lambda: o.simpo_hinge(POLICY, beta=2, gamma=1, sft_weight=1), [2.5, 1.5, 0.3]),
    "dpo": (lambda: o.dpo(POLICY, REFERENCE, beta=0.1), [0.57593942, 0.854355244, 0.57593942]),
    "ipo, sums": (lambda: o.ipo(POLICY, REFERENCE, tau=0.1, average=False), [6.25, 64, 6.25]),
    "ipo, averages": (lambda: o.ipo(POLICY, REFERENCE, tau=0.1), [22.325625, 27.737777778, 23.5225]),
    "cpo, preference only": (lambda: o.cpo(POLICY, beta=0.1, nll_weight=0), [0.371100666, 1.463282467, 0.019071676]),
    "cpo": (lambda: o.cpo(POLICY, beta=0.1), [12.371100666, 31.463282467, 0.519071676]),
    # 42.5 nats over the 33 chosen tokens of the batch
    "cpo, nll of the batch": (
        lambda: o.cpo(POLICY, beta=0.1, nll="batch_token") - 42.5 / 33,
        [0.371100666, 1.463282467, 0.019071676],
    ),
    "r_dpo": (lambda: o.r_dpo(POLICY, REFERENCE, beta=0.1, alpha=0.05), [0.620957048, 0.513015252, 1.701413278]),
    "slic_hf": (lambda: o.slic_hf(POLICY, delta=1, nll_weight=0.1), [1.2, 16, 0.05]),
    "rrhf": (lambda: o.rrhf(POLICY), [12, 30, 0.5]),
    "kto, chosen": (lambda: o.kto(POLICY.chosen, REFERENCE.chosen, YES, TWO, beta=0.1), [0.524979187, 0.59868766, 0.537429845]),
    "kto, rejected": (lambda: o.kto(POLICY.rejected, REFERENCE.rejected, ~YES, TWO, beta=0.1), [0.413382421, 0.475020813, 0.40131234]),
    "kto, weighted": (
        lambda: o.kto(POLICY.chosen, REFERENCE.chosen, YES, TWO, beta=0.1, desirable_weight=2, undesirable_weight=7),
        [1.049958374, 1.19737532, 1.07485969],
    ),
    "orpo, log odds": (
        lambda: o._log_odds(POLICY.chosen) - o._log_odds(POLICY.rejected),
        [0.607069001, 1.701413278, 2.793493316],
    ),
    "orpo": (lambda: o.orpo(POLICY, odds_weight=0.1), [1.543498881, 1.516756786, 0.105940696]),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_rows(case):
    loss, expected = GOLDEN[case]
    torch.testing.assert_close(loss(), f64(*expected), rtol=0, atol=1e-8)


def test_golden_row_of_ranked_rrhf():
    policy = SequenceLogps(f64(-1.5, -2, -0.5).unsqueeze(0), f64(1, 1, 1).unsqueeze(0))
    rewards = f64(3, 1, 2).unsqueeze(0)
    torch.testing.assert_close(o.rrhf_ranked(policy, rewards, nll_weight=0), f64(1.0), rtol=0, atol=1e-8)
    torch.testing.assert_close(o.rrhf_ranked(policy, rewards), f64(2.5), rtol=0, atol=1e-8)  # + NLL of the best, 1.5


def test_ranked_rrhf_of_two_is_rrhf_on_pairs():
    both = SequenceLogps(torch.stack([POLICY.chosen.sums, POLICY.rejected.sums], -1), torch.stack([W, L], -1))
    torch.testing.assert_close(o.rrhf_ranked(both, f64(2.0, 1.0).expand(3, 2)), o.rrhf(POLICY))


PAIRWISE = {
    "simpo": lambda p, r: o.simpo(p, beta=2, gamma=1, label_smoothing=0.1, sft_weight=0.5),
    "simpo_hinge": lambda p, r: o.simpo_hinge(p, beta=2, gamma_beta_ratio=0.5),
    "dpo": lambda p, r: o.dpo(p, r, beta=0.1),
    "ipo": lambda p, r: o.ipo(p, r, tau=0.1),
    "ipo_sum": lambda p, r: o.ipo(p, r, tau=0.1, average=False),
    "cpo": lambda p, r: o.cpo(p, beta=0.1, nll="batch_token"),
    "kto_w": lambda p, r: o.kto(p.chosen, r.chosen, torch.ones_like(p.chosen.sums, dtype=torch.bool), TWO, beta=0.1),
    "kto_l": lambda p, r: o.kto(p.rejected, r.rejected, torch.zeros_like(p.chosen.sums, dtype=torch.bool), TWO, beta=0.1),
    "orpo": lambda p, r: o.orpo(p, odds_weight=0.1),
    "r_dpo": lambda p, r: o.r_dpo(p, r, beta=0.1, alpha=0.05),
    "rrhf": lambda p, r: o.rrhf(p),
    "slic_hf": lambda p, r: o.slic_hf(p, delta=1, nll_weight=0.1),
}


def token_pairs(batch=3, tokens=6, seed=0, dtype=torch.float64):
    """Token log-probabilities (w, l, ref_w, ref_l) and the masks of w and l; row 0 has prompt and padding left out."""
    generator = torch.Generator().manual_seed(seed)
    logps = [-torch.rand(batch, tokens, generator=generator, dtype=dtype) * 3 - 0.01 for _ in range(4)]
    masks = torch.ones(2, batch, tokens, dtype=torch.bool)
    masks[0, 0, :2] = masks[1, 0, 4:] = False
    return logps, masks


def pair_losses(name, logps, masks):
    won, lost, ref_w, ref_l = (SequenceLogps.of_tokens(x, m) for x, m in zip(logps, [*masks, *masks], strict=True))
    return PAIRWISE[name](PairLogps(won, lost), PairLogps(ref_w, ref_l))


@pytest.mark.parametrize("name", PAIRWISE)
def test_gradients_are_those_of_the_values(name):
    (won, lost, *refs), masks = token_pairs()
    won.requires_grad_()
    lost.requires_grad_()
    assert torch.autograd.gradcheck(lambda won, lost: pair_losses(name, [won, lost, *refs], masks), (won, lost))


@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf, 1e30])
def test_what_is_masked_never_matters(name, garbage):
    logps, masks = token_pairs()
    losses, gradients = [], []
    for fill in (0.0, garbage):
        filled = [torch.where(m, x, fill).requires_grad_() for x, m in zip(logps, [*masks, *masks], strict=True)]
        losses.append(pair_losses(name, filled, masks))
        losses[-1].sum().backward()
        gradients.append(filled[0].grad)
    assert torch.equal(*losses)
    assert gradients == [None, None] or torch.equal(*gradients)  # None: the loss has no chosen side


@pytest.mark.parametrize("name", PAIRWISE)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("case", ["fully masked", "one token", "probability one", "-800 a token", "w certain, l ruled out"])
def test_extremes_are_finite(name, dtype, case):
    logps, masks = token_pairs(dtype=torch.float32)
    if case == "fully masked":
        masks = torch.zeros_like(masks)
    elif case == "one token":
        masks = torch.zeros_like(masks)
        masks[..., 3] = True
    elif case == "probability one":
        logps = [torch.zeros_like(x) for x in logps]
    elif case == "-800 a token":
        logps = [torch.full_like(x, -800) for x in logps]
    else:
        logps = [torch.zeros_like(logps[0]), torch.full_like(logps[1], -800), *logps[2:]]
    logps = [x.to(dtype).requires_grad_() for x in logps]
    loss = pair_losses(name, logps, masks)
    assert loss.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert loss.shape == (3,)
    assert loss.isfinite().all()
    loss.mean().backward()
    for x in logps:
        assert x.grad is None or x.grad.isfinite().all()
        assert case != "fully masked" or x.grad is None or not x.grad.any()


def test_a_response_of_no_tokens_has_sum_and_average_zero():
    logps = torch.full((2, 3), math.nan)
    empty = SequenceLogps.of_tokens(logps, torch.zeros(2, 3))
    assert empty.sums.tolist() == empty.averages.tolist() == empty.lengths.tolist() == [0.0, 0.0]
    assert masked_mean(logps, torch.zeros(2, 3)).tolist() == [0.0, 0.0]


def test_low_precision_is_summed_in_float32():
    tokens = torch.full((1, 1000), -0.1, dtype=torch.bfloat16)  # -0.10009765625
    torch.testing.assert_close(SequenceLogps.of_tokens(tokens, torch.ones(1, 1000)).sums, torch.tensor([-100.09765625]))
    precomputed = SequenceLogps(torch.tensor([-100.0], dtype=torch.bfloat16), torch.tensor([3]))
    torch.testing.assert_close(precomputed.averages, torch.tensor([-100 / 3]))


row = st.lists(st.floats(-20, 0), min_size=1, max_size=8)


@given(won=row, lost=row, constant=st.floats(-5, 5))
def test_simpo_does_not_see_a_constant_added_to_every_token(won, lost, constant):
    def loss(add):
        pair = PairLogps(*(SequenceLogps(f64(sum(x) + add * len(x)), f64(len(x))) for x in (won, lost)))
        return o.simpo(pair, beta=2, gamma=1)

    torch.testing.assert_close(loss(constant), loss(0.0), rtol=1e-9, atol=1e-9)


@given(won=row, lost=row, beta=st.floats(0.01, 10))
def test_where_policy_is_reference(won, lost, beta):
    pair = PairLogps(*(SequenceLogps(f64(sum(x)), f64(len(x))) for x in (won, lost)))
    assert o.dpo(pair, pair, beta=beta).item() == pytest.approx(math.log(2))
    assert o.ipo(pair, pair, tau=beta).item() == pytest.approx((1 / (2 * beta)) ** 2)
    zero = o.kto_kl(pair.chosen, pair.chosen)
    assert zero.item() == 0
    assert o.kto(pair.chosen, pair.chosen, YES[:1], zero, beta=beta).item() == 0.5


@given(won=row, lost=row)
def test_longer_winners_earn_less_under_r_dpo(won, lost):
    pair = PairLogps(*(SequenceLogps(f64(sum(x)), f64(len(x))) for x in (won, lost)))
    # the gradient, not the value: alpha shifts the margin that the policy has still to make up
    pushes = []
    for alpha in (0.0, 0.1):
        sums = pair.chosen.sums.clone().requires_grad_()
        o.r_dpo(PairLogps(SequenceLogps(sums, pair.chosen.lengths), pair.rejected), pair, beta=0.1, alpha=alpha).backward()
        pushes.append(-sums.grad.item())
    assert (pushes[1] < pushes[0]) == (len(won) > len(lost)) or len(won) == len(lost)


def test_making_w_likelier_and_l_less_likely_lowers_every_pairwise_loss():
    logps, masks = token_pairs()
    better = [logps[0] + 0.005, logps[1] - 0.005, *logps[2:]]
    for name in PAIRWISE:
        change = pair_losses(name, better, masks) - pair_losses(name, logps, masks)
        assert (change <= 0).all(), name
        assert (change < 0).any() or name == "simpo_hinge", name


def test_kto_reference_point_is_clamped_and_has_no_gradient():
    sums = f64(-3, -5).requires_grad_()
    policy = SequenceLogps(sums, f64(2, 2))
    below = o.kto_kl(policy, SequenceLogps(f64(-1, -1), f64(2, 2)))
    above = o.kto_kl(policy, SequenceLogps(f64(-6, -6), f64(2, 2)))
    assert (below.item(), above.item()) == (0.0, 2.0)
    assert not above.requires_grad


def test_gamma_is_given_exactly_once():
    for given_ in ({}, {"gamma": 1.0, "gamma_beta_ratio": 0.5}):
        with pytest.raises(ValueError, match="exactly one"):
            o.simpo(POLICY, beta=2, **given_)
    assert o.simpo(POLICY, beta=2, gamma=0).isfinite().all()


def test_arguments_out_of_range_are_refused():
    with pytest.raises(ValueError, match="label_smoothing"):
        o.simpo(POLICY, beta=2, gamma=1, label_smoothing=0.6)
    for refused in (
        lambda: o.simpo(POLICY, beta=0, gamma=1),
        lambda: o.dpo(POLICY, REFERENCE, beta=-1),
        lambda: o.ipo(POLICY, REFERENCE, tau=0),
        lambda: o.cpo(POLICY, beta=math.nan),
    ):
        with pytest.raises(ValueError, match="must be > 0"):
            refused()


def test_shapes_that_would_broadcast_are_refused():
    column = SequenceLogps(POLICY.chosen.sums.unsqueeze(-1), W.unsqueeze(-1))
    for refused in (
        lambda: SequenceLogps(POLICY.chosen.sums, W.unsqueeze(-1)),
        lambda: PairLogps(POLICY.chosen, column),
        lambda: o.dpo(POLICY, PairLogps(column, column), beta=1),
        lambda: o.kto(POLICY.chosen, REFERENCE.chosen, YES[:1], TWO, beta=1),
        lambda: o.rrhf_ranked(column, f64(1, 2, 3)),
        lambda: o.stepgrpo(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 1), torch.ones(2, 3), beta=0),
        lambda: o.stepgrpo(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2), torch.ones(1, 3), beta=0),
        lambda: masked_sum(torch.zeros(2, 3), torch.ones(3)),
        lambda: token_logps(torch.zeros(2, 3, 5), torch.zeros(2, 1, dtype=torch.long)),
    ):
        with pytest.raises(ValueError, match="shapes differ"):
            refused()


def test_token_logps_are_log_softmax_in_float32():
    logits = torch.tensor([[[0.0, math.log(3)], [-800.0, 800.0]]])
    tokens = torch.tensor([[1, 0]])
    torch.testing.assert_close(token_logps(logits, tokens), torch.tensor([[math.log(0.75), -1600.0]]))
    assert token_logps(logits.bfloat16(), tokens).dtype == torch.float32
    assert token_logps(logits.double(), tokens).dtype == torch.float64


@pytest.mark.parametrize("x", [-1e-12, -1e-6, -0.1, -0.69, -math.log(2), -0.7, -1.0, -30.0, -800.0])
def test_log1mexp_keeps_its_digits(x):
    value = f64(x).requires_grad_()
    result = log1mexp(value)
    result.backward()
    assert result.item() == pytest.approx(math.log(-math.expm1(x)) if x > -0.5 else math.log1p(-math.exp(x)), rel=1e-12, abs=0)
    assert value.grad.item() == pytest.approx(-1 / math.expm1(-x) if x > -700 else 0.0, rel=1e-12, abs=1e-300)


def test_log1mexp_has_a_gradient_where_float32_cannot_tell_exp_from_one():
    x = torch.tensor(-1e-9, requires_grad=True)
    log1mexp(x).backward()
    assert x.grad.item() == pytest.approx(-1e9)


@given(st.lists(st.floats(-100, 0, width=32), min_size=1, max_size=6), st.lists(st.floats(-100, 0, width=32), min_size=6, max_size=6))
def test_k3_is_never_negative_and_zero_where_the_models_agree(policy, reference):
    logps, ref = torch.tensor(policy), torch.tensor(reference[: len(policy)])
    assert (kl_k3(logps, ref) >= 0).all()
    assert not kl_k3(logps, logps).any()


def test_k3_near_zero_and_far_out():
    near = torch.cat([sign * torch.logspace(-12, 0, 20_001) for sign in (1, -1)])
    assert (kl_k3(torch.zeros_like(near), near) >= 0).all()
    assert kl_k3(f64(-1), f64(-1.5)).item() == pytest.approx(math.exp(-0.5) + 0.5 - 1)
    assert kl_k3(torch.tensor(-800.0), torch.tensor(0.0)).item() == pytest.approx(math.exp(MAX_LOG_RATIO), rel=1e-6)
    assert kl_k3(torch.tensor(0.0), torch.tensor(-800.0)).item() == pytest.approx(799)


def test_stepgrpo_by_hand():
    # Two rollouts of 2 and 1 tokens, A = (1, -0.5), beta = 0.04.
    logps = f64(-1, -2, -0.5, -9).reshape(2, 2).requires_grad_()
    ref = f64(-1, -1, -1.5, 7).reshape(2, 2)
    mask = torch.tensor([[1, 1], [1, 0]])
    loss = o.stepgrpo(logps, ref, f64(1, -0.5), mask, beta=0.04)
    # k3 of log ratios 0, 1, -1: 0, e - 2, 1/e
    torch.testing.assert_close(loss, f64(-1 + 0.04 * (math.e - 2) / 2, 0.5 + 0.04 / math.e))
    loss.mean().backward()
    # per token: (-A + beta * (1 - ratio)) / |y| / M, and nothing on padding
    expected = f64(-1 / 2, (-1 + 0.04 * (1 - math.e)) / 2, 0.5 + 0.04 * (1 - 1 / math.e), 0).reshape(2, 2) / 2
    torch.testing.assert_close(logps.grad, expected)


def test_stepgrpo_without_kl_has_the_gradient_of_advantage_times_log_probability():
    (logps, ref, *_), (mask, _) = token_pairs()
    advantages = f64(1.2, -0.7, 0.1)
    gradients = []
    for loss in (
        lambda x: o.stepgrpo(x, ref, advantages, mask, beta=0).mean(),
        lambda x: -(advantages * masked_mean(x, mask)).mean(),
    ):
        x = logps.clone().requires_grad_()
        loss(x).backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients)
    torch.testing.assert_close(o.stepgrpo(logps, ref, advantages, mask, beta=0), -advantages)


def test_stepgrpo_padding_and_empty_rollouts():
    logps = torch.tensor([[-1.0, math.nan], [math.nan, -math.inf]], requires_grad=True)
    ref = torch.tensor([[-2.0, math.inf], [math.nan, math.nan]])
    loss = o.stepgrpo(logps, ref, torch.tensor([1.0, 1.0]), torch.tensor([[1, 0], [0, 0]]), beta=0.04)
    loss.sum().backward()
    assert loss[1].item() == 0
    assert logps.grad.isfinite().all()
    assert logps.grad[0, 0] != 0
    assert not logps.grad[0, 1]
    assert not logps.grad[1].any()
    assert o.stepgrpo(torch.zeros(2, 0), torch.zeros(2, 0), torch.zeros(2), torch.zeros(2, 0), beta=0.04).tolist() == [0, 0]


def test_stepgrpo_of_low_precision_is_computed_in_float32():
    logps, ref = torch.tensor([[-1.5, -0.3]]).bfloat16(), torch.tensor([[-1.25, -0.7]]).bfloat16()
    arguments = (torch.tensor([1.2]), torch.ones(1, 2))
    assert torch.equal(kl_k3(logps, ref), kl_k3(logps.float(), ref.float()))
    assert torch.equal(o.stepgrpo(logps, ref, *arguments, beta=0.04), o.stepgrpo(logps.float(), ref.float(), *arguments, beta=0.04))


@pytest.mark.parametrize("far", [(-800.0, 0.0), (0.0, -800.0), (-800.0, -800.0)])
def test_stepgrpo_extremes_are_finite(far):
    logps = torch.full((1, 4), far[0], dtype=torch.bfloat16, requires_grad=True)
    loss = o.stepgrpo(logps, torch.full((1, 4), far[1]), torch.tensor([2.0]), torch.ones(1, 4), beta=0.04)
    loss.sum().backward()
    assert loss.dtype == torch.float32
    assert loss.isfinite().all()
    assert logps.grad.isfinite().all()


def test_the_training_package_imports_nothing_of_the_server():
    code = "import sys, keystep_train.objectives; sys.exit(any(m.split('.')[0] == 'keystep' for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_clipped_stepgrpo_by_hand():
    """One rollout a row; ratios 1.5 and 0.5 against clip 0.2: a gain is clipped above for A > 0 and below for A < 0, a loss never."""
    old = torch.zeros(4, 1, dtype=torch.float64)
    ratios, advantages = f64(1.5, 0.5, 1.5, 0.5), f64(1, 1, -1, -1)
    logps = ratios.log().unsqueeze(-1)
    losses = o.stepgrpo_clipped(logps, old, logps, advantages, torch.ones(4, 1), beta=0.0, clip=0.2)
    torch.testing.assert_close(losses, f64(-1.2, -0.5, 1.5, 0.8))


def test_clipped_stepgrpo_has_the_gradient_of_stepgrpo_where_the_policy_is_the_old_one():
    (logps, old, ref, _), masks = token_pairs()
    advantages = f64(1, -2, 0.5)
    gradients = []
    for loss in (
        lambda x: o.stepgrpo(x, ref, advantages, masks[0], beta=0.04),
        lambda x: o.stepgrpo_clipped(x, logps, ref, advantages, masks[0], beta=0.04, clip=0.2),
    ):
        x = logps.clone().requires_grad_()
        loss(x).sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients)
    x = old.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: o.stepgrpo_clipped(x, logps, ref, advantages, masks[0], beta=0.04, clip=5.0), (x,))


@pytest.mark.parametrize("far", [-800.0, 800.0, math.nan])
def test_clipped_stepgrpo_extremes_are_finite(far):
    logps = torch.full((2, 3), -1.0, requires_grad=True)
    old = torch.full((2, 3), -1.0)
    mask = torch.tensor([[1, 1, 0], [0, 0, 0]])
    old[:, 2] = far
    if not math.isnan(far):
        old[0, 0] = far
    loss = o.stepgrpo_clipped(logps, old, torch.full((2, 3), -1.0), torch.tensor([1.0, -1.0]), mask, beta=0.04, clip=0.2)
    loss.sum().backward()
    assert loss.isfinite().all()
    assert logps.grad.isfinite().all()
    assert loss[1] == 0
    with pytest.raises(ValueError, match="clip is 0"):
        o.stepgrpo_clipped(logps, old, old, torch.ones(2), mask, beta=0.04, clip=0)
