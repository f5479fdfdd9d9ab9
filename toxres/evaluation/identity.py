"""Unintended bias: does a mention of an identity move scores that have nothing to do with it?

Three areas under the ROC curve for each subgroup, the comments that mention a term (Borkan et al., Nuanced Metrics for
Measuring Unintended Bias with Real Data for Text Classification, WWW 2019): *subgroup*, within the subgroup; *BPSN*,
background positives against subgroup negatives, low where harmless mentions score as high as true abuse elsewhere;
*BNSP*, background negatives against subgroup positives, low where abuse of the subgroup is overlooked. The background
is everything else. Positives are toxic.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.proportions import share_table
from toxres.evaluation.resampling import draw_counts

AREAS: Final = ("subgroup", "bpsn", "bnsp")
"""The three areas under the curve."""

AREA_NAMES: Final = {
    "subgroup": "subgroup: within the comments that mention it",
    "bpsn": "BPSN: toxic elsewhere, harmless here",
    "bnsp": "BNSP: harmless elsewhere, toxic here",
}
"""What figures call them."""

POWER: Final = -5
"""Of the generalised mean over subgroups, as in Kaggle's Unintended Bias challenge: the worst weigh most."""

PUBLISHED_AUC: Final = {"Wikipedia CNN": 0.9524, "Wikipedia CNN, debiased": 0.9601}
"""AUC on all of madlibs of the models of Dixon et al., Measuring and Mitigating Unintended Bias, AIES 2018."""


