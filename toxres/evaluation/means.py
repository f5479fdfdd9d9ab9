"""Means over posts: how sure one is, and whether one explanation does better than another on the same posts.

The bootstrap of `toxres.evaluation.bootstrap` for figures that are means of a value a post, such as character F1.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.resampling import draw_counts


class MeanInterval(NamedTuple):
    """A mean with its percentile interval over posts.

    Attributes:
        score: The mean of the values that are known.
        low: Lower end.
        high: Upper end.
        n: Values that are known.
    """

    score: float
    low: float
    high: float
    n: int


class MeanDifference(NamedTuple):
    """Two means on the same posts, the first minus the second.

    Attributes:
        score_a: The first mean.
        score_b: The second.
        difference: `score_a - score_b`.
        low: Lower end of its percentile interval.
        high: Upper end.
        p_value: Two-sided: twice the share of resamples on the other side of 0, at least 2 / (n_resamples + 1).
        n: Posts of which both values are known.
    """

    score_a: float
    score_b: float
    difference: float
    low: float
    high: float
    p_value: float
    n: int


def mean_interval(
    values: Sequence[float], n_resamples: int = 2_000, seed: int = 0, confidence: float = 0.95
) -> MeanInterval:
    """The mean of (N,) values; NaN is unknown and left out. NaN throughout where none is known."""
    known = _known(values)
    if not len(known):
        return MeanInterval(np.nan, np.nan, np.nan, 0)
    low, high = np.quantile(_resampled(known, n_resamples, seed), [(1 - confidence) / 2, (1 + confidence) / 2])
    return MeanInterval(float(known.mean()), float(low), float(high), len(known))


def mean_difference(
    a: Mapping[str, float], b: Mapping[str, float], n_resamples: int = 5_000, seed: int = 0, confidence: float = 0.95
) -> MeanDifference:
    """Compare two means post by post.

    Args:
        a: Post to value; NaN is unknown, and a post of which either value is, is left out.
        b: The same posts.
        n_resamples: Resamples of the posts.
        seed: Of the resampling.
        confidence: Of the interval.

    Raises:
        InputError: The posts are not the same, or no post has both values.
    """
    if set(a) != set(b):
        raise InputError(f"values of {len(a)} posts against those of {len(b)} others; compare on the same posts")
    pairs = np.array([(value, b[post]) for post, value in a.items()], dtype=np.float64).reshape(-1, 2)
    pairs = pairs[np.isfinite(pairs).all(axis=1)]
    if not len(pairs):
        raise InputError("no post has both values; there is nothing to compare")
    samples = _resampled(pairs[:, 0] - pairs[:, 1], n_resamples, seed)
    low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    tail = min((samples <= 0).sum(), (samples >= 0).sum())
    first, second = pairs.mean(axis=0)
    p_value = min(1.0, 2 * (tail + 1) / (n_resamples + 1))
    return MeanDifference(
        *map(float, (first, second, first - second, low, high, p_value)), len(pairs)
    )  # fmt: skip


def _known(values: Sequence[float]) -> np.ndarray:
    known = np.asarray(values, dtype=np.float64)
    return known[np.isfinite(known)]


def _resampled(values: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    counts = draw_counts(len(values), n_resamples, np.random.default_rng(seed))
    return np.concatenate([values @ drawn.astype(np.float64) / len(values) for drawn in counts])
