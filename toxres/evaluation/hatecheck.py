"""HateCheck: accuracy of a hateful-or-not decision by functionality and by the group that is talked about.

Roettger et al.: HateCheck: Functional Tests for Hate Speech Detection Models. ACL 2021. Evaluation only.
"""

import dataclasses
from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.evaluation.proportions import share_table, wilson_interval
from toxres.evaluation.resampling import draw_counts

PARTS: Final = ("total", "hateful", "non_hateful")
"""What accuracy is told of: all cases, the hateful and the others."""

ALWAYS: Final = "always hateful"
"""The system that calls every case hateful."""

PUBLISHED: Final[Mapping[str, Mapping[str, float]]] = {
    "Perspective": {"total": 0.766, "hateful": 0.895, "non_hateful": 0.482},
    "BERT-Davidson": {"total": 0.632, "hateful": 0.755, "non_hateful": 0.360},
    "BERT-Founta": {"total": 0.602, "hateful": 0.655, "non_hateful": 0.485},
    "SiftNinja": {"total": 0.332, "hateful": 0.090, "non_hateful": 0.866},
}
"""Accuracy of the systems that Roettger et al. (2021, section 4.1) tested."""

PUBLISHED_FUNCTIONALITIES: Final[Mapping[str, Mapping[str, float]]] = {
    "negate_neg_nh": {"BERT-Davidson": 0.128, "BERT-Founta": 0.120, "Perspective": 0.038},
    "counter_quote_nh": {"BERT-Davidson": 0.266, "BERT-Founta": 0.329, "Perspective": 0.156},
    "counter_ref_nh": {"BERT-Davidson": 0.291, "BERT-Founta": 0.298, "Perspective": 0.184},
    "slur_reclaimed_nh": {"BERT-Davidson": 0.395, "BERT-Founta": 0.333, "Perspective": 0.284},
    "ident_neutral_nh": {"BERT-Davidson": 0.206, "BERT-Founta": 0.587, "Perspective": 0.841},
    "ident_pos_nh": {"BERT-Davidson": 0.217, "BERT-Founta": 0.529, "Perspective": 0.540},
    "spell_leet_h": {"BERT-Davidson": 0.480, "BERT-Founta": 0.439, "Perspective": 0.682},
    "spell_space_add_h": {"BERT-Davidson": 0.439, "BERT-Founta": 0.376, "Perspective": 0.740},
}
"""Their accuracy on the functionalities that were hardest (Roettger et al. 2021, table 1)."""


@dataclasses.dataclass(frozen=True)
class HateCheckResult:
    """Accuracy on HateCheck.

    Attributes:
        overall: A row of `PARTS` each; columns `n`, `hits`, `accuracy`, `low`, `high` (resampled templates, 95%).
        functionality: A row a functionality, the same columns, `low` and `high` by Wilson.
        target: A row a protected group, index (target, part) with part out of `PARTS`.
        cells: Index (functionality, target), cases about a protected group only.
    """

    overall: pd.DataFrame
    functionality: pd.DataFrame
    target: pd.DataFrame
    cells: pd.DataFrame


def score_hatecheck(
    cases: pd.DataFrame, decided: np.ndarray, n_resamples: int = 2_000, seed: int = 0, confidence: float = 0.95
) -> HateCheckResult:
    """Accuracy of decisions on HateCheck's cases.

    Cases of one template differ in the group they name, so they stand or fall together. The intervals of the overall
    figures come from resampling templates. Wilson's intervals of the smaller tables take cases as independent, and are
    too narrow for that.

    Args:
        cases: Of `data.functional.load_hatecheck`.
        decided: (N,) booleans, True is hateful.
        n_resamples: Resamples of the templates.
        seed: Of the resampling.
        confidence: Of the overall intervals.

    Raises:
        InputError: There are not as many decisions as cases.
    """
    right = _right(cases, decided)
    hateful = cases["hateful"].to_numpy(dtype=bool)
    groups = pd.factorize(cases["template"])[0]
    overall = {}
    for part, rows in _parts(hateful).items():
        samples = _resampled_mean(right, rows, groups, n_resamples, seed)
        low, high = _ends(samples, confidence)
        n, hits = int(rows.sum()), int(right[rows].sum())
        overall[part] = {"n": n, "hits": hits, "accuracy": hits / n if n else np.nan, "low": low, "high": high}
    protected = (cases["target"] != "").to_numpy()
    target = {
        (name, part): _accuracy(right[rows & of]) for name in sorted(set(cases.loc[protected, "target"]))
        for of in [(cases["target"] == name).to_numpy()] for part, rows in _parts(hateful).items()
    }  # fmt: skip
    return HateCheckResult(
        pd.DataFrame.from_dict(overall, orient="index"),
        share_table(right, cases["functionality"], "accuracy"),
        pd.DataFrame.from_dict(target, orient="index").rename_axis(["target", "part"]),
        share_table(right[protected], cases.loc[protected, ["functionality", "target"]], "accuracy"),
    )


