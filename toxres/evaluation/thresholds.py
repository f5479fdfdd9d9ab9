"""The thresholds that maximise F1 on validation rows: one for each label, found exactly, or of exclusive classes."""

from collections.abc import Sequence

import numpy as np

from toxres.evaluation.arrays import as_probs, as_targets, known, label_names, positives

UNDEFINED_THRESHOLD = 0.5
"""What a label gets that cannot be tuned."""

_SWEEPS = 20


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


def tune_class_thresholds(targets: np.ndarray, probs: np.ndarray, *, labels: Sequence[str] | None = None) -> np.ndarray:
    """Thresholds (L,) of exclusive classes, summing to 1, under which `arrays.decide` has a high macro F1.

    One class's threshold after the other is set where macro F1 is highest, the others' being as they are, until none
    makes it higher: a local maximum. Where at most one class occurs, all are the same.

    Args:
        targets: (N, L); a row with NaN is unknown, a soft one counts as its largest class.
        probs: (N, L) probabilities.
        labels: Names of the columns; Jigsaw's six by default.

    Raises:
        InputError: Shapes that do not match, or probabilities outside [0, 1] or NaN.
    """
    targets = as_targets(targets, labels)
    probs = as_probs(probs, targets.shape, label_names(labels, targets.shape[1]))
    rows = known(targets).all(axis=1)
    n_labels = targets.shape[1]
    thresholds = np.full(n_labels, 1 / n_labels)
    classes, scores = targets[rows].argmax(axis=1), np.maximum(probs[rows], 1e-12)
    if len(np.unique(classes)) < 2:
        return thresholds
    best = -1.0
    for _ in range(_SWEEPS):
        before = best
        for label in range(n_labels):
            threshold, found = _best_class_threshold(classes, scores / thresholds, label)
            if found > best + 1e-12:
                thresholds[label] *= threshold
                best = found
        if best <= before + 1e-12:
            break
    return thresholds / thresholds.sum()


def _best_class_threshold(classes: np.ndarray, scores: np.ndarray, label: int) -> tuple[float, float]:
    """By what to multiply a class's threshold, and the macro F1 it then has; `scores` (N, L), the highest wins."""
    others = scores.copy()
    others[:, label] = -np.inf
    other = others.argmax(axis=1)
    lead = scores[:, label] / others.max(axis=1)
    order = np.argsort(-lead, kind="stable")
    ranked = lead[order]
    # Cut k gives the class to the k comments with the highest lead; between equal leads there is no cut.
    cuts = np.append(0, np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True)) + 1)
    f1 = np.zeros(len(cuts))
    for k in range(scores.shape[1]):
        truly = np.append(0, np.cumsum(classes[order] == k))
        if k == label:
            hits, given = truly[cuts], cuts
        else:
            as_other = other[order] == k
            hits = np.append(0, np.cumsum((classes[order] == k) & as_other))
            given = np.append(0, np.cumsum(as_other))
            hits, given = hits[-1] - hits[cuts], given[-1] - given[cuts]
        f1 += np.divide(2 * hits, given + truly[-1], out=np.zeros(len(cuts)), where=given + truly[-1] > 0)
    f1 /= scores.shape[1]
    chosen = int(f1.argmax())
    upper = ranked[cuts[chosen] - 1] if cuts[chosen] else ranked[0] * 2
    lower = ranked[cuts[chosen]] if cuts[chosen] < len(ranked) else ranked[-1] / 2
    return float(np.sqrt(upper * lower)), float(f1[chosen])
