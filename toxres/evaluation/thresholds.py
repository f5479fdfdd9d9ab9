"""The threshold that maximises F1 on validation rows, found exactly, one for each label."""

from collections.abc import Sequence

import numpy as np

from toxres.evaluation.arrays import as_probs, as_targets, known, label_names, positives

UNDEFINED_THRESHOLD = 0.5
"""What a label gets that cannot be tuned."""


def tune_thresholds(
    targets: np.ndarray,
    probs: np.ndarray,
    *,
    labels: Sequence[str] | None = None,
    min_positives: int = 1,
) -> np.ndarray:
    """Thresholds (L,) at which `probs >= threshold` has the highest F1, label by label.

    F1 changes only at the scores themselves, so the cuts between neighbouring scores are all there is to try. Where
    neighbouring cuts share the maximum they form a plateau; the widest plateau is taken, and its midpoint, which is the
    point farthest from any score that would change the result.

    Args:
        targets: (N, L) in [0, 1]; NaN is unknown, soft targets are binarised at 0.5.
        probs: (N, L) probabilities, or any scores in [0, 1].
        labels: Names of the columns; Jigsaw's six by default.
        min_positives: A label with fewer positives keeps 0.5, as does one without negatives.

    Raises:
        InputError: Shapes that do not match, or probabilities outside [0, 1] or NaN.
    """
    targets = as_targets(targets, labels)
    probs = as_probs(probs, targets.shape, label_names(labels, targets.shape[1]))
    mask, is_positive = known(targets), positives(targets)
    thresholds = np.full(targets.shape[1], UNDEFINED_THRESHOLD)
    for i, rows in enumerate(mask.T):
        n_positives = is_positive[rows, i].sum()
        if max(min_positives, 1) <= n_positives < rows.sum():
            thresholds[i] = best_f1_threshold(is_positive[rows, i], probs[rows, i])
    return thresholds


def f1_by_threshold(is_positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """F1 at every distinct score used as the threshold: `(scores, f1)`, both (K,), scores falling.

    Args:
        is_positive: (N,) booleans with at least one positive.
        scores: (N,) floats.
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    found = np.cumsum(is_positive[order])[last]
    return ranked[last], 2 * found / (last + 1 + is_positive.sum())


def best_f1_threshold(is_positive: np.ndarray, scores: np.ndarray) -> float:
    """Midpoint of the widest interval of thresholds with the highest F1, for one label.

    Args:
        is_positive: (N,) booleans with at least one positive.
        scores: (N,) floats in [0, 1].
    """
    cuts, values = f1_by_threshold(is_positive, scores)
    best = values >= values.max() - 1e-12
    edges = np.diff(np.concatenate(([0], best.astype(np.int8), [0])))
    upper = cuts[np.flatnonzero(edges == 1)]
    lower = np.append(cuts, 0.0)[np.flatnonzero(edges == -1)]
    widest = np.argmax(upper - lower)
    middle = (upper[widest] + lower[widest]) / 2
    return float(middle if middle > lower[widest] else upper[widest])
