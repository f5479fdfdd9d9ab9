"""Comparing two recipes that were each trained with several seeds.

Two kinds of luck are in a difference: which comments were in the test rows, and which seed a model was trained with.
Three seeds on one test set say little about the first, a bootstrap of one seed's rows says nothing about the second.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from toxres.errors import InputError
from toxres.evaluation.bootstrap import (
    BootstrapResult,
    as_result,
    checked_arguments,
    difference_table,
    prepared_metric,
    with_macro,
)
from toxres.evaluation.resampling import Metric, draw_counts


class SeedResult(NamedTuple):
    """Mean difference over seeds, with Student's t interval.

    Attributes:
        difference: Mean over the seeds.
        low: Lower end of the interval.
        high: Upper end.
        p_value: Two-sided, of a paired t test.
        deviation: Standard deviation over the seeds.
        n_seeds: Seeds.
    """

    difference: float
    low: float
    high: float
    p_value: float
    deviation: float
    n_seeds: int


def paired_seeds(differences: Sequence[float], confidence: float = 0.95) -> SeedResult:
    """Paired t interval over seeds: each difference is that of two recipes at the same seed.

    On shared test rows it speaks of new trainings scored on these very rows; `paired_bootstrap_seeds` adds new rows.

    Raises:
        InputError: Fewer than two seeds, or a difference that is not finite.
    """
    values = np.asarray(differences, dtype=np.float64)
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise InputError(f"differences must be at least two finite numbers, one a seed; got {values.tolist()}")
    mean, deviation = values.mean(), values.std(ddof=1)
    error = deviation / np.sqrt(len(values))
    reach = stats.t.ppf((1 + confidence) / 2, len(values) - 1) * error
    if error > 0:
        p_value = 2 * stats.t.sf(abs(mean) / error, len(values) - 1)
    else:
        p_value = 1.0 if mean == 0 else 0.0
    return SeedResult(*map(float, (mean, mean - reach, mean + reach, p_value, deviation)), len(values))


def holm(p_values: Sequence[float]) -> np.ndarray:
    """P-values corrected for being several (Holm 1979): whoever calls those below .05 shown errs once in 20 families.

    Args:
        p_values: Of all tests of the family, in any order; a NaN is a test that could not be made, and stays one.
    """
    values = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(values, kind="stable")[: np.isfinite(values).sum()]
    corrected = np.full(values.shape, np.nan)
    steps = values[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


def is_shown(row: pd.Series | Mapping[str, float]) -> bool:
    """Whether a difference is more than its luck: its interval excludes 0, and `p_holm`, if it has one, is below 5%."""
    low, high = float(row["low"]), float(row["high"])
    corrected = float(row["p_holm"]) if "p_holm" in row else 0.0
    return bool((low > 0 or high < 0) and corrected < 0.05)


def seed_differences(
    targets: np.ndarray | Sequence[np.ndarray],
    probs_a: Sequence[np.ndarray],
    probs_b: Sequence[np.ndarray],
    metric: Metric = "ap",
    *,
    thresholds_a: Sequence[np.ndarray | float] | None = None,
    thresholds_b: Sequence[np.ndarray | float] | None = None,
    labels: Sequence[str] | None = None,
    macro_labels: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Difference of two recipes, a minus b, at each seed: S rows; columns `macro`, each label, `undefined`.

    Args:
        targets: (N, L) for all seeds, or S matrices (N_s, L) where each seed has test rows of its own.
        probs_a: S matrices, one a seed.
        probs_b: S matrices of the other recipe, the same seeds in the same order.
        metric: As in `paired_bootstrap`.
        thresholds_a: S thresholds, each one number, (L,) or (N_s, L); 0.5 by default.
        thresholds_b: The same for recipe b.
        labels: Names of the columns; Jigsaw's six by default.
        macro_labels: Labels of the macro mean; all by default. A label that is undefined on a seed's rows is left out
            of that seed's mean and counted in `undefined`.

    Raises:
        InputError: As `paired_bootstrap`, or lists of different lengths.
    """
    n_seeds = len(probs_a)
    rows = [targets] * n_seeds if isinstance(targets, np.ndarray) and targets.ndim == 2 else list(targets)
    cuts_a, cuts_b = ([0.5] * n_seeds if cuts is None else list(cuts) for cuts in (thresholds_a, thresholds_b))
    for name, items in {"targets": rows, "probs_b": probs_b, "thresholds_a": cuts_a, "thresholds_b": cuts_b}.items():
        if len(items) != n_seeds:
            raise InputError(f"{name}: {len(items)} seeds, but probs_a has {n_seeds}; give one a seed")
    table = []
    for known_rows, a, b, cut_a, cut_b in zip(rows, probs_a, probs_b, cuts_a, cuts_b, strict=True):
        checked, names, chosen = checked_arguments(known_rows, labels, macro_labels, 0.95)
        once = np.ones((len(checked), 1), np.float32)
        pair = [
            prepared_metric(metric, checked, probs, cut, names, side)(once)[0]
            for probs, cut, side in ((a, cut_a, "probs_a"), (b, cut_b, "probs_b"))
        ]
        difference = pair[0] - pair[1]
        defined = chosen & ~np.isnan(difference)
        macro = difference[defined].mean() if defined.any() else np.nan
        table.append([macro, *difference, int(chosen.sum() - defined.sum())])
    return pd.DataFrame(table, columns=["macro", *names, "undefined"]).rename_axis("seed")


