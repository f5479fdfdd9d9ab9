"""Losses: parity with the published formulas, and unknown targets that leave no trace."""

import dataclasses

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from toxres.config import BASELINE, CUSTOM, Recipe
from toxres.models.losses import binary_cross_entropy, build_loss, masked_mean, positive_weights, sigmoid_focal_loss

NAN = float("nan")
WEIGHTED = dataclasses.replace(BASELINE, name="weighted", loss="weighted_bce")
WEIGHTS = torch.tensor([1.0, 4.0, 0.5, 30.0, 2.0, 7.0])
LOSSES = {
    "bce": build_loss(BASELINE),
    "weighted_bce": build_loss(WEIGHTED, WEIGHTS),
    "focal": build_loss(CUSTOM),
    "focal_alpha": build_loss(dataclasses.replace(CUSTOM, alpha=0.25, gamma=1.5)),
    "focal_half": build_loss(dataclasses.replace(CUSTOM, gamma=0.5)),
}


def published_focal(inputs, targets, alpha, gamma):
    """The formula of torchvision.ops.sigmoid_focal_loss, for hard targets."""
    p = torch.sigmoid(inputs)
    ce_loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    p_t = p * targets + (1 - p) * (1 - targets)
    loss = ce_loss * ((1 - p_t) ** gamma)
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return loss


