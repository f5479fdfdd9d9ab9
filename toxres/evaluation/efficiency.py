"""Scores against the number of labels a model was trained with: with and without pretraining, and what that is worth.

Two kinds of luck are in a point of such a curve: which comments were scored, and which ones were drawn and seeded for
training. Both are resampled (a two-level bootstrap; Davison and Hinkley 1997, section 3.8).
"""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.arrays import as_probs, as_targets, label_names
from toxres.evaluation.resampling import draw_counts, resampled_metric
from toxres.evaluation.seeds import holm

Runs = Mapping[str, Mapping[int, Sequence[np.ndarray]]]
"""By arm and number of labelled comments: the probabilities (N, L) of each seed, in the order of the seeds."""

METRICS = {"toxic_ap": ("ap", "toxic"), "macro_ap": ("ap", None), "toxic_auroc": ("auroc", "toxic")}
"""What is computed: a metric of `resampling`, and the label, or None for the mean over all."""


@dataclasses.dataclass(frozen=True)
class LabelEfficiency:
    """Curves, their differences, and how many labels a difference is worth.

    Attributes:
        scores: A row an arm, number of labels and metric: `score` (mean over the seeds), `low`, `high`, `seeds`,
            `by_seed`, `n_undefined` (resamples left out).
        differences: A row a pair (`arm` minus `against`), number of labels and metric: `difference`, `low`, `high`,
            `p_value`, `p_holm` (corrected for all pairs and numbers of labels of the metric), `seeds`.
        worth: A row like those: `needed`, the labels with which `against` reaches the score of `arm`, NaN where it
            never does; `low` and `high` likewise, where NaN is "never".
        confidence: Of the intervals.
        n_resamples: Resamples drawn.
    """

    scores: pd.DataFrame
    differences: pd.DataFrame
    worth: pd.DataFrame
    confidence: float
    n_resamples: int

    def to_dict(self) -> dict:
        """Plain lists of rows, ready for `write_json`; NaN stays NaN."""
        tables = {name: getattr(self, name).to_dict(orient="records") for name in ("scores", "differences", "worth")}
        return {**tables, "confidence": self.confidence, "n_resamples": self.n_resamples}


def label_efficiency(
    targets: np.ndarray,
    runs: Runs,
    pairs: Sequence[tuple[str, str]] = (),
    n_resamples: int = 1_000,
    seed: int = 0,
    *,
    confidence: float = 0.95,
    labels: Sequence[str] | None = None,
) -> LabelEfficiency:
    """Compute the curves of some arms on the same rows.

    A resample draws rows with replacement, the same for every arm, and for each number of labels the seeds, the same
    for both arms of a pair. Few seeds drawn with replacement vary too little, by (S - 1) / S; their part of the spread
    is made wider by as much. With a single seed an interval holds the luck of the rows alone.

    Args:
        targets: (N, L) in [0, 1]; NaN is unknown. One of the labels is "toxic".
        runs: See `Runs`.
        pairs: Arms to compare: one, and the one it is compared with.
        n_resamples: Resamples.
        seed: Of the resampling.
        confidence: Of the intervals.
        labels: Names of the columns; Jigsaw's six by default.

    Raises:
        InputError: Shapes that do not match, no label "toxic", an arm without a run, or a pair with an arm that is not
            there.
    """
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    if "toxic" not in names:
        raise InputError(f"labels {', '.join(names)}: 'toxic' is not among them, which the curves are drawn for")
    for arm in {arm for pair in pairs for arm in pair} - set(runs):
        raise InputError(f"pairs: there is no arm {arm!r}; choose from: {', '.join(runs)}")
    for arm, sizes in runs.items():
        if not sizes or not all(len(found) for found in sizes.values()):
            raise InputError(f"runs: arm {arm!r} has no run, or a number of labels without one; leave it out")

    rng = np.random.default_rng(seed)
    counts = [np.ones((len(targets), 1), np.float32), *draw_counts(len(targets), n_resamples, rng)]
    values = {
        (arm, size): np.stack([_values(targets, probs, counts, names) for probs in found])  # S x (1 + R) x metrics
        for arm, sizes in runs.items()
        for size, found in sizes.items()
    }
    widths = sorted({(size, len(found)) for (_, size), found in values.items()})
    draws = {width: rng.integers(0, width[1], (n_resamples, width[1])) for width in widths}
    samples = {key: _two_levels(found, draws[key[1], len(found)]) for key, found in values.items()}
    tables = _scores(values, samples, confidence), _differences(values, draws, pairs, confidence)
    return LabelEfficiency(*tables, _worth(samples, pairs, confidence), confidence, n_resamples)