def paired_seeds_table(differences: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """`paired_seeds` for each column of `seed_differences`: a row for `macro` and for each label.

    Where each seed has test rows of its own, these t intervals hold both kinds of luck. A seed at which a label is
    undefined is left out of that label's row (`n_seeds` says how many are left); fewer than two give NaN.
    """
    table = {}
    for column in differences.columns.drop("undefined", errors="ignore"):
        values = differences[column].dropna()
        enough = len(values) >= 2
        table[column] = paired_seeds(values, confidence) if enough else SeedResult(*[np.nan] * 5, len(values))
    return pd.DataFrame.from_dict(table, orient="index", columns=list(SeedResult._fields)).rename_axis("label")


def paired_bootstrap_seeds(
    targets: np.ndarray,
    probs_a: Sequence[np.ndarray],
    probs_b: Sequence[np.ndarray],
    metric: Metric = "ap",
    n_resamples: int = 1_000,
    seed: int = 0,
    *,
    thresholds_a: Sequence[np.ndarray | float] | None = None,
    thresholds_b: Sequence[np.ndarray | float] | None = None,
    confidence: float = 0.95,
    labels: Sequence[str] | None = None,
    macro_labels: Sequence[str] | None = None,
) -> BootstrapResult:
    """Compare two recipes, a minus b, over rows and seeds together.

    Each resample draws the rows with replacement, scores both models of every seed on them, and takes the mean
    difference over seeds; to this it adds the seeds' own standard error times a draw from Student's t with S - 1
    degrees of freedom. Where all seeds agree the interval is the paired bootstrap's, where rows are plentiful it is the
    paired t interval of the seeds. What rows and seeds share is counted twice, which errs on the wide side.

    Args:
        targets: (N, L), the rows that every seed was scored on. (Each seed has its own: `seed_differences`.)
        probs_a: S matrices (N, L), one a seed; out-of-fold probabilities or those of a fixed test set.
        probs_b: S matrices (N, L) of the other recipe, the same seeds in the same order.
        metric: As in `paired_bootstrap`.
        n_resamples: As there.
        seed: Of the resampling.
        thresholds_a: S thresholds as in `paired_bootstrap`, one a seed; 0.5 by default.
        thresholds_b: The same for recipe b.
        confidence: Of the intervals.
        labels: Names of the columns; Jigsaw's six by default.
        macro_labels: Labels of the macro mean; all by default.

    Returns:
        A result whose scores are means over the seeds.

    Raises:
        InputError: As `paired_bootstrap`, or fewer than two seeds, or lists of different lengths.
    """
    targets, names, chosen = checked_arguments(targets, labels, macro_labels, confidence)
    n_seeds = len(probs_a)
    if n_seeds < 2:
        raise InputError(f"{n_seeds} seed given; give at least two, or use paired_bootstrap for one")
    arms = []
    for side, probs, thresholds in (("a", probs_a, thresholds_a), ("b", probs_b, thresholds_b)):
        thresholds = [0.5] * n_seeds if thresholds is None else thresholds
        if len(probs) != n_seeds or len(thresholds) != n_seeds:
            raise InputError(f"probs_{side}: {len(probs)} seeds and {len(thresholds)} thresholds, but {n_seeds} seeds")
        pairs = enumerate(zip(probs, thresholds, strict=True))
        arms.append([prepared_metric(metric, targets, *pair, names, f"probs_{side}[{i}]") for i, pair in pairs])

    once = np.ones((len(targets), 1), np.float32)
    scores = np.array([[model(once)[0] for model in arm] for arm in arms])  # (2, S, L)
    chosen &= ~np.isnan(scores).any(axis=(0, 1))
    scores = np.stack([with_macro(arm, chosen) for arm in scores])  # (2, S, 1 + L)
    error = (scores[0] - scores[1]).std(axis=0, ddof=1) / np.sqrt(n_seeds)

    rng = np.random.default_rng(seed)
    samples = np.concatenate(
        [
            np.mean([a(counts) - b(counts) for a, b in zip(*arms, strict=True)], axis=0)
            for counts in draw_counts(len(targets), n_resamples, rng)
        ]
    )
    luck = rng.standard_t(n_seeds - 1, n_resamples)[:, None] * error
    samples = with_macro(samples, chosen) + luck
    return as_result(metric, difference_table(scores.mean(axis=1), samples, names, confidence), n_resamples, confidence)
