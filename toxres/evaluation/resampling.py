"""Metrics of many resamples at once: a resample is a count for each row, and counts are weights.

Scores are sorted once; every resample then needs cumulated counts only, not a sort and a pass through scikit-learn.
"""

from collections.abc import Callable, Iterator

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.arrays import known, positives
from toxres.evaluation.calibration import assign_bins

METRICS = ("auroc", "ap", "f1", "brier", "ece")
"""Metrics that can be named; anything else is passed as a function."""

Metric = str | Callable[[np.ndarray, np.ndarray], np.ndarray]
"""A name of `METRICS`, or a function of targets (N, L) and probs (N, L) that returns (L,)."""

Resampled = Callable[[np.ndarray], np.ndarray]
"""Row counts (N, R) of R resamples to metric values (R, L); NaN where undefined."""

BLOCK = 1 << 20
"""Counts held at once: resamples are drawn in blocks of about this many numbers."""


def draw_counts(n_rows: int, n_resamples: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """How often each row is drawn: float32 blocks (N, R) whose R add up to `n_resamples`; each column adds up to N.

    Raises:
        InputError: No rows, or no resamples.
    """
    if n_rows < 1 or n_resamples < 1:
        raise InputError(f"a bootstrap needs rows and resamples, not {n_rows} and {n_resamples}")
    size = max(1, BLOCK // n_rows)
    for start in range(0, n_resamples, size):
        width = min(size, n_resamples - start)
        drawn = rng.integers(0, n_rows, (width, n_rows)) + n_rows * np.arange(width)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=width * n_rows)
        yield np.ascontiguousarray(counts.reshape(width, n_rows).T, dtype=np.float32)


def resampled_metric(metric: Metric, targets: np.ndarray, probs: np.ndarray, thresholds: np.ndarray) -> Resampled:
    """Prepare `metric` for resamples of these rows.

    Args:
        metric: A name, or a function of (targets, probs).
        targets: (N, L), checked.
        probs: (N, L), checked.
        thresholds: (N, L), used by "f1" alone.

    Raises:
        InputError: The name is unknown.
    """
    if callable(metric):
        return lambda counts: _by_function(metric, targets, probs, counts)
    if metric == "f1":
        return _f1(targets, probs >= thresholds)
    if metric == "brier":
        return _mean(targets, (probs - targets) ** 2)
    if metric == "ece":
        return _stack([_ece(targets[:, i], probs[:, i]) for i in range(targets.shape[1])])
    if metric in ("auroc", "ap"):
        return _stack([_ranking(metric, targets[:, i], probs[:, i]) for i in range(targets.shape[1])])
    raise InputError(f"unknown metric {metric!r}; choose one of: {', '.join(METRICS)}, or pass a function")


def _stack(columns: list[Resampled]) -> Resampled:
    return lambda counts: np.stack([column(counts) for column in columns], axis=1)


def _by_function(metric: Callable, targets: np.ndarray, probs: np.ndarray, counts: np.ndarray) -> np.ndarray:
    values = []
    for column in counts.T:
        rows = np.repeat(np.arange(len(column)), column.astype(int))
        values.append(metric(targets[rows], probs[rows]))
    return np.asarray(values, dtype=np.float64)


def _ranking(metric: str, targets: np.ndarray, scores: np.ndarray) -> Resampled:
    """AUROC or average precision of one label. Rows of equal score count as one step, as in scikit-learn."""
    rows = np.flatnonzero(known(targets))
    order = rows[np.argsort(-scores[rows], kind="stable")]
    is_positive = np.flatnonzero(positives(targets[order]))
    if not 0 < len(is_positive) < len(order):
        return lambda counts: np.full(counts.shape[1], np.nan)
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
    starts = np.append(0, ends[:-1] + 1)
    step = np.searchsorted(ends, is_positive)
    steps, last_positive = np.unique(step[::-1], return_index=True)
    last_positive = len(step) - 1 - last_positive

    def values(counts: np.ndarray) -> np.ndarray:
        ranked = counts[order]
        drawn = np.cumsum(ranked, axis=0)
        found = np.cumsum(ranked[is_positive], axis=0, dtype=np.float64)[last_positive]  # (steps, R)
        gained = np.diff(found, axis=0, prepend=0)
        until = drawn[ends[steps]].astype(np.float64)
        n_positives, n_negatives = found[-1], drawn[-1] - found[-1]
        if metric == "ap":
            precision = np.divide(found, until, out=np.zeros_like(found), where=until > 0)
            above, below = (gained * precision).sum(axis=0), n_positives
        else:
            before = np.where((starts[steps] > 0)[:, None], drawn[starts[steps] - 1], 0.0) - (found - gained)
            above = (gained * (n_negatives - (before + until - found) / 2)).sum(axis=0)
            below = n_positives * n_negatives
        defined = (n_positives > 0) & (n_negatives > 0)
        return np.divide(above, below, out=np.full(len(below), np.nan), where=defined)

    return values


def _f1(targets: np.ndarray, decided: np.ndarray) -> Resampled:
    mask, is_positive = known(targets), positives(targets)
    parts = [part.astype(np.float32) for part in (is_positive & decided, decided & mask, is_positive, mask)]

    def values(counts: np.ndarray) -> np.ndarray:
        hits, n_decided, n_positives, n_known = (counts.T @ part for part in parts)
        defined = (n_positives > 0) & (n_positives < n_known)
        return np.divide(2 * hits, n_decided + n_positives, out=np.full(hits.shape, np.nan), where=defined)

    return values


def _mean(targets: np.ndarray, losses: np.ndarray) -> Resampled:
    mask = known(targets).astype(np.float32)
    losses = np.nan_to_num(losses)

    def values(counts: np.ndarray) -> np.ndarray:
        total, n_known = counts.T @ losses, counts.T @ mask
        return np.divide(total, n_known, out=np.full(total.shape, np.nan), where=n_known > 0)

    return values


def _ece(targets: np.ndarray, probs: np.ndarray, n_bins: int = 15) -> Resampled:
    rows = np.flatnonzero(known(targets))
    bins = assign_bins(probs[rows], n_bins)
    gaps = np.zeros((n_bins, len(rows)), dtype=np.float32)
    gaps[bins, np.arange(len(rows))] = (probs - targets)[rows]

    def values(counts: np.ndarray) -> np.ndarray:
        drawn = counts[rows]
        total, n_known = np.abs(gaps @ drawn).sum(axis=0), drawn.sum(axis=0)
        return np.divide(total, n_known, out=np.full(len(total), np.nan), where=n_known > 0)

    return values
