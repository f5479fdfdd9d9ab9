"""Scores of one model on one set of rows: per label, their macro means, and how many labels had none.

Ranking and threshold metrics need classes, so soft targets are binarised at 0.5 for them (as Jigsaw does with rater
fractions). Brier score and ECE take soft targets as they are: a model trained on fractions promises the fraction. On
hard targets the two readings are the same. Unknown targets never enter.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from toxres.evaluation.arrays import (
    as_logits,
    as_probs,
    as_targets,
    as_thresholds,
    decide,
    known,
    label_names,
    positives,
)
from toxres.evaluation.calibration import expected_calibration_error

MACRO_METRICS = (
    "auroc",
    "ap",
    "f1_at_half",
    "f1_tuned",
    "brier",
    "ece",
    "brier_calibrated",
    "ece_calibrated",
)
"""The columns of `Evaluation.per_label` that have a macro mean."""


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """Scores of one model on one set of rows.

    Attributes:
        per_label: Indexed by label: `support` (known rows), `positives`, `prevalence`, `auroc`, `ap` (average
            precision), `f1_at_half`, `f1_tuned`, `threshold` (the rows' median where each has its own), `precision` and
            `recall` (at that threshold), `brier`, `ece`, and both after calibration. NaN is undefined or not asked for.
        macro: Mean of each metric over the labels where it is defined; under `undefined` the number of labels left out
            of each; `min_positives`, the fewest positives of a label in the macro AUROC; and `micro_f1_at_half`,
            `micro_f1_tuned`, the F1 of all (row, label) pairs pooled.
        n_rows: Rows scored, known or not.
        exclusive: The labels are exclusive classes, of which each comment gets one: `f1_at_half` is that of the class
            with the highest probability, and both micro-F1 are accuracies.
    """

    per_label: pd.DataFrame
    macro: dict
    n_rows: int
    exclusive: bool = False

    def to_dict(self) -> dict:
        """The same as plain numbers, strings and dictionaries; NaN becomes None. Ready for JSON."""
        rows = self.per_label.to_dict(orient="index")
        return {
            "n_rows": self.n_rows,
            "macro": _plain(self.macro),
            "per_label": {str(label): _plain(row) for label, row in rows.items()},
            **({"exclusive": True} if self.exclusive else {}),
        }

    @classmethod
    def from_dict(cls, value: dict) -> "Evaluation":
        """The evaluation that `to_dict` wrote."""
        frame = pd.DataFrame.from_dict(value["per_label"], orient="index")
        frame = frame.apply(lambda column: column.astype(int if column.name in ("support", "positives") else float))
        frame.index.name = "label"
        macro = {key: np.nan if item is None else item for key, item in value["macro"].items()}
        return cls(frame, macro, value["n_rows"], value.get("exclusive", False))

    def table(self) -> str:
        """A table for terminals: a row a label, a row of macro means, and the count of undefined labels."""
        from toxres.evaluation.report import evaluation_table

        return evaluation_table(self)


def evaluate_probs(
    targets: np.ndarray,
    probs: np.ndarray,
    thresholds: np.ndarray | None = None,
    calibrated: np.ndarray | None = None,
    *,
    labels: Sequence[str] | None = None,
    min_positives: int = 1,
    n_bins: int = 15,
    exclusive: bool = False,
) -> Evaluation:
    """Score probabilities against targets.

    Args:
        targets: (N, L) in [0, 1]; NaN is unknown.
        probs: (N, L) probabilities, not logits. A row counts as positive at `probs >= threshold`.
        thresholds: Tuned on other rows: (L,), or (N, L) where each row has its own (out-of-fold scores). Without them
            `f1_tuned` is NaN, and precision and recall are those at 0.5.
        calibrated: (N, L) recalibrated probabilities of the same rows, for the columns that end in `_calibrated`.
        labels: Names of the columns; Jigsaw's six by default.
        min_positives: A label with fewer positives is left out of the macro AUROC, and counted as such.
        n_bins: Bins of the calibration error.
        exclusive: The labels are exclusive classes: decisions are those of `arrays.decide`.

    Raises:
        InputError: Shapes that do not match, probabilities outside [0, 1] or NaN, targets outside [0, 1].
    """
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    probs = as_probs(probs, targets.shape, names)
    cut = as_thresholds(0.5 if thresholds is None else thresholds, targets.shape)
    if calibrated is not None:
        calibrated = as_probs(calibrated, targets.shape, names, name="calibrated")

    is_known, is_positive = known(targets), positives(targets)
    at_half = decide(probs, np.full(targets.shape, 0.5), exclusive)
    tuned = decide(probs, cut, exclusive)
    nothing = np.full(len(names), np.nan)
    columns = {}
    columns["support"] = is_known.sum(axis=0)
    columns["positives"] = is_positive.sum(axis=0)
    columns["prevalence"] = _divide(columns["positives"], columns["support"])
    columns["auroc"] = auroc(targets, probs, labels=names)
    columns["ap"] = average_precision(targets, probs, labels=names)
    columns["f1_at_half"] = f1(targets, at_half, labels=names)
    columns["f1_tuned"] = nothing if thresholds is None else f1(targets, tuned, labels=names)
    columns["threshold"] = np.array([_median(cut[rows, i]) for i, rows in enumerate(is_known.T)])
    columns["precision"], columns["recall"] = _precision_recall(is_positive, tuned, is_known)
    columns["brier"] = brier(targets, probs, labels=names)
    columns["ece"] = expected_calibration_error(targets, probs, n_bins, labels=names)
    columns["brier_calibrated"] = nothing if calibrated is None else brier(targets, calibrated, labels=names)
    columns["ece_calibrated"] = (
        nothing if calibrated is None else expected_calibration_error(targets, calibrated, n_bins, labels=names)
    )

    per_label = pd.DataFrame(columns, index=pd.Index(names, name="label"))
    macro = macro_means(per_label, min_positives)
    macro["micro_f1_at_half"] = micro_f1(targets, at_half, labels=names)
    macro["micro_f1_tuned"] = float("nan") if thresholds is None else micro_f1(targets, tuned, labels=names)
    return Evaluation(per_label, macro, len(targets), exclusive)


def macro_means(per_label: pd.DataFrame, min_positives: int = 1) -> dict:
    """Mean of each metric over the labels where it is defined, and under `undefined` how many labels it left out."""
    macro: dict = {"undefined": {}, "min_positives": min_positives}
    for metric in MACRO_METRICS:
        values = per_label[metric].to_numpy(dtype=float)
        if metric == "auroc":
            values = np.where(per_label["positives"] >= min_positives, values, np.nan)
        defined = values[~np.isnan(values)]
        macro[metric] = float(defined.mean()) if len(defined) else float("nan")
        macro["undefined"][metric] = len(values) - len(defined)
    return macro


def auroc(targets: np.ndarray, probs: np.ndarray, *, labels: Sequence[str] | None = None) -> np.ndarray:
    """Area under the ROC curve, (L,); NaN without a positive or without a negative among the known rows."""
    return _per_label(roc_auc_score, targets, probs, labels)


def average_precision(targets: np.ndarray, probs: np.ndarray, *, labels: Sequence[str] | None = None) -> np.ndarray:
    """Average precision (area under the precision-recall steps), (L,); NaN where `auroc` is."""
    return _per_label(average_precision_score, targets, probs, labels)


def f1(
    targets: np.ndarray,
    probs: np.ndarray,
    thresholds: np.ndarray | float = 0.5,
    *,
    labels: Sequence[str] | None = None,
) -> np.ndarray:
    """F1 of `probs >= thresholds`, (L,); NaN where `auroc` is, 0 where nothing is found."""
    targets = as_targets(targets, labels)
    decided = _as_scores(probs, targets, labels) >= as_thresholds(thresholds, targets.shape)
    return _per_label(_f1, targets, decided, labels)


def brier(targets: np.ndarray, probs: np.ndarray, *, labels: Sequence[str] | None = None) -> np.ndarray:
    """Mean squared difference of probability and target over the known rows, (L,) (Brier 1950); soft targets count."""
    targets = as_targets(targets, labels)
    squares = (_as_scores(probs, targets, labels) - targets) ** 2
    return _divide(np.nansum(squares, axis=0), known(targets).sum(axis=0))


def micro_f1(
    targets: np.ndarray,
    probs: np.ndarray,
    thresholds: np.ndarray | float = 0.5,
    *,
    labels: Sequence[str] | None = None,
) -> float:
    """F1 of all known (row, label) pairs pooled; NaN without a positive or without a negative."""
    targets = as_targets(targets, labels)
    decided = _as_scores(probs, targets, labels) >= as_thresholds(thresholds, targets.shape)
    mask, is_positive = known(targets), positives(targets)
    if not _two_classes(is_positive[mask]):
        return float("nan")
    return _f1(is_positive[mask], decided[mask])


def _per_label(metric, targets: np.ndarray, probs: np.ndarray, labels: Sequence[str] | None) -> np.ndarray:
    targets = as_targets(targets, labels)
    scores = _as_scores(probs, targets, labels)
    mask, is_positive = known(targets), positives(targets)
    values = np.full(targets.shape[1], np.nan)
    for i in range(targets.shape[1]):
        rows = mask[:, i]
        if _two_classes(is_positive[rows, i]):
            values[i] = metric(is_positive[rows, i], scores[rows, i])
    return values


def _as_scores(scores: np.ndarray, targets: np.ndarray, labels: Sequence[str] | None) -> np.ndarray:
    return as_logits(scores, targets.shape, label_names(labels, targets.shape[1]), name="scores")


def _precision_recall(is_positive: np.ndarray, decided: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    hits = (is_positive & decided & mask).sum(axis=0)
    return _divide(hits, (decided & mask).sum(axis=0)), _divide(hits, is_positive.sum(axis=0))


def _f1(is_positive: np.ndarray, decided: np.ndarray) -> float:
    return float(f1_score(is_positive, decided.astype(bool), zero_division=0))


def _two_classes(is_positive: np.ndarray) -> bool:
    return bool(is_positive.any() and not is_positive.all())


def _divide(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def _median(values: np.ndarray) -> float:
    return float(np.median(values)) if len(values) else float("nan")


def _plain(row: dict) -> dict:
    plain = {}
    for key, value in row.items():
        value = value.item() if hasattr(value, "item") else value
        plain[key] = _plain(value) if isinstance(value, dict) else (None if value != value else value)
    return plain
