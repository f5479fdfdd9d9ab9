"""Bootstrap over rows: how sure a score is, and whether one model beats another on the same comments.

Rows are resampled with replacement, and both models are scored on the same resample, so that what the two share cancels
(Efron and Tibshirani 1993, chapters 13 and 16; Koehn 2004 for the paired form).
"""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import as_probs, as_targets, as_thresholds, label_names
from toxres.evaluation.resampling import Metric, Resampled, draw_counts, resampled_metric


@dataclasses.dataclass(frozen=True)
class BootstrapResult:
    """The difference of two models, a - b: macro mean first, each label in `per_label`.

    Attributes:
        metric: Its name.
        score_a: Macro mean of model a.
        score_b: Macro mean of model b.
        difference: `score_a - score_b`.
        low: Lower end of the percentile interval.
        high: Upper end.
        p_value: Two-sided: twice the share of resamples on the other side of 0, at least 2 / (n_resamples + 1).
        n_resamples: Resamples drawn.
        n_undefined: Resamples in which a label of the macro mean was undefined; they are left out.
        confidence: Of the intervals.
        per_label: The same columns for each label; NaN where the label is undefined on all rows.
    """

    metric: str
    score_a: float
    score_b: float
    difference: float
    low: float
    high: float
    p_value: float
    n_resamples: int
    n_undefined: int
    confidence: float
    per_label: pd.DataFrame

    def table(self) -> pd.DataFrame:
        """The macro mean as a row before those of the labels, as `toxres.plots.forest_plot` takes it."""
        macro = pd.DataFrame([{name: getattr(self, name) for name in self.per_label}], index=["macro"])
        return pd.concat([macro, self.per_label]).rename_axis("label")

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 0."""
        return bool(self.low > 0 or self.high < 0)

    def to_dict(self) -> dict:
        """Plain numbers, ready for `write_json`; NaN stays NaN."""
        return {**vars(self), "per_label": self.per_label.to_dict(orient="index")}

    def __str__(self) -> str:
        return (
            f"{self.metric}: {self.difference:+.4f} [{self.low:+.4f}, {self.high:+.4f}], p = {self.p_value:.3f} "
            f"({self.n_resamples:,} resamples, {self.n_undefined:,} undefined)"
        )


@dataclasses.dataclass(frozen=True)
class BootstrapInterval:
    """How sure a model's score is: macro mean first, each label in `per_label`.

    Attributes:
        metric: Its name.
        score: Macro mean on all rows.
        low: Lower end of the percentile interval.
        high: Upper end.
        n_resamples: Resamples drawn.
        n_undefined: Resamples in which a label of the macro mean was undefined; they are left out.
        confidence: Of the intervals.
        per_label: `score`, `low`, `high`, `n_undefined` of each label.
    """

    metric: str
    score: float
    low: float
    high: float
    n_resamples: int
    n_undefined: int
    confidence: float
    per_label: pd.DataFrame

    def to_dict(self) -> dict:
        """Plain numbers, ready for `write_json`; NaN stays NaN."""
        return {**vars(self), "per_label": self.per_label.to_dict(orient="index")}


def paired_bootstrap(
    targets: np.ndarray,
    probs_a: np.ndarray,
    probs_b: np.ndarray,
    metric: Metric = "ap",
    n_resamples: int = 1_000,
    seed: int = 0,
    *,
    thresholds_a: np.ndarray | float = 0.5,
    thresholds_b: np.ndarray | float = 0.5,
    confidence: float = 0.95,
    labels: Sequence[str] | None = None,
    macro_labels: Sequence[str] | None = None,
) -> BootstrapResult:
    """Compare two models on the same rows: a minus b.

    Intervals of "ece" are those of an estimate that noise pushes up; compare models with it rather than read its level.

    Args:
        targets: (N, L) in [0, 1]; NaN is unknown.
        probs_a: (N, L) probabilities of model a.
        probs_b: (N, L) probabilities of model b.
        metric: "auroc", "ap", "f1", "brier", "ece", or a function of (targets, probs) that returns (L,).
        n_resamples: Resamples of the rows.
        seed: Of the resampling.
        thresholds_a: For "f1": one number, (L,), or (N, L); tuned on other rows.
        thresholds_b: The same for model b.
        confidence: Of the intervals.
        labels: Names of the columns; Jigsaw's six by default.
        macro_labels: Labels of the macro mean, such as `RARE_LABELS`; all by default.

    Raises:
        InputError: Shapes that do not match, values that are not probabilities, or an unknown metric or label.
    """
    targets, names, chosen = checked_arguments(targets, labels, macro_labels, confidence)
    a = prepared_metric(metric, targets, probs_a, thresholds_a, names, "probs_a")
    b = prepared_metric(metric, targets, probs_b, thresholds_b, names, "probs_b")
    scores = np.stack([with_macro(model(np.ones((len(targets), 1), np.float32)), chosen)[0] for model in (a, b)])
    chosen &= ~np.isnan(scores[:, 1:]).any(axis=0)
    scores = np.stack([with_macro(values[None, 1:], chosen)[0] for values in scores])

    rng = np.random.default_rng(seed)
    samples = np.concatenate([a(counts) - b(counts) for counts in draw_counts(len(targets), n_resamples, rng)])
    table = difference_table(scores, with_macro(samples, chosen), names, confidence)
    return as_result(metric, table, n_resamples, confidence)


def bootstrap_interval(
    targets: np.ndarray,
    probs: np.ndarray,
    metric: Metric = "ap",
    n_resamples: int = 1_000,
    seed: int = 0,
    *,
    thresholds: np.ndarray | float = 0.5,
    confidence: float = 0.95,
    labels: Sequence[str] | None = None,
    macro_labels: Sequence[str] | None = None,
) -> BootstrapInterval:
    """Percentile interval of one model's score; arguments and errors as in `paired_bootstrap`."""
    targets, names, chosen = checked_arguments(targets, labels, macro_labels, confidence)
    model = prepared_metric(metric, targets, probs, thresholds, names, "probs")
    values = model(np.ones((len(targets), 1), np.float32))
    chosen &= ~np.isnan(values[0])
    scores = with_macro(values, chosen)[0]

    rng = np.random.default_rng(seed)
    samples = np.concatenate([model(counts) for counts in draw_counts(len(targets), n_resamples, rng)])
    samples = with_macro(samples, chosen)
    low, high = _percentiles(samples, confidence)
    n_undefined = np.isnan(samples).sum(axis=0)
    table = pd.DataFrame({"score": scores, "low": low, "high": high, "n_undefined": n_undefined})
    table.index = pd.Index(["macro", *names], name="label")
    macro = table.iloc[0].to_dict()
    macro["n_undefined"] = int(macro["n_undefined"])
    return BootstrapInterval(
        metric=metric_name(metric), n_resamples=n_resamples, confidence=confidence, per_label=table.iloc[1:], **macro
    )


