"""Does a promise hold? The same scores split again and again: what was promised, tuned, or taken at face value.

Two designs. *Resplits* cut the rows into calibration and evaluation rows without replacement, as a site would. The
error rate on the evaluation rows is then itself an estimate, and the two halves pull apart: where the calibration rows
happen to hold few of the errors, the evaluation rows hold more. So the observed rate exceeds a tolerated one more often
than the true rate does. *Draws* take the rows at hand as the whole population: calibration rows are drawn from it with
replacement, and the true error rate of any thresholds is known, as it is their error rate on all rows. The confidence
of a promise is about the true rate, so it is the draws that can confirm or refute it.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.triage.bounds import clopper_pearson, risk_p_values, walk
from toxres.triage.thresholds import (
    ACCEPT_BELOW,
    REJECT_FROM,
    Path,
    budgets,
    certainty_thresholds,
    count,
)

METHODS: Final = ("promised", "tuned", "certainty")
"""Learn-then-Test, plain empirical tuning, and the certainty threshold at face value."""


def resplit(
    scores: np.ndarray,
    violates: np.ndarray,
    *,
    tolerated: float = 0.01,
    confidence: float = 0.95,
    n_splits: int = 500,
    calibration_share: float = 0.5,
    seed: int = 0,
) -> pd.DataFrame:
    """Thresholds of one part of the rows on the rest, for every method on the same splits.

    Args:
        scores: (N,) calibrated probabilities of a violation, out of fold.
        violates: (N,) booleans.
        tolerated: Share of all automatic decisions that may be wrong.
        confidence: Of the promise.
        n_splits: Random splits.
        calibration_share: Of the rows, in (0, 1).
        seed: Of the splits.

    Returns:
        A row a split and method: `split`, `method`, `decided` and `wrong` (evaluation rows), `rows`, `coverage`,
        `accuracy` (NaN where nothing is decided) and `broken` (more of the decided are wrong than tolerated).

    Raises:
        InputError: A share that leaves no rows to one side.
    """
    n = len(scores)
    size = round(calibration_share * n)
    if not 0 < size < n:
        raise InputError(f"calibration_share {calibration_share}: leaves one side of {n} rows empty; take 0.5")
    random = np.random.default_rng(seed)

    def parts():
        for _ in range(n_splits):
            order = random.permutation(n)
            yield order[:size], order[size:]

    return _run(scores, violates, tolerated, confidence, parts())


def draw(
    scores: np.ndarray,
    violates: np.ndarray,
    *,
    tolerated: float = 0.01,
    confidence: float = 0.95,
    n_draws: int = 500,
    rows: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Calibration rows drawn with replacement, and the true error rate of their thresholds: that on all rows.

    Args:
        scores: As in `resplit`.
        violates: As in `resplit`.
        tolerated: As in `resplit`.
        confidence: As in `resplit`.
        n_draws: Draws.
        rows: Calibration rows of each; half of all unless given.
        seed: Of the draws.

    Returns:
        As `resplit`, counted on all rows: `broken` says whether the true rate is above the tolerated one.
    """
    n = len(scores)
    random = np.random.default_rng(seed)
    everything = np.arange(n)
    parts = ((random.integers(0, n, n // 2 if rows is None else rows), everything) for _ in range(n_draws))
    return _run(scores, violates, tolerated, confidence, parts)


def _run(scores, violates, tolerated, confidence, parts) -> pd.DataFrame:
    scores, violates = np.asarray(scores, dtype=float), np.asarray(violates, dtype=bool)
    laid_out = budgets(tolerated, 1 - confidence, len(ACCEPT_BELOW))
    face = np.array(certainty_thresholds(tolerated))
    found = []
    for split, (calibration, evaluation) in enumerate(parts):
        path = count(scores[calibration], violates[calibration], ACCEPT_BELOW, REJECT_FROM)
        decided, wrong = path.accepted + path.rejected, path.wrong_accepts + path.wrong_rejects
        passed = np.flatnonzero(walk(risk_p_values(wrong, decided, tolerated), laid_out))
        tuned = np.flatnonzero((decided > 0) & (wrong <= tolerated * decided))
        pairs = [(ACCEPT_BELOW[at[-1]], REJECT_FROM[at[-1]]) if len(at) else (0.0, np.inf) for at in (passed, tuned)]
        accept, reject = np.array([*pairs, face]).T
        shown: Path = count(scores[evaluation], violates[evaluation], accept, reject)
        counts = zip(METHODS, shown.accepted + shown.rejected, shown.wrong_accepts + shown.wrong_rejects, strict=True)
        found += [(split, method, int(n), int(k), len(evaluation)) for method, n, k in counts]
    frame = pd.DataFrame(found, columns=["split", "method", "decided", "wrong", "rows"])
    frame["coverage"] = frame["decided"] / frame["rows"]
    frame["accuracy"] = 1 - frame["wrong"] / frame["decided"].where(frame["decided"] > 0)
    frame["broken"] = frame["wrong"] > tolerated * frame["decided"]
    return frame


def resplit_summary(frame: pd.DataFrame, methods: Sequence[str] = METHODS) -> pd.DataFrame:
    """What the splits come to, a row a method.

    Returns:
        `coverage` and `accuracy` (means; splits where nothing is decided count as coverage 0 and have no accuracy),
        `coverage_low` and `coverage_high` (middle 95% of the splits), `broken_share` with the exact interval of so many
        independent splits (`broken_low`, `broken_high`) and `silent_share`, of splits where nothing is decided.
    """
    rows = {}
    for method in methods:
        part = frame[frame["method"] == method]
        broken = int(part["broken"].sum())
        low, high = clopper_pearson(broken, len(part))
        rows[method] = {
            "coverage": part["coverage"].mean(),
            "coverage_low": part["coverage"].quantile(0.025),
            "coverage_high": part["coverage"].quantile(0.975),
            "accuracy": part["accuracy"].mean(),
            "broken_share": broken / len(part),
            "broken_low": float(low),
            "broken_high": float(high),
            "silent_share": float((part["decided"] == 0).mean()),
        }
    return pd.DataFrame.from_dict(rows, orient="index")
