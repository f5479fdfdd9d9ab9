"""Several groups of sites, several ways to serve them: who transfers to whom, and which way wins where.

Pure functions on arrays. A model that was trained with several seeds gives a list of scores, one array a seed.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.bootstrap import paired_bootstrap, prepared_metric
from toxres.evaluation.resampling import draw_counts
from toxres.evaluation.seeds import holm, is_shown, paired_bootstrap_seeds

POOLED = "pooled"
"""What is trained on all groups together."""

STRATEGIES = ("own", POOLED, "shared")
"""One model a group; one for all; one language model for all with a classifier a group."""

STRATEGY_NAMES = {
    "own": "one model a group",
    POOLED: "one model for all",
    "shared": "one language model, a classifier a group",
}
"""What sentences and figures call them."""

PAIRS = (("own", POOLED), ("own", "shared"), (POOLED, "shared"))
"""Which are compared, the first minus the second."""

METRIC_NAMES = {"ap": "AP", "auroc": "AUROC", "bits": "bits per character"}

Scores = Mapping[str, Sequence[np.ndarray]]
"""By group of the test comments: probabilities (N,) of one label, an array a seed."""


class Winner(NamedTuple):
    """Who wins in a group.

    Attributes:
        group: Of the test comments.
        metric: By which.
        best: The strategy with the best score, shown to be best or not.
        shown: It is shown to be better than each of the others.
        level: The best and the strategies that are not shown to be worse than it.
        sentence: All that in words.
    """

    group: str
    metric: str
    best: str
    shown: bool
    level: tuple[str, ...]
    sentence: str


def transfer_matrix(
    targets: Mapping[str, np.ndarray],
    scores: Mapping[str, Scores],
    metric: str = "auroc",
    *,
    n_resamples: int = 1_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """How well a model of each row's comments does on each column's.

    A score is the mean over the seeds; its percentile interval comes from drawing the comments anew, and does not hold
    the luck of the seed.

    Args:
        targets: By group of the test comments: (N,) in [0, 1], NaN is unknown.
        scores: By name of what was trained on, then by group of the test comments; a group that is left out is NaN.
        metric: "ap" or "auroc".
        n_resamples: Resamples of the comments.
        seed: Of the resampling.
        confidence: Of the intervals.

    Returns:
        A row a pair, index (trained, tested); columns `score`, `low`, `high`, `n` (comments whose label is known),
        `positives`, `seeds`.

    Raises:
        InputError: Scores of an unknown group, no seed, or as `paired_bootstrap`.
    """
    table = {}
    for trained, by_group in scores.items():
        unknown = sorted(set(by_group) - set(targets))
        if unknown:
            raise InputError(f"scores of {trained!r}: no targets of group {unknown[0]!r}; give them")
        for tested, truth in targets.items():
            known = ~np.isnan(truth)
            row = {"score": np.nan, "low": np.nan, "high": np.nan, "n": int(known.sum())}
            row |= {"positives": int((truth[known] >= 0.5).sum()), "seeds": len(by_group.get(tested, ()))}
            if tested in by_group:
                value, low, high = _interval(truth, by_group[tested], metric, n_resamples, seed, confidence)
                row |= {"score": value, "low": low, "high": high}
            table[trained, tested] = row
    return _matrix(table)


def _interval(
    targets: np.ndarray, probs: Sequence[np.ndarray], metric: str, n_resamples: int, seed: int, confidence: float
) -> tuple[float, float, float]:
    """Mean score over the seeds with its percentile interval over rows."""
    if not len(probs):
        raise InputError("scores: of no seed; give at least one array")
    column = targets[:, None]
    models = [prepared_metric(metric, column, each[:, None], 0.5, ("label",), "scores") for each in probs]
    value = np.mean([model(np.ones((len(column), 1), np.float32))[0, 0] for model in models])
    if np.isnan(value):
        return np.nan, np.nan, np.nan
    rng = np.random.default_rng(seed)
    counts = draw_counts(len(column), n_resamples, rng)
    samples = np.concatenate([np.mean([model(drawn)[:, 0] for model in models], axis=0) for drawn in counts])
    low, high = np.nanquantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(value), float(low), float(high)


def compare_strategies(
    targets: Mapping[str, np.ndarray],
    scores: Mapping[str, Scores],
    metrics: Sequence[str] = ("ap", "auroc"),
    *,
    pairs: Sequence[tuple[str, str]] = PAIRS,
    n_resamples: int = 5_000,
    seed: int = 0,
) -> pd.DataFrame:
    """Each pair of strategies on the same comments of each group, corrected for being many (Holm 1979).

    With one seed the intervals are of the paired bootstrap: they hold the luck of the comments. With more they hold
    that of the seeds too (`paired_bootstrap_seeds`).

    Args:
        targets: By group: (N,) in [0, 1], NaN is unknown.
        scores: By strategy, then by group: what that strategy says of that group, an array (N,) a seed.
        metrics: "ap", "auroc".
        pairs: The first minus the second; pairs of which one is missing in a group are left out.
        n_resamples: Resamples of the comments.
        seed: Of the resampling.

    Returns:
        A row a comparison: `group`, `metric`, `a`, `b`, `score_a`, `score_b`, `difference`, `low`, `high`, `p_value`,
        `seeds`, `p_holm`, and `tests`, the size of the family.

    Raises:
        InputError: As `paired_bootstrap` does, or the two have different numbers of seeds.
    """
    rows = []
    for metric in metrics:
        for group, truth in targets.items():
            for a, b in pairs:
                if group not in scores.get(a, {}) or group not in scores.get(b, {}):
                    continue
                one, other = ([each[:, None] for each in scores[name][group]] for name in (a, b))
                options = {"n_resamples": n_resamples, "seed": seed, "labels": ("label",)}
                if len(one) == len(other) == 1:
                    found = paired_bootstrap(truth[:, None], one[0], other[0], metric, **options)
                else:
                    found = paired_bootstrap_seeds(truth[:, None], one, other, metric, **options)
                numbers = found.per_label.iloc[0].drop("n_undefined").astype(float).to_dict()
                rows.append({"group": group, "metric": metric, "a": a, "b": b, **numbers, "seeds": len(one)})
    return with_family(pd.DataFrame(rows))


def with_family(table: pd.DataFrame) -> pd.DataFrame:
    """Comparisons with `p_holm`, corrected for all of them together, and `tests`, how many they are."""
    if table.empty:
        return table.assign(p_holm=[], tests=[])
    p_values = table["p_value"].to_numpy(dtype=float)
    return table.assign(p_holm=holm(p_values), tests=int(np.isfinite(p_values).sum()))


def bits_matrix(
    blocks: Mapping[str, Mapping[str, np.ndarray]],
    *,
    n_resamples: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Bits per character of each language model on each group's held-out comments; less is better.

    Args:
        blocks: By name of what was trained on, then by group of the test comments: (K, 2), nats and characters of K
            blocks of comments; the blocks are the same for all models.
        n_resamples: Resamples of the blocks.
        seed: Of the resampling.
        confidence: Of the intervals.

    Returns:
        As `transfer_matrix`, with `blocks` in place of `n`, `positives` and `seeds`.
    """
    table = {}
    for trained, by_group in blocks.items():
        for tested, values in by_group.items():
            samples = _bits_samples(values, n_resamples, seed)
            low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
            table[trained, tested] = {"score": _bits(values), "low": low, "high": high, "blocks": len(values)}
    return _matrix(table)


