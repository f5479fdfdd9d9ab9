"""Losses over labels that may be soft or unknown.

Every loss takes logits and targets of the same shape (B, L). A target is a fraction in [0, 1], or NaN where it is
unknown; unknown targets give neither loss nor gradient, and the mean is over the known ones. Where labels are exclusive
classes, the targets of a comment sum to 1, and are all unknown if one is.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from toxres.config import Recipe
from toxres.tasks import task_of

LABEL_LOSSES = ("bce", "weighted_bce", "focal")
"""Losses for independent labels."""

CLASS_LOSSES = ("ce", "weighted_ce")
"""Losses for exclusive classes."""

LOSSES = (*LABEL_LOSSES, *CLASS_LOSSES)

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


def class_cross_entropy(logits: Tensor, targets: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy of a softmax over exclusive classes, the mean over the comments whose class is known.

    It is `F.cross_entropy` with probabilities as targets: `-sum(weights * targets * log_softmax(logits))` of a comment,
    so that the weights change what a comment costs and not by how many it is divided.

    Args:
        logits: B x L; computed in float32.
        targets: B x L, rows that sum to 1; a comment with NaN in its row is unknown.
        weights: L weights of the classes; all 1 without.

    Returns:
        A scalar; 0, with a gradient of zeros, where no comment is known.
    """
    known = ~torch.isnan(targets).any(dim=1)
    soft = torch.where(known[:, None], targets, 0.0).float()
    weight = None if weights is None else weights.to(logits.device)
    loss = F.cross_entropy(logits.float(), soft, weight=weight, reduction="none")
    return torch.where(known, loss, 0.0).sum() / known.sum().clamp(min=1)


def class_weights(targets: Tensor, maximum: float = 30.0) -> Tensor:
    """Loss compensation for exclusive classes: 1 / (L * share of the class), scikit-learn's "balanced".

    Args:
        targets: N x L, NaN where unknown; soft targets count as fractions.
        maximum: Upper limit, which a class without comments gets too; 1 / maximum is the lower one.

    Returns:
        L weights; all 1 where no comment is known.
    """
    known = ~torch.isnan(targets).any(dim=1)
    if not known.any():
        return torch.ones(targets.shape[1], dtype=targets.dtype)
    return _class_weights(targets[known].mean(dim=0), maximum)


def _class_weights(share: Tensor, maximum: float) -> Tensor:
    return (1 / (len(share) * share.clamp(min=1e-8))).clamp(min=1 / maximum, max=maximum)


def positive_weights(targets: Tensor, maximum: float = 30.0) -> Tensor:
    """Loss compensation: negatives over positives of each label in the training targets.

    Args:
        targets: N x L, NaN where unknown; soft targets count as fractions.
        maximum: Upper limit; a label without positives gets it too, one without known targets gets 1.

    Returns:
        L weights, between 1 / maximum and maximum.
    """
    known = ~torch.isnan(targets)
    return _positive_weights(torch.where(known, targets, 0.0).sum(dim=0), known.sum(dim=0), maximum)


def _positive_weights(positives: Tensor, known: Tensor, maximum: float) -> Tensor:
    weights = ((known - positives) / positives.clamp(min=1e-8)).clamp(min=1 / maximum, max=maximum)
    return torch.where(known > 0, weights, 1.0)


def loss_weights(recipe: Recipe, targets: Tensor) -> Tensor:
    """The weights (L,) that `build_loss` wants for a recipe's loss compensation, from its training targets (N, L)."""
    weights = class_weights if task_of(recipe).exclusive else positive_weights
    return weights(targets, recipe.max_pos_weight)


def counted_weights(recipe: Recipe, positives: Tensor, known: Tensor) -> Tensor:
    """As `loss_weights`, from sums over targets that are not at hand together.

    Args:
        recipe: Whose loss.
        positives: L sums of the known targets.
        known: L numbers of known targets; for exclusive classes, of comments whose class is known.
    """
    if not task_of(recipe).exclusive:
        return _positive_weights(positives, known, recipe.max_pos_weight)
    if not known.any():
        return torch.ones_like(positives)
    return _class_weights(positives / known, recipe.max_pos_weight)


def build_loss(recipe: Recipe, pos_weight: Tensor | None = None) -> Loss:
    """The loss of a recipe: masked for unknown targets, accepting soft ones.

    Args:
        recipe: Its `loss`, `gamma`, `alpha` and `task` are read.
        pos_weight: L weights, for "weighted_bce" and "weighted_ce" alone (see `loss_weights`).

    Raises:
        ValueError: The recipe names no loss of ours, or none for its task, or a weighted loss came without weights.
    """
    exclusive = task_of(recipe).exclusive
    if exclusive != (recipe.loss in CLASS_LOSSES) and recipe.loss in LOSSES:
        kind, wanted = ("exclusive classes", CLASS_LOSSES) if exclusive else ("independent labels", LABEL_LOSSES)
        raise ValueError(f"the loss {recipe.loss!r} is not for {kind}; choose one of: {', '.join(wanted)}")
    if recipe.loss in CLASS_LOSSES:
        if recipe.loss == "weighted_ce" and pos_weight is None:
            raise ValueError("the loss 'weighted_ce' needs pos_weight; compute it with class_weights(targets)")
        weights = pos_weight if recipe.loss == "weighted_ce" else None
        return lambda logits, targets: class_cross_entropy(logits, targets, weights)
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
        raise ValueError(f"unknown loss {recipe.loss!r}; choose one of: {', '.join(LOSSES)}")
    return lambda logits, targets: masked_mean(elementwise, logits, targets)