def batch(rows: int = 7, seed: int = 0, unknown: float = 0.4) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits and soft targets, some of them unknown."""
    random = torch.Generator().manual_seed(seed)
    logits = 4 * torch.randn(rows, 6, generator=random)
    targets = torch.rand(rows, 6, generator=random)
    targets[torch.rand(rows, 6, generator=random) < unknown] = NAN
    return logits, targets


logit_lists = st.lists(st.floats(-30, 30, width=32), min_size=1, max_size=20)


@settings(max_examples=60, deadline=None)
@given(logit_lists, st.integers(0, 2**20), st.sampled_from([-1.0, 0.0, 0.25, 1.0]))
def test_focal_on_hard_targets_is_the_published_one(logits, bits, alpha):
    logits = torch.tensor(logits, dtype=torch.float64)
    targets = torch.tensor([(bits >> index) & 1 for index in range(len(logits))], dtype=torch.float64)
    for gamma in (0.0, 0.5, 1.0, 2.0, 5.0):
        found = sigmoid_focal_loss(logits, targets, alpha=alpha, gamma=gamma)
        expected = published_focal(logits, targets, alpha, gamma)
        torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(logit_lists, st.floats(0, 1))
def test_focal_without_focus_is_cross_entropy(logits, target):
    logits = torch.tensor(logits, dtype=torch.float64)
    targets = torch.full_like(logits, target)
    expected = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    assert torch.equal(sigmoid_focal_loss(logits, targets, gamma=0.0), expected)


def test_focal_keeps_torchvisions_defaults_apart_from_alpha():
    logits, targets = torch.tensor([0.3, -2.0]), torch.tensor([1.0, 0.0])
    torch.testing.assert_close(sigmoid_focal_loss(logits, targets), published_focal(logits, targets, -1, 2))


@pytest.mark.parametrize("target", [0.05, 0.3, 0.5, 0.8])
def test_focal_has_its_minimum_where_the_probability_is_the_target(target):
    around = torch.linspace(-6, 6, 4001, dtype=torch.float64)
    best = torch.sigmoid(around[sigmoid_focal_loss(around, torch.full_like(around, target)).argmin()])
    assert best.item() == pytest.approx(target, abs=2e-3)
    at = torch.logit(torch.tensor([target], dtype=torch.float64)).requires_grad_()
    sigmoid_focal_loss(at, torch.tensor([target], dtype=torch.float64), reduction="sum").backward()
    assert at.grad.item() == pytest.approx(0, abs=1e-12)


def test_reductions():
    logits, targets = torch.tensor([[0.3, -2.0]]), torch.tensor([[1.0, 0.5]])
    each = sigmoid_focal_loss(logits, targets)
    assert each.shape == (1, 2)
    assert sigmoid_focal_loss(logits, targets, reduction="mean") == each.mean()
    assert sigmoid_focal_loss(logits, targets, reduction="sum") == each.sum()
    with pytest.raises(ValueError, match="'none', 'mean' or 'sum'"):
        sigmoid_focal_loss(logits, targets, reduction="median")


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 3.5])
@pytest.mark.parametrize("alpha", [-1.0, 0.25])
def test_focal_gradient(gamma, alpha):
    logits = torch.tensor([-4.0, -1.0, 0.2, 1.5, 6.0], dtype=torch.float64, requires_grad=True)
    targets = torch.tensor([0.0, 1.0, 0.3, 0.9, 1.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: sigmoid_focal_loss(x, targets, alpha=alpha, gamma=gamma), (logits,))


@pytest.mark.parametrize("name", LOSSES)
def test_gradient_of_the_masked_mean_by_finite_differences(name):
    logits, targets = batch(rows=3, seed=4)
    logits.requires_grad_()
    LOSSES[name](logits, targets).backward()
    step = 1e-2
    for row, column in np.ndindex(3, 6):
        nudge = torch.zeros_like(logits)
        nudge[row, column] = step
        with torch.no_grad():
            slope = (LOSSES[name](logits + nudge, targets) - LOSSES[name](logits - nudge, targets)) / (2 * step)
        assert logits.grad[row, column].item() == pytest.approx(slope.item(), abs=3e-3)


@pytest.mark.parametrize("name", LOSSES)
@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_the_mean_is_over_the_known_targets_alone(name, seed):
    logits, targets = batch(seed=seed)
    total, count = 0.0, 0
    for row, column in np.ndindex(*logits.shape):
        target = targets[row, column]
        if not torch.isnan(target):
            one = torch.full((1, 6), NAN)
            one[0, column] = target
            total += LOSSES[name](logits[row : row + 1], one).item()
            count += 1
    expected = total / count if count else 0.0
    assert LOSSES[name](logits, targets).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)
    order = torch.randperm(len(logits), generator=torch.Generator().manual_seed(seed))
    assert LOSSES[name](logits[order], targets[order]).item() == pytest.approx(expected, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_targets_get_no_loss_and_no_gradient(name):
    logits, targets = batch()
    logits[0, 0], logits[1, 1] = 1e30, -1e30
    targets[0, 0] = targets[1, 1] = NAN
    logits.requires_grad_()
    loss = LOSSES[name](logits, targets)
    loss.backward()
    unknown = torch.isnan(targets)
    assert torch.isfinite(loss)
    assert (logits.grad[unknown] == 0).all()
    assert (logits.grad[~unknown] != 0).all()
    elsewhere = torch.where(unknown, torch.zeros(()), logits.detach())
    assert LOSSES[name](elsewhere, targets) == loss


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_known_targets_has_loss_and_gradient_zero(name):
    logits = torch.randn(4, 6, requires_grad=True)
    loss = LOSSES[name](logits, torch.full((4, 6), NAN))
    loss.backward()
    assert loss.item() == 0
    assert torch.equal(logits.grad, torch.zeros(4, 6))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_extreme_logits_stay_finite(name, dtype):
    logits = torch.tensor([[1e4, -1e4, 1e4, -1e4, 0.0, 60.0]] * 3, dtype=dtype, requires_grad=True)
    targets = torch.tensor([[0.0] * 6, [1.0] * 6, [0.5] * 6])
    loss = LOSSES[name](logits, targets)
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_bce_is_torchs_mean():
    logits, targets = batch(unknown=0.0)
    torch.testing.assert_close(LOSSES["bce"](logits, targets), F.binary_cross_entropy_with_logits(logits, targets))
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    assert torch.equal(binary_cross_entropy(logits, targets), each)
    assert masked_mean(lambda a, b: torch.ones_like(a), logits, targets) == 1


def test_weighted_bce_is_torchs_pos_weight():
    logits, targets = batch(unknown=0.0)
    expected = F.binary_cross_entropy_with_logits(logits, targets, pos_weight=WEIGHTS)
    torch.testing.assert_close(LOSSES["weighted_bce"](logits, targets), expected)


def test_the_recipes_gamma_and_alpha_are_used():
    logits, targets = torch.randn(5, 6), torch.randint(0, 2, (5, 6)).float()
    for alpha, gamma in ((-1.0, 2.0), (0.75, 0.5)):
        loss = build_loss(Recipe("x", loss="focal", alpha=alpha, gamma=gamma))(logits, targets)
        torch.testing.assert_close(loss, published_focal(logits, targets, alpha, gamma).mean())


def test_positive_weights_by_hand():
    targets = torch.tensor(
        [
            [1.0, 0.0, NAN, 1.0, 0.5, 0.0],
            [0.0, 0.0, NAN, 1.0, 0.5, 0.0],
            [0.0, 0.0, NAN, 1.0, NAN, NAN],
            [0.0, 0.0, NAN, 1.0, 0.0, 1.0],
        ]
    )
    # 3 / 1; no positive: the limit; unknown: 1; no negative: 1 / limit; 2 / 1 in fractions; 2 / 1 among the known
    assert positive_weights(targets, maximum=10.0).tolist() == pytest.approx([3, 10, 1, 0.1, 2, 2])
    many = torch.zeros(100, 6)
    many[0] = 1.0
    assert positive_weights(many).tolist() == [30.0] * 6
    assert positive_weights(many, maximum=1000.0).tolist() == [99.0] * 6


def test_unknown_losses_are_refused():
    with pytest.raises(ValueError, match="pos_weight"):
        build_loss(WEIGHTED)
    with pytest.raises(ValueError, match="bce, weighted_bce, focal"):
        build_loss(Recipe("x", loss="hinge"))