def compare_bits(
    blocks: Mapping[str, Mapping[str, np.ndarray]], *, n_resamples: int = 5_000, seed: int = 0, confidence: float = 0.95
) -> pd.DataFrame:
    """The language model of a group's own comments minus the pooled one, in bits per character, on held-out comments.

    Arguments as in `bits_matrix`; both are resampled in the same blocks.

    Returns:
        As `compare_strategies`, with `metric` "bits"; a is "own", b is "pooled".
    """
    rows = []
    for group in blocks[POOLED]:
        own, pooled = blocks[group][group], blocks[POOLED][group]
        if own.shape != pooled.shape or not np.array_equal(own[:, 1], pooled[:, 1]):
            raise InputError(f"blocks of {group!r}: the two models read different texts; score the same")
        samples = _bits_samples(own, n_resamples, seed) - _bits_samples(pooled, n_resamples, seed)
        low, high = np.quantile(samples, [(1 - confidence) / 2, (1 + confidence) / 2])
        tail = min((samples <= 0).sum(), (samples >= 0).sum())
        numbers = {"score_a": _bits(own), "score_b": _bits(pooled), "difference": _bits(own) - _bits(pooled)}
        numbers |= {"low": low, "high": high, "p_value": min(1.0, 2 * (tail + 1) / (n_resamples + 1))}
        rows.append({"group": group, "metric": "bits", "a": "own", "b": POOLED, **numbers, "seeds": 1})
    return with_family(pd.DataFrame(rows))


def _bits(values: np.ndarray) -> float:
    nats, characters = np.asarray(values, dtype=np.float64).sum(axis=0)
    return float(nats / np.log(2) / characters)


def _bits_samples(values: np.ndarray, n_resamples: int, seed: int) -> np.ndarray:
    values = np.asarray(values, dtype=np.float64)
    rows = np.random.default_rng(seed).integers(0, len(values), (n_resamples, len(values)))
    nats, characters = values[rows].sum(axis=1).T
    return nats / np.log(2) / characters


def _matrix(table: Mapping[tuple[str, str], Mapping]) -> pd.DataFrame:
    frame = pd.DataFrame.from_dict(table, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(table), names=["trained", "tested"])
    return frame


def who_wins(comparisons: pd.DataFrame, group: str, metric: str) -> Winner:
    """Which strategy wins in a group, in words; no winner is declared that is not shown to be one.

    Args:
        comparisons: Of `compare_strategies`, every pair of the strategies in question.
        group: Of the test comments.
        metric: "ap" or "auroc".

    Raises:
        InputError: There is no such comparison.
    """
    rows = comparisons[(comparisons["group"] == group) & (comparisons["metric"] == metric)]
    if rows.empty:
        raise InputError(f"no comparison by {metric!r} in group {group!r}; compare the strategies there first")
    scores, shown = {}, []
    for _, row in rows.iterrows():
        scores |= {row["a"]: row["score_a"], row["b"]: row["score_b"]}
        if is_shown(row):
            shown.append((row["a"], row["b"]) if row["difference"] > 0 else (row["b"], row["a"]))
    ranked = sorted(scores, key=scores.get, reverse=True)
    level = tuple(name for name in ranked if (ranked[0], name) not in shown)

    def told(name: str) -> str:
        return f"{STRATEGY_NAMES.get(name, name)} ({scores[name]:.3f})"

    called = f"{group}, {METRIC_NAMES.get(metric, metric)}"
    if len(level) == 1:
        sentence = f"{called}: {told(ranked[0])} wins, ahead of {' and '.join(map(told, ranked[1:]))}."
    elif shown:
        pairs = "; ".join(f"{told(better)} is ahead of {told(worse)}" for better, worse in shown)
        sentence = f"{called}: no single winner; {pairs}; no other difference could be shown."
    else:
        names = [told(name) for name in ranked]
        between = f"{', '.join(names[:-1])} and {names[-1]}"
        sentence = f"{called}: no winner; no difference could be shown between {between}."
    return Winner(group, metric, ranked[0], len(level) == 1, level, sentence)
