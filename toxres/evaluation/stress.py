"""The stress curve: how scores fall as more of a text's letters are obfuscated, and what a second model changes.

Scores are those of a sample in which each row stands for `weight` rows of the population. Rankings weigh rows: a row of
weight w counts as w equal rows would, so that precision is that at the population's prevalence.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import as_probs, as_targets
from toxres.evaluation.resampling import draw_counts, resampled_metric
from toxres.labels import LABELS
from toxres.perturb import KINDS


class Condition(NamedTuple):
    """How texts were obfuscated before they were scored.

    Attributes:
        kind: One of `KINDS`, or "clean".
        share: Share of the letters obfuscated.
    """

    kind: str
    share: float


SHARES: Final = (0.1, 0.2, 0.4)
"""Shares of the letters that are obfuscated."""

CLEAN: Final = Condition("clean", 0.0)
"""The texts as they were written."""

CONDITIONS: Final = (CLEAN, *(Condition(kind, share) for kind in KINDS for share in SHARES))
"""Everything a model is scored under."""

FIGURES: Final = ("toxic_auroc", "macro_auroc", "macro_ap")
"""What is computed: AUROC of `toxic`, and the means over the six labels of AUROC and average precision."""

ALL_KINDS: Final = "mean of kinds"
"""Names the mean over the kinds of obfuscation."""

Scores = Mapping[Condition, np.ndarray]
"""Probabilities (N, 6) of one model under each condition, the same rows in each."""


def stress_figures(targets: np.ndarray, weights: np.ndarray, scores: Scores) -> pd.DataFrame:
    """Weighted figures of one model: a row a condition, columns `kind`, `share` and `FIGURES`.

    A label without a positive or a negative is left out of the macro means.

    Args:
        targets: (N, 6) in [0, 1]; NaN is unknown.
        weights: (N,), how many rows of the population each row stands for.
        scores: Of the model.

    Raises:
        InputError: Weights that are not positive, shapes that do not match, values that are no probabilities.
    """
    targets, weights = _checked(targets, weights)
    counts = weights[:, None].astype(np.float32)
    rows = []
    for condition, probs in scores.items():
        values = _figures(targets, as_probs(probs, targets.shape, LABELS), counts)
        rows.append({**condition._asdict(), **{name: float(value[0]) for name, value in values.items()}})
    return pd.DataFrame(rows)


def area_under_stress(figures: pd.DataFrame) -> pd.DataFrame:
    """Mean height of each kind's curve from clean to its greatest share (trapezoids), and their mean over the kinds.

    Args:
        figures: Of `stress_figures`.

    Returns:
        A row a kind, and one for `ALL_KINDS`; columns `FIGURES`.
    """
    clean = figures[figures["kind"] == CLEAN.kind]
    areas = {}
    for kind, part in figures[figures["kind"] != CLEAN.kind].groupby("kind", sort=False):
        curve = pd.concat([clean, part]).sort_values("share")
        width = curve["share"].max()
        areas[kind] = {name: np.trapezoid(curve[name], curve["share"]) / width for name in FIGURES}
    table = pd.DataFrame.from_dict(areas, orient="index", columns=list(FIGURES))
    table.loc[ALL_KINDS] = table.mean()
    return table.rename_axis("kind")


def stress_differences(
    targets: np.ndarray,
    weights: np.ndarray,
    first: Scores,
    second: Scores,
    n_resamples: int = 1_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """First minus second model, with paired bootstrap intervals: clean, each kind and share, and the mean of kinds.

    Rows are resampled with their weights, the same for both models and all conditions; intervals say how sure the
    difference is on other comments, not after another training run.

    Args:
        targets: (N, 6) in [0, 1]; NaN is unknown.
        weights: (N,), how many rows of the population each row stands for.
        first: Scores of model a.
        second: Scores of model b under the same conditions.
        n_resamples: Resamples of the rows.
        seed: Of the resampling.
        confidence: Of the intervals.

    Returns:
        Columns `kind`, `share`, `figure`, `difference`, `low`, `high`, `n_undefined` (resamples in which a label that
        is defined on all rows has no positive; they are left out).

    Raises:
        InputError: Other conditions in one model than in the other; and as `stress_figures` does.
    """
    targets, weights = _checked(targets, weights)
    if list(first) != list(second):
        raise InputError("the two models were scored under other conditions; score both under the same")
    pairs = [
        tuple(as_probs(scores[condition], targets.shape, LABELS) for scores in (first, second)) for condition in first
    ]
    whole = weights[:, None].astype(np.float32)
    points = _stack([_difference(targets, pair, whole) for pair in pairs])
    rng = np.random.default_rng(seed)
    drawn = []
    for counts in draw_counts(len(targets), n_resamples, rng):
        weighted = counts * whole
        drawn.append(_stack([_difference(targets, pair, weighted) for pair in pairs]))
    samples = {name: np.concatenate([block[name] for block in drawn], axis=1) for name in FIGURES}
    rows = []
    for condition, members in _with_means(list(first)).items():
        for name in FIGURES:
            values = samples[name][members].mean(axis=0)
            defined = values[~np.isnan(values)]
            ends = [(1 - confidence) / 2, (1 + confidence) / 2]
            low, high = np.quantile(defined, ends) if len(defined) else (np.nan, np.nan)
            told = {"difference": float(points[name][members].mean()), "low": float(low), "high": float(high)}
            rows.append({**condition._asdict(), "figure": name, **told, "n_undefined": len(values) - len(defined)})
    return pd.DataFrame(rows)


def _with_means(conditions: Sequence[Condition]) -> dict[Condition, list[int]]:
    """Each condition and, for each share, the mean of the kinds: which conditions each is the mean of."""
    table = {condition: [at] for at, condition in enumerate(conditions)}
    for share in dict.fromkeys(condition.share for condition in conditions if condition != CLEAN):
        members = [at for at, condition in enumerate(conditions) if condition != CLEAN and condition.share == share]
        table[Condition(ALL_KINDS, share)] = members
    return table


def _difference(targets: np.ndarray, pair: tuple[np.ndarray, np.ndarray], counts: np.ndarray) -> dict[str, np.ndarray]:
    a, b = (_figures(targets, probs, counts) for probs in pair)
    return {name: a[name] - b[name] for name in FIGURES}


def _stack(tables: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Figures of C conditions, each (R,), as (C, R)."""
    return {name: np.stack([table[name] for table in tables]) for name in FIGURES}


def _figures(targets: np.ndarray, probs: np.ndarray, counts: np.ndarray) -> dict[str, np.ndarray]:
    """Each figure of R resamples, (R,); NaN where a label is undefined that is defined on all rows."""
    values = {}
    positives = (np.nan_to_num(targets) >= 0.5).sum(axis=0)
    usable = (positives > 0) & (positives < (~np.isnan(targets)).sum(axis=0))
    nothing = np.full(counts.shape[1], np.nan)
    for metric in ("auroc", "ap"):
        by_label = (
            resampled_metric(metric, targets[:, usable], probs[:, usable], probs)(counts) if usable.any() else None
        )
        values[f"macro_{metric}"] = nothing if by_label is None else by_label.mean(axis=1)
        if metric == "auroc":
            values["toxic_auroc"] = by_label[:, 0] if by_label is not None and usable[0] else nothing
    return values


def _checked(targets: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    targets, weights = as_targets(targets, LABELS), np.asarray(weights, dtype=np.float64)
    if weights.shape != (len(targets),) or not (np.isfinite(weights) & (weights > 0)).all():
        raise InputError(f"weights must be {len(targets)} positive numbers, one a row")
    return targets, weights
