"""Losses over six labels that may be soft or unknown.

Every loss takes logits and targets of the same shape (B, L). A target is a fraction in [0, 1], or NaN where it is
unknown; unknown targets give neither loss nor gradient, and the mean is over the known ones.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from toxres.config import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]
"""A function of logits (B, L) and targets (B, L; NaN is unknown) that returns a scalar."""


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = -1.0, gamma: float = 2.0, reduction: str = "none"
) -> Tensor:
    """Focal loss for independent labels (Lin et al. 2017, equation 5), with torchvision's signature.

    The modulating factor is |target - p| ** gamma (Li et al. 2020, "Generalized Focal Loss", equation 2). On hard
    targets it is Lin's (1 - p_t) ** gamma; on soft targets the loss then has its minimum, 0 slope, at p = target.

    Args:
        inputs: Logits, any shape.
        targets: Fractions in [0, 1], the same shape; not NaN (see `masked_mean`).
        alpha: Weight of the positives, 1 - alpha that of the negatives; below 0 is unweighted.
        gamma: Focusing parameter; 0 is binary cross-entropy.
        reduction: "none", "mean" or "sum".

    Returns:
        The loss in the shape of `inputs` for "none", else a scalar.

    Raises:
        ValueError: Unknown reduction.
    """
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    if gamma != 0:
        # The power's slope at 0 is infinite for gamma below 1.
        distance = (targets - torch.sigmoid(inputs)).abs().clamp(min=1e-8 if gamma < 1 else 0.0)
        loss = loss * distance**gamma
    if alpha >= 0:
        loss = loss * (alpha * targets + (1 - alpha) * (1 - targets))
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(f"reduction must be 'none', 'mean' or 'sum', not {reduction!r}")


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of logits and targets of any one shape, in that shape."""
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none")


def masked_mean(elementwise: Loss, logits: Tensor, targets: Tensor) -> Tensor:
    """Mean of an elementwise loss over the known targets; 0, with a gradient of zeros, where none is known.

    Args:
        elementwise: Maps logits and targets of any one shape to a loss of that shape.
        logits: B x L; computed in float32.
        targets: B x L, NaN where unknown.
    """
    known = ~torch.isnan(targets)
    loss = elementwise(logits.float(), torch.where(known, targets, 0.0).float())
    return torch.where(known, loss, 0.0).sum() / known.sum().clamp(min=1)


def positive_weights(targets: Tensor, maximum: float = 30.0) -> Tensor:
    """Loss compensation: negatives over positives of each label in the training targets.

    Args:
        targets: N x L, NaN where unknown; soft targets count as fractions.
        maximum: Upper limit; a label without positives gets it too, one without known targets gets 1.

    Returns:
        L weights, between 1 / maximum and maximum.
    """
    known = ~torch.isnan(targets)
    positives = torch.where(known, targets, 0.0).sum(dim=0)
    negatives = known.sum(dim=0) - positives
    weights = (negatives / positives.clamp(min=1e-8)).clamp(min=1 / maximum, max=maximum)
    return torch.where(known.any(dim=0), weights, 1.0)


def build_loss(recipe: Recipe, pos_weight: Tensor | None = None) -> Loss:
    """The loss of a recipe: masked for unknown targets, accepting soft ones.

    Args:
        recipe: Its `loss`, `gamma` and `alpha` are read.
        pos_weight: L weights of the positives, for "weighted_bce" alone (see `positive_weights`).

    Raises:
        ValueError: The recipe names no loss of ours, or "weighted_bce" came without weights.
    """
    if recipe.loss == "bce":
        elementwise = binary_cross_entropy
    elif recipe.loss == "weighted_bce":
        if pos_weight is None:
            raise ValueError("the loss 'weighted_bce' needs pos_weight; compute it with positive_weights(targets)")

        def elementwise(logits: Tensor, targets: Tensor) -> Tensor:
            weight = pos_weight.to(logits.device)
            return F.binary_cross_entropy_with_logits(logits, targets, pos_weight=weight, reduction="none")

    elif recipe.loss == "focal":

        def elementwise(logits: Tensor, targets: Tensor) -> Tensor:
            return sigmoid_focal_loss(logits, targets, alpha=recipe.alpha, gamma=recipe.gamma)

    else:
        raise ValueError(f"unknown loss {recipe.loss!r}; choose one of: bce, weighted_bce, focal")
    return lambda logits, targets: masked_mean(elementwise, logits, targets)