def with_macro(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Values (R, L) with the mean over the chosen labels put before them, (R, 1 + L); NaN if one of these is NaN."""
    macro = values[:, chosen].mean(axis=1) if chosen.any() else np.full(len(values), np.nan)
    return np.column_stack([macro, values])


def difference_table(scores: np.ndarray, samples: np.ndarray, names: Sequence[str], confidence: float) -> pd.DataFrame:
    """Scores of a and b (2, 1 + L) and resampled differences (R, 1 + L) as a table; its first row is the macro mean."""
    low, high = _percentiles(samples, confidence)
    columns = {
        "score_a": scores[0],
        "score_b": scores[1],
        "difference": scores[0] - scores[1],
        "low": low,
        "high": high,
        "p_value": _p_values(samples),
        "n_undefined": np.isnan(samples).sum(axis=0),
    }
    return pd.DataFrame(columns, index=pd.Index(["macro", *names], name="label"))


def as_result(metric: Metric, table: pd.DataFrame, n_resamples: int, confidence: float) -> BootstrapResult:
    """The table of `difference_table` as a result."""
    macro = table.iloc[0].to_dict()
    macro["n_undefined"] = int(macro["n_undefined"])
    return BootstrapResult(
        metric=metric_name(metric), n_resamples=n_resamples, confidence=confidence, per_label=table.iloc[1:], **macro
    )


def metric_name(metric: Metric) -> str:
    """What a metric is called in print."""
    return metric if isinstance(metric, str) else getattr(metric, "__name__", "metric")


def checked_arguments(
    targets: np.ndarray, labels: Sequence[str] | None, macro_labels: Sequence[str] | None, confidence: float
) -> tuple[np.ndarray, tuple[str, ...], np.ndarray]:
    """Checked targets (N, L), the labels' names, and which of them enter the macro mean (L,)."""
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    if not 0 < confidence < 1:
        raise InputError(f"confidence must be between 0 and 1, not {confidence}")
    unknown = sorted(set(macro_labels or ()) - set(names))
    if unknown:
        raise InputError(f"macro_labels: {unknown[0]!r} is not a label; choose from: {', '.join(names)}")
    return targets, names, np.array([macro_labels is None or name in macro_labels for name in names])


def prepared_metric(
    metric: Metric,
    targets: np.ndarray,
    probs: np.ndarray,
    thresholds: np.ndarray | float,
    names: Sequence[str],
    argument: str,
) -> Resampled:
    """`resampled_metric` of unchecked probabilities; `argument` is what an error calls them."""
    probs = as_probs(probs, targets.shape, names, name=argument)
    return resampled_metric(metric, targets, probs, as_thresholds(thresholds, targets.shape))


def _percentiles(samples: np.ndarray, confidence: float) -> np.ndarray:
    """Ends of the percentile intervals of each column, (2, K), without its NaN."""
    ends = np.full((2, samples.shape[1]), np.nan)
    for i, column in enumerate(samples.T):
        defined = column[~np.isnan(column)]
        if len(defined):
            ends[:, i] = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return ends


def _p_values(samples: np.ndarray) -> np.ndarray:
    defined = (~np.isnan(samples)).sum(axis=0)
    tail = np.minimum((samples <= 0).sum(axis=0), (samples >= 0).sum(axis=0))
    return np.where(defined > 0, np.minimum(1.0, 2 * (tail + 1) / (defined + 1)), np.nan)