class _Ranked:
    """Scores sorted once, so that areas of many resamples and subgroups take cumulated counts only."""

    def __init__(self, positive: np.ndarray, scores: np.ndarray) -> None:
        _, self.step = np.unique(scores, return_inverse=True)  # (N,) equal scores share a step
        self.steps = int(self.step.max(initial=-1)) + 1
        self.positive = positive

    def below(self, rows: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """For each step, the weight of those rows that score lower, and half of those that score the same: (S, R)."""
        sums = np.zeros((self.steps, weights.shape[1]))
        np.add.at(sums, self.step[rows], weights[rows])
        return np.cumsum(sums, axis=0) - sums / 2

    def areas(self, weights: np.ndarray, members: Mapping[str, np.ndarray]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Overall area (R,), and for each subgroup the three areas (3, R); NaN where there is nothing to compare.

        Args:
            weights: (N, R), how often each row counts in each resample.
            members: Subgroup to its rows.
        """
        positive, negative = np.flatnonzero(self.positive), np.flatnonzero(~self.positive)
        below_all = self.below(negative, weights)
        n_pos, n_neg = weights[positive].sum(axis=0), weights[negative].sum(axis=0)
        beaten = (weights[positive] * below_all[self.step[positive]]).sum(axis=0)  # pairs that are in order
        below_positive = self.below(positive, weights)
        found = {}
        for name, rows in members.items():
            own_pos, own_neg = rows[self.positive[rows]], rows[~self.positive[rows]]
            weight_pos, weight_neg = weights[own_pos], weights[own_neg]
            n_own_pos, n_own_neg = weight_pos.sum(axis=0), weight_neg.sum(axis=0)
            inside = _pairs(self.step, own_pos, own_neg, weights)
            # Positives of the background above a negative of the subgroup: all positives' pairs but the subgroup's own.
            above = ((n_pos - below_positive[self.step[own_neg]]) * weight_neg).sum(axis=0)
            behind = (below_all[self.step[own_pos]] * weight_pos).sum(axis=0)
            found[name] = np.stack(
                [
                    _ratio(inside, n_own_pos * n_own_neg),
                    _ratio(above - inside, (n_pos - n_own_pos) * n_own_neg),
                    _ratio(behind - inside, n_own_pos * (n_neg - n_own_neg)),
                ]
            )
        return _ratio(beaten, n_pos * n_neg), found


def _pairs(step: np.ndarray, pos: np.ndarray, neg: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weight of the pairs of a positive and a negative that are in order, ties by half, (R,)."""
    if not len(pos) or not len(neg):
        return np.zeros(weights.shape[1])
    order = neg[np.argsort(step[neg], kind="stable")]
    cumulated = np.vstack([np.zeros(weights.shape[1]), np.cumsum(weights[order], axis=0, dtype=np.float64)])
    ranked = step[order]
    lower = cumulated[np.searchsorted(ranked, step[pos], side="left")]
    equal = cumulated[np.searchsorted(ranked, step[pos], side="right")] - lower
    return ((lower + equal / 2) * weights[pos]).sum(axis=0)


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def bias_table(
    positive: np.ndarray,
    scores: np.ndarray,
    members: Mapping[str, np.ndarray],
    *,
    clusters: np.ndarray | None = None,
    n_resamples: int = 500,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """The three areas of each subgroup with bootstrap intervals; "overall" is the area of all rows.

    Args:
        positive: (N,) booleans, True is toxic.
        scores: (N,) finite floats, high is toxic.
        members: Subgroup to booleans (N,): the rows that mention it.
        clusters: (N,) names of what is resampled as one, such as the sentence that terms are put into; rows by default.
        n_resamples: 0 leaves the intervals NaN.
        seed: Of the resampling.
        confidence: Of the intervals.

    Returns:
        First the row "overall", with its area in `subgroup`, then a row a subgroup; columns `n`, `positives`, and for
        each of `AREAS` its value, `<area>_low` and `<area>_high`. An area without positives or negatives to compare is
        NaN.

    Raises:
        InputError: Shapes do not match, a score is not finite, or there are no rows.
    """
    positive, scores = np.asarray(positive, dtype=bool), np.asarray(scores, dtype=np.float64)
    if scores.shape != positive.shape or not len(scores):
        raise InputError(f"scores have shape {scores.shape}, labels {positive.shape}; give one score a row, and rows")
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0]) + 1
        raise InputError(f"scores, row {row}: not a finite number; score the comments again")
    for name, mask in members.items():
        if np.shape(mask) != positive.shape:
            raise InputError(f"members of {name!r} have shape {np.shape(mask)}; give one boolean a row")
    rows = {name: np.flatnonzero(mask) for name, mask in members.items()}
    ranked = _Ranked(positive, scores)
    overall, areas = ranked.areas(np.ones((len(scores), 1)), rows)
    samples = [ranked.areas(drawn, rows) for drawn in _drawn(len(scores), clusters, n_resamples, seed)]
    spread = {name: np.concatenate([found[name] for _, found in samples], axis=1) for name in rows if samples}
    ends = _ends(np.concatenate([each for each, _ in samples])[None] if samples else np.empty((1, 0)), confidence)
    first = {"n": len(scores), "positives": int(positive.sum())}
    table = {"overall": first | _named(np.array([overall, [np.nan], [np.nan]]), _only_first(ends))}
    for name, found in areas.items():
        ends = _ends(spread.get(name, np.empty((3, 0))), confidence)
        counts = {"n": len(rows[name]), "positives": int(positive[rows[name]].sum())}
        table[name] = counts | _named(found, ends)
    return pd.DataFrame.from_dict(table, orient="index")


def _drawn(n_rows: int, clusters: np.ndarray | None, n_resamples: int, seed: int):
    """How often each row counts in each resample: blocks (N, R)."""
    if not n_resamples:
        return
    codes = np.arange(n_rows) if clusters is None else pd.factorize(np.asarray(clusters))[0]
    rng, left = np.random.default_rng(seed), n_resamples
    while left:
        width = min(left, max(1, (1 << 21) // n_rows))
        left -= width
        for counts in draw_counts(int(codes.max()) + 1, width, rng):
            yield counts[codes]


def _ends(samples: np.ndarray, confidence: float) -> np.ndarray:
    """Ends of the percentile intervals of each row of samples, (K, 2), without its NaN."""
    ends = np.full((len(samples), 2), np.nan)
    for i, values in enumerate(samples):
        defined = values[~np.isnan(values)]
        if len(defined):
            ends[i] = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return ends


def _only_first(ends: np.ndarray) -> np.ndarray:
    return np.vstack([ends, np.full((2, 2), np.nan)])


def _named(areas: np.ndarray, ends: np.ndarray) -> dict[str, float]:
    row: dict[str, float] = {}
    for name, value, (low, high) in zip(AREAS, areas, ends, strict=True):
        row |= {name: float(value[0]), f"{name}_low": float(low), f"{name}_high": float(high)}
    return row


def generalised_mean(values: np.ndarray, power: float = POWER) -> float:
    """Power mean of values in [0, 1]; the lower the power, the more the lowest values count. NaN are left out.

    Args:
        values: (K,); NaN where a value is undefined.
        power: Not 0.

    Returns:
        The mean; NaN where no value is defined, 0 where one is 0 and the power negative.

    Raises:
        InputError: The power is 0, or a value is negative.
    """
    if power == 0:
        raise InputError("generalised_mean: the power 0 has no such mean; take another, such as -5")
    values = np.asarray(values, dtype=np.float64)
    values = values[~np.isnan(values)]
    if (values < 0).any():
        raise InputError("generalised_mean: a value is negative; give areas or shares")
    if not len(values):
        return float("nan")
    if power < 0 and (values == 0).any():
        return 0.0
    return float(np.mean(values**power) ** (1 / power))


def bias_summary(table: pd.DataFrame, power: float = POWER) -> dict[str, float]:
    """`overall`, the generalised mean of each of `AREAS` over the subgroups, and under `<area>_undefined` how many
    subgroups it leaves out.

    Args:
        table: Of `bias_table`.
        power: Of the mean.
    """
    subgroups = table.drop(index="overall")
    found = {"overall": float(table.loc["overall", "subgroup"])}
    for area in AREAS:
        found[area] = generalised_mean(subgroups[area].to_numpy(), power)
        found[f"{area}_undefined"] = int(subgroups[area].isna().sum())
    return found


def false_positives(flagged: np.ndarray, by: pd.Series) -> pd.DataFrame:
    """Share of harmless texts that are flagged, by term or kind: columns `n`, `hits`, `rate`, `low`, `high`.

    Args:
        flagged: (N,) booleans of harmless texts.
        by: (N,) what each text belongs to.

    Raises:
        InputError: Shapes do not match.
    """
    if np.shape(flagged) != (len(by),):
        raise InputError(f"flagged has shape {np.shape(flagged)}; give one boolean a text, {len(by)} in all")
    return share_table(flagged, by, "rate")
