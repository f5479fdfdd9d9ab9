"""Scores of out-of-fold predictions: each fold's thresholds and calibration come from the other folds alone."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.arrays import as_logits, as_targets, label_names, sigmoid
from toxres.evaluation.calibration import Method, fit_calibration
from toxres.evaluation.metrics import Evaluation, evaluate_probs
from toxres.evaluation.thresholds import tune_thresholds


@dataclasses.dataclass(frozen=True)
class CrossFitted:
    """Out-of-fold scores with cross-fitted decisions.

    Attributes:
        probs: (N, L), the sigmoid of the logits.
        calibrated: (N, L); the scaling of a row was fitted on the other folds.
        thresholds: (N, L), for `probs`; those of a row were tuned on the other folds.
        decisions: (N, L) booleans, `probs >= thresholds`.
        folds: (N,), the fold of each row.
        evaluation: Of all rows pooled. Ranking metrics then compare scores of as many models as there are folds with
            each other: a model whose scores lie higher than another's costs average precision, though each ranks its
            own fold well. `by_fold` has no such mixture.
        by_fold: Evaluation of each fold's rows by itself, in the order of the folds. With few positives a fold the
            expected average precision is higher than with many, so the mean over folds flatters rare labels.
    """

    probs: np.ndarray
    calibrated: np.ndarray
    thresholds: np.ndarray
    decisions: np.ndarray
    folds: np.ndarray
    evaluation: Evaluation
    by_fold: tuple[Evaluation, ...]


def cross_fitted(
    targets: np.ndarray,
    logits: np.ndarray,
    folds: np.ndarray,
    *,
    method: Method = "platt",
    labels: Sequence[str] | None = None,
    min_positives: int = 1,
) -> CrossFitted:
    """Thresholds and calibration for out-of-fold logits, without a row ever seeing its own target.

    Args:
        targets: (N, L) in [0, 1]; NaN is unknown.
        logits: (N, L); those of a row come from the model that was not trained on its fold.
        folds: (N,) fold of each row; any values, at least two different ones.
        method: Calibration, "platt" or "temperature".
        labels: Names of the columns; Jigsaw's six by default.
        min_positives: As in `evaluate_probs`.

    Raises:
        InputError: Shapes that do not match, a single fold, or logits that are not finite.
    """
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    logits = as_logits(logits, targets.shape, names)
    folds = np.asarray(folds)
    if folds.shape != (len(targets),):
        raise InputError(f"folds have shape {folds.shape}; give one fold a row, {len(targets)} in all")
    if len(np.unique(folds)) < 2:
        raise InputError("folds: all rows are in one fold; thresholds need at least one other fold to be tuned on")

    probs = sigmoid(logits)
    calibrated, thresholds = np.empty_like(probs), np.empty_like(probs)
    for fold in np.unique(folds):
        here, others = folds == fold, folds != fold
        thresholds[here] = tune_thresholds(targets[others], probs[others], labels=names)
        calibrated[here] = fit_calibration(targets[others], logits[others], method, labels=names).apply(logits[here])
    options = {"labels": names, "min_positives": min_positives}
    evaluation = evaluate_probs(targets, probs, thresholds, calibrated, **options)
    each = (folds == fold for fold in np.unique(folds))
    by_fold = tuple(
        evaluate_probs(targets[rows], probs[rows], thresholds[rows], calibrated[rows], **options) for rows in each
    )
    return CrossFitted(probs, calibrated, thresholds, probs >= thresholds, folds, evaluation, by_fold)
