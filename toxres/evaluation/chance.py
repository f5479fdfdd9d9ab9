"""What rare labels do to metrics: scores that cost nothing, and how far luck alone moves those of a good model."""

from statistics import NormalDist

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import as_targets, known, label_names, positives

TRIVIAL = ("accuracy of “never”", "F1 of “always”", "AP of one score for all")
"""Columns of `trivial_scores`."""

_ENDS = {"": 0.5, "_low": 0.025, "_high": 0.975}


def trivial_scores(targets: np.ndarray, labels: tuple[str, ...] | None = None) -> pd.DataFrame:
    """Scores that cost nothing, a row a label: NaN where a label is unknown throughout.

    Accuracy of a model that never gives the label; F1 of one that always does; average precision of one that gives all
    comments the same score, which is the prevalence, as AUROC is then 0.5.

    Args:
        targets: (N, L) in [0, 1], NaN unknown.
        labels: Names of the columns.
    """
    targets = as_targets(targets, labels)
    counts, is_positive = known(targets).sum(axis=0), positives(targets).sum(axis=0)
    share = np.divide(is_positive, counts, out=np.full(len(counts), np.nan), where=counts > 0)
    table = np.column_stack([1 - share, 2 * share / (1 + share), share])
    return pd.DataFrame(table, index=list(label_names(labels, targets.shape[1])), columns=list(TRIVIAL))


def score_spread(
    n_positives: int, n_negatives: int, *, auroc: float = 0.98, n_draws: int = 300, seed: int = 0
) -> pd.DataFrame:
    """AP and F1 of one and the same model on test sets that differ by luck alone.

    The model's scores are normal with variance 1, those of positives shifted so that its true AUROC is `auroc` (the
    equal-variance binormal model of Green and Swets, 1966). F1 is taken at the threshold that is best in the long run.

    Args:
        n_positives: Positives in a test set.
        n_negatives: Negatives in it.
        auroc: The model's quality, above 0.5.
        n_draws: Test sets.
        seed: Of the draws.

    Returns:
        Columns `ap` and `f1`, a row a test set.

    Raises:
        InputError: No positives or negatives, or `auroc` outside (0.5, 1).
    """
    if n_positives < 1 or n_negatives < 1 or not 0.5 < auroc < 1:
        raise InputError(
            f"n_positives={n_positives}, n_negatives={n_negatives}, auroc={auroc}: "
            "give at least 1 of each and an AUROC between 0.5 and 1"
        )
    shift = 2**0.5 * NormalDist().inv_cdf(auroc)
    threshold = best_binormal_threshold(n_positives / (n_positives + n_negatives), shift)
    random = np.random.default_rng(seed)
    order = np.arange(1, n_positives + 1)
    rows = []
    for _ in range(n_draws):
        negatives = np.sort(random.normal(size=n_negatives))
        scores = np.sort(random.normal(shift, size=n_positives))[::-1]
        above = n_negatives - np.searchsorted(negatives, scores)
        found = (scores >= threshold).sum()
        given = found + n_negatives - np.searchsorted(negatives, threshold)
        rows.append((np.mean(order / (order + above)), 2 * found / (given + n_positives)))
    return pd.DataFrame(rows, columns=["ap", "f1"])


def spread_by_label(targets: np.ndarray, *, auroc: float = 0.98, n_draws: int = 300, seed: int = 0) -> pd.DataFrame:
    """`score_spread` of each label with as many positives and negatives as `targets` has.

    Args:
        targets: (N, 6) in [0, 1], NaN unknown.
        auroc: The model's quality, the same for each label.
        n_draws: Test sets a label.
        seed: Of the draws.

    Returns:
        A row a label: `positives`, and of both metrics the median (`ap`, `f1`) and the ends of the middle 95%
        (`ap_low`, `ap_high`, `f1_low`, `f1_high`); NaN for a label without positives or negatives.
    """
    targets = as_targets(targets)
    n_known, n_positives = known(targets).sum(axis=0), positives(targets).sum(axis=0)
    rows = {}
    for label, of, count in zip(label_names(None, targets.shape[1]), n_known, n_positives, strict=True):
        rows[label] = {"positives": int(count)} | {f"{key}{end}": np.nan for key in ("ap", "f1") for end in _ENDS}
        if 0 < count < of:
            drawn = score_spread(int(count), int(of - count), auroc=auroc, n_draws=n_draws, seed=seed)
            for end, share in _ENDS.items():
                rows[label] |= {f"{key}{end}": float(drawn[key].quantile(share)) for key in drawn}
    return pd.DataFrame.from_dict(rows, orient="index")


def best_binormal_threshold(prevalence: float, shift: float) -> float:
    """The threshold with the highest F1 in the long run; scores of negatives are N(0, 1), of positives N(shift, 1)."""
    normal = NormalDist()
    cuts = np.linspace(-4, shift + 4, 2_001)
    found = prevalence * np.array([1 - normal.cdf(cut - shift) for cut in cuts])
    false = (1 - prevalence) * np.array([1 - normal.cdf(cut) for cut in cuts])
    return float(cuts[np.argmax(2 * found / (found + false + prevalence))])