def compare_hatecheck(
    cases: pd.DataFrame,
    a: np.ndarray,
    b: np.ndarray,
    n_resamples: int = 2_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Accuracy of decisions a minus that of b, with paired intervals from resampling templates.

    Returns:
        A row of `PARTS` each: `score_a`, `score_b`, `difference`, `low`, `high`, `p_value` (two-sided).
    """
    right = [_right(cases, each) for each in (a, b)]
    gain = right[0].astype(float) - right[1]
    groups = pd.factorize(cases["template"])[0]
    rows = {}
    for part, of in _parts(cases["hateful"].to_numpy(dtype=bool)).items():
        samples = _resampled_mean(gain, of, groups, n_resamples, seed)
        low, high = _ends(samples, confidence)
        defined = samples[~np.isnan(samples)]
        tail = min((defined <= 0).sum(), (defined >= 0).sum())
        p_value = min(1.0, 2 * (tail + 1) / (len(defined) + 1)) if len(defined) else np.nan
        scores = [float(each[of].mean()) if of.any() else np.nan for each in right]
        row = {"score_a": scores[0], "score_b": scores[1], "difference": scores[0] - scores[1]}
        rows[part] = row | {"low": low, "high": high, "p_value": p_value}
    return pd.DataFrame.from_dict(rows, orient="index")


def always_hateful(cases: pd.DataFrame) -> dict[str, float]:
    """Accuracy, by part, of calling every case hateful: what a system has to be above."""
    return {"total": float(cases["hateful"].mean()), "hateful": 1.0, "non_hateful": 0.0}


def _right(cases: pd.DataFrame, decided: np.ndarray) -> np.ndarray:
    decided = np.asarray(decided, dtype=bool)
    if decided.shape != (len(cases),):
        raise InputError(f"decided has shape {decided.shape}; give one decision a case, {len(cases)} in all")
    return decided == cases["hateful"].to_numpy(dtype=bool)


def _parts(hateful: np.ndarray) -> dict[str, np.ndarray]:
    return {"total": np.ones(len(hateful), dtype=bool), "hateful": hateful, "non_hateful": ~hateful}


def _accuracy(right: np.ndarray) -> dict[str, float]:
    n, hits = len(right), int(right.sum())
    low, high = wilson_interval(hits, n)
    return {"n": n, "hits": hits, "accuracy": hits / n if n else np.nan, "low": float(low), "high": float(high)}


def _resampled_mean(
    values: np.ndarray, rows: np.ndarray, groups: np.ndarray, n_resamples: int, seed: int
) -> np.ndarray:
    """Mean of `values[rows]` in each resample of the groups, (R,); NaN where none is drawn."""
    size = groups.max() + 1
    sums = np.bincount(groups[rows], weights=values[rows].astype(float), minlength=size)
    counts = np.bincount(groups[rows], minlength=size)
    blocks = draw_counts(size, n_resamples, np.random.default_rng(seed))
    above, below = np.concatenate([np.stack([sums @ drawn, counts @ drawn]) for drawn in blocks], axis=1)
    return np.divide(above, below, out=np.full(len(above), np.nan), where=below > 0)


def _ends(samples: np.ndarray, confidence: float) -> tuple[float, float]:
    defined = samples[~np.isnan(samples)]
    if not len(defined):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