def labels_needed(sizes: Sequence[float], scores: Sequence[float], wanted: float) -> float:
    """The number of labels at which a curve first reaches a score, between two of its points on a log axis.

    Args:
        sizes: Numbers of labels, rising.
        scores: Scores at these.
        wanted: The score to reach.

    Returns:
        NaN where the curve never does; the first size where it does from the start.
    """
    sizes, scores = np.asarray(sizes, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    reached = np.flatnonzero(scores >= wanted)
    if not len(reached):
        return float("nan")
    after = reached[0]
    if after == 0 or np.isnan(scores[after - 1]):
        return float(sizes[after])
    share = (wanted - scores[after - 1]) / (scores[after] - scores[after - 1])
    return float(np.exp(np.log(sizes[after - 1]) + share * np.log(sizes[after] / sizes[after - 1])))


def _values(targets: np.ndarray, probs: np.ndarray, counts: list[np.ndarray], names: Sequence[str]) -> np.ndarray:
    """One run's metrics on all rows and on each resample: (1 + R) x metrics."""
    probs, cuts = as_probs(probs, targets.shape, names), np.full(targets.shape, 0.5)
    found = {}
    for metric in {metric for metric, _ in METRICS.values()}:
        prepared = resampled_metric(metric, targets, probs, cuts)
        found[metric] = np.concatenate([prepared(block) for block in counts])
    # A label without a positive in the test rows as a whole is left out of the mean.
    columns = []
    for metric, label in METRICS.values():
        table = found[metric]
        defined = table[:, ~np.isnan(table[0])]
        columns.append(defined.mean(axis=1) if label is None else table[:, names.index(label)])
    return np.stack(columns, axis=1)


def _two_levels(values: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Means over the seeds as they are, then over those drawn: S x (1 + R) x K and R x S to (1 + R) x K."""
    mean = values.mean(axis=0)
    seeds = len(values)
    if seeds == 1:
        return mean
    resampled = np.take_along_axis(values[:, 1:], drawn.T[:, :, None], axis=0).mean(axis=0)
    spread = np.sqrt(seeds / (seeds - 1)) * (resampled - mean[1:])
    return np.concatenate([mean[:1], mean[1:] + spread])


def _scores(values: dict, samples: dict, confidence: float) -> pd.DataFrame:
    rows = []
    for (arm, size), found in samples.items():
        for i, metric in enumerate(METRICS):
            by_seed = values[arm, size][:, 0, i].tolist()
            interval = _interval(np.clip(found[1:, i], 0, 1), confidence)
            common = {"arm": arm, "labels": size, "metric": metric, "score": found[0, i], **interval}
            rows.append({**common, "seeds": len(by_seed), "by_seed": by_seed})
    return pd.DataFrame(rows).sort_values(["metric", "arm", "labels"], ignore_index=True)


def _differences(values: dict, draws: dict, pairs: Sequence[tuple[str, str]], confidence: float) -> pd.DataFrame:
    rows = []
    for arm, against in pairs:
        for size in sorted(size for name, size in values if name == arm and (against, size) in values):
            one, other = values[arm, size], values[against, size]
            seeds = min(len(one), len(other))
            drawn = draws.get((size, seeds), np.zeros((one.shape[1] - 1, 1), dtype=int))
            found = _two_levels(one[:seeds] - other[:seeds], drawn)
            for i, metric in enumerate(METRICS):
                sample = found[1:, i][~np.isnan(found[1:, i])]
                tail = min((sample <= 0).sum(), (sample >= 0).sum())
                p_value = min(1.0, 2 * (tail + 1) / (len(sample) + 1)) if len(sample) else np.nan
                common = {"arm": arm, "against": against, "labels": size, "metric": metric, "difference": found[0, i]}
                rows.append({**common, **_interval(found[1:, i], confidence), "p_value": p_value, "seeds": seeds})
    table = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["arm", "against", "labels", "metric", "p_value"])
    table["p_holm"] = np.nan
    for _, part in table.groupby("metric"):
        table.loc[part.index, "p_holm"] = holm(part["p_value"])
    return table


def _worth(samples: dict, pairs: Sequence[tuple[str, str]], confidence: float) -> pd.DataFrame:
    rows = []
    for arm, against in pairs:
        sizes = sorted(size for name, size in samples if name == against)
        curve = np.stack([samples[against, size] for size in sizes])  # sizes x (1 + R) x metrics
        for size in sorted(size for name, size in samples if name == arm):
            for i, metric in enumerate(METRICS):
                wanted = samples[arm, size][:, i]
                defined = np.flatnonzero(~np.isnan(wanted) & ~np.isnan(curve[:, :, i]).any(axis=0))
                found = np.array([labels_needed(sizes, curve[:, r, i], wanted[r]) for r in defined if r > 0])
                low, high = np.nan, np.nan
                if len(found):
                    never = np.where(np.isnan(found), np.inf, found)
                    ends = np.quantile(never, [(1 - confidence) / 2, (1 + confidence) / 2], method="nearest")
                    low, high = np.where(np.isinf(ends), np.nan, ends)
                common = {"arm": arm, "against": against, "labels": size, "metric": metric, "score": wanted[0]}
                needed = labels_needed(sizes, curve[:, 0, i], wanted[0])
                rows.append({**common, "needed": needed, "low": low, "high": high})
    return pd.DataFrame(rows)


def _interval(sample: np.ndarray, confidence: float) -> dict[str, float]:
    """Percentile interval of the resamples that are defined, and how many are not."""
    defined = sample[~np.isnan(sample)]
    if not len(defined):
        return {"low": float("nan"), "high": float("nan"), "n_undefined": len(sample)}
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return {"low": low, "high": high, "n_undefined": len(sample) - len(defined)}
