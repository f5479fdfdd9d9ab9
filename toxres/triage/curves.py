"""What certainty buys: accuracy of the automated part at every coverage, and what decisions and moderators cost."""

import numpy as np
import pandas as pd

from toxres.errors import InputError
from toxres.triage.thresholds import ACCEPT_BELOW, REJECT_FROM, count


def coverage_curve(scores: np.ndarray, violates: np.ndarray) -> pd.DataFrame:
    """Accuracy of the automatic decisions at every coverage, the most certain comments first; all in hindsight.

    Comments are ordered by certainty, the larger of the score and 1 minus it, and decided by the nearer end. Equally
    certain comments are decided together.

    Args:
        scores: (N,) calibrated probabilities of a violation.
        violates: (N,) booleans.

    Returns:
        A row a distinct certainty, falling: `certainty`, `coverage`, `accuracy`, `wrong` (count).
    """
    scores, violates = np.asarray(scores, dtype=float), np.asarray(violates, dtype=bool)
    if not len(scores):
        raise InputError("coverage_curve: there are no rows; give some that have labels")
    certainty, wrong = np.maximum(scores, 1 - scores), (scores >= 0.5) != violates
    order = np.argsort(-certainty, kind="stable")
    last = np.flatnonzero(np.append(np.diff(certainty[order]) != 0, True))
    errors, decided = np.cumsum(wrong[order])[last], last + 1
    return pd.DataFrame(
        {
            "certainty": certainty[order][last],
            "coverage": decided / len(scores),
            "accuracy": 1 - errors / decided,
            "wrong": errors,
        }
    )


def coverage_at(curve: pd.DataFrame, accuracy: float) -> float:
    """The largest coverage of a `coverage_curve` with at least this accuracy; 0 where none has it."""
    fine = curve.loc[curve["accuracy"] >= accuracy, "coverage"]
    return float(fine.max()) if len(fine) else 0.0


def accuracy_at(curve: pd.DataFrame, coverage: float) -> float:
    """Accuracy of a `coverage_curve` at the first coverage of at least this much."""
    return float(curve.loc[curve["coverage"] >= coverage - 1e-12, "accuracy"].iloc[0])


def cost_curve(
    scores: np.ndarray,
    violates: np.ndarray,
    *,
    wrong_accept: float | np.ndarray = 10.0,
    wrong_reject: float = 10.0,
    review: float = 1.0,
) -> pd.DataFrame:
    """Mean cost of a comment along the certainties, from a person reviewing all to none reviewing any.

    Args:
        scores: (N,) calibrated probabilities of a violation.
        violates: (N,) booleans.
        wrong_accept: Cost of publishing a violation, in reviews; one number, or one a comment, such as its severity.
        wrong_reject: Cost of rejecting a harmless comment, in reviews.
        review: Cost of a person's look at one comment.

    Returns:
        A row a certainty, falling: `certainty`, `coverage`, `cost` (its sum), `reviews`, `wrong_accepts`,
        `wrong_rejects`, each a mean cost of one comment.
    """
    scores, violates = np.asarray(scores, dtype=float), np.asarray(violates, dtype=bool)
    path = count(scores, violates, ACCEPT_BELOW, REJECT_FROM)
    order = np.argsort(scores[violates])
    prices = np.broadcast_to(np.asarray(wrong_accept, dtype=float), scores.shape)[violates][order]
    missed = np.concatenate([[0.0], np.cumsum(prices)])[path.wrong_accepts]
    n = len(scores)
    frame = pd.DataFrame({"certainty": REJECT_FROM, "coverage": (path.accepted + path.rejected) / n})
    frame["reviews"] = review * (1 - frame["coverage"])
    frame["wrong_accepts"], frame["wrong_rejects"] = missed / n, wrong_reject * path.wrong_rejects / n
    return frame.assign(cost=frame[["reviews", "wrong_accepts", "wrong_rejects"]].sum(axis=1))
