"""Two thresholds between accept, a person and reject: promised by Learn-then-Test, tuned, or taken at face value.

What is promised, and on what. The calibration rows of a group and the comments that the thresholds will decide are
drawn alike (exchangeable): the same sites, the same months, labels by the same people. Then, with probability of at
least `confidence` over the draw of the calibration rows, the true share of wrong decisions is at most what the policy
tolerates; where a policy tolerates shares of both the accepted and the rejected, both hold together. Nothing is
promised of another group, of a changed register, or of a part of the comments, such as those about one group of people.

How. The candidates are a fixed grid of certainties, from the most certain outwards: at certainty c, comments whose
score is below 1 - c are accepted and those from c on rejected. Their order knows nothing of the calibration rows.
Each is tested with an exact binomial tail, and the walk through them spends the error budget (`bounds.walk`). It sets
out at c = 1 - tolerated, where even the least certain automatic decision of a calibrated model is wrong as rarely as
tolerated; two further starts with a little of the budget guard against scores that say too much or too little. Scores
that are not calibrated cost coverage, never the promise. Promises about both sides walk each by itself, with half of
the budget.

MAPIE 1.6 (`BinaryClassificationController`) has the same exact tail for binary losses and fixed-sequence tests, and a
predictor that abstains is possible there. It does not fit where accepts and rejects are promised apart, as it asks of
one parameter to keep all risks at once, and it has neither starts with budgets of their own nor the number of rows
that would do. The tests hold our tails and walks against its.
"""

import dataclasses
import math
from typing import Final, NamedTuple

import numpy as np
from scipy.special import expit, logit

from toxres.triage.bounds import clopper_pearson, decisions_needed, risk_p_values, walk
from toxres.triage.policy import Policy
from toxres.triage.promise import Promise, verb

_LOGITS: Final = np.linspace(12, 0, 601)
ACCEPT_BELOW: Final = expit(-_LOGITS)
"""Candidates for the accept threshold, from the most certain outwards."""
REJECT_FROM: Final = expit(_LOGITS)
"""Candidates for the reject threshold, each as certain as the one of `ACCEPT_BELOW` beside it."""

_LOOKED_AT: Final = 40
"""Candidates at which the rows needed are worked out."""

STARTS: Final = {0.25: 0.05, 1.0: 0.9, 3.0: 0.05}
"""Where a walk sets out: at certainty `1 - factor * tolerated`, with this share of the error budget."""


class Chosen(NamedTuple):
    """Thresholds of one group: accept below `accept`, reject from `reject` on, else a person.

    Attributes:
        accept: Probability, or None: nothing is accepted automatically.
        reject: Probability, or None: nothing is rejected automatically.
        promises: One a tolerated share of the policy.
    """

    accept: float | None
    reject: float | None
    promises: tuple[Promise, ...]


class Path(NamedTuple):
    """Decisions and errors at each candidate, (K,) counts, from the most certain outwards."""

    accepted: np.ndarray
    wrong_accepts: np.ndarray
    rejected: np.ndarray
    wrong_rejects: np.ndarray


def count(scores: np.ndarray, violates: np.ndarray, accept: object, reject: object) -> Path:
    """Decisions and errors at pairs of thresholds.

    Args:
        scores: (N,) probabilities of a violation.
        violates: (N,) booleans.
        accept: (K,) accept thresholds; a score below it is accepted.
        reject: (K,) reject thresholds; a score from it on is rejected.
    """
    bad, good = np.sort(scores[violates]), np.sort(scores[~violates])
    wrong_accepts, right_accepts = (np.searchsorted(part, accept, side="left") for part in (bad, good))
    right_rejects, wrong_rejects = (len(part) - np.searchsorted(part, reject, side="left") for part in (bad, good))
    return Path(wrong_accepts + right_accepts, wrong_accepts, right_rejects + wrong_rejects, wrong_rejects)


def choose_thresholds(
    scores: np.ndarray, violates: np.ndarray, policy: Policy, rows: int | None = None, *, explain: bool = True
) -> Chosen:
    """Thresholds that keep a policy's promise on the rows to come, by Learn-then-Test; none where none can.

    Args:
        scores: (N,) calibrated probabilities of a violation, of the calibration rows that may be decided automatically.
            Whatever they were calibrated on, it was other rows.
        violates: (N,) booleans, what is true of them.
        policy: The site's.
        rows: Calibration rows in all, those that a person always reviews too; N unless given. For `rows_needed` alone.
        explain: Work out `rows_needed` and `why` where there is no promise, which takes longer than the tests.
    """
    rows = len(scores) if rows is None else rows
    error = 1 - policy.confidence
    if policy.thresholds is not None:
        accept, reject = (np.array([value]) for value in policy.thresholds)
    else:
        accept, reject = ACCEPT_BELOW, REJECT_FROM
    path = count(scores, violates, accept, reject)
    if policy.pooled:
        decided, wrong = path.accepted + path.rejected, path.wrong_accepts + path.wrong_rejects
        at, promise = _test("automatic", decided, wrong, policy.wrong_decisions, error, rows if explain else None)
        return Chosen(*((None, None) if at is None else (float(accept[at]), float(reject[at]))), (promise,))
    sides = [
        (of, decided, wrong, tolerated, candidates)
        for of, decided, wrong, tolerated, candidates in (
            ("accepted", path.accepted, path.wrong_accepts, policy.wrong_accepts, accept),
            ("rejected", path.rejected, path.wrong_rejects, policy.wrong_rejects, reject),
        )
        if tolerated is not None
    ]
    found, promises = {"accepted": None, "rejected": None}, []
    for of, decided, wrong, tolerated, candidates in sides:
        at, promise = _test(of, decided, wrong, tolerated, error / len(sides), rows if explain else None)
        promises.append(promise)
        if at is not None:
            found[of] = float(candidates[at])
    return Chosen(found["accepted"], found["rejected"], tuple(promises))


def _test(
    of: str, decided: np.ndarray, wrong: np.ndarray, tolerated: float, error: float, rows: int | None
) -> tuple[int | None, Promise]:
    """The candidate farthest out that is promised, or None, and what is promised."""
    p_values = risk_p_values(wrong, decided, tolerated)
    passed = np.flatnonzero(walk(p_values, budgets(tolerated, error, len(p_values))))
    at = int(passed[-1]) if len(passed) else int(np.argmin(p_values))
    n, k = int(decided[at]), int(wrong[at])
    upper = float(clopper_pearson(k, n, 1 - 2 * error)[1]) if n else 1.0
    promise = Promise(of, tolerated, error, bool(len(passed)), n, k, float(p_values[at]), upper)
    if len(passed) or rows is None:
        return (at if len(passed) else None), promise
    needed, why = _needed(of, decided, wrong, tolerated, error, rows)
    return None, dataclasses.replace(promise, rows_needed=needed, why=why)


def budgets(tolerated: float, error: float, n_candidates: int) -> np.ndarray:
    """How the error budget is laid out over the candidates, (K,): `STARTS`, or all of it where there is one."""
    found = np.zeros(n_candidates)
    if n_candidates == 1:
        found[0] = error
        return found
    for factor, share in STARTS.items():
        certainty = max(1 - factor * tolerated, 0.5)
        found[min(int(np.searchsorted(-_LOGITS, -logit(certainty))), n_candidates - 1)] += share * error
    return found


def _needed(
    of: str, decided: np.ndarray, wrong: np.ndarray, tolerated: float, error: float, rows: int
) -> tuple[int | None, str]:
    """Calibration rows that would do if the error rates found are true, and the reason in words."""
    shown = f"at most {tolerated:.3g} wrong with confidence {1 - error:.3g}"
    least = decisions_needed(0.0, tolerated, error)
    if not decided.any():
        return None, f"none of {rows:,} calibration rows is certain enough to be {verb(of)}"
    found = []
    some = np.unique(np.column_stack([decided, wrong])[decided > 0], axis=0, return_index=True)[1]
    candidates = np.flatnonzero(decided > 0)[some]
    for at in candidates[np.linspace(0, len(candidates) - 1, min(len(candidates), _LOOKED_AT)).astype(int)]:
        needed = decisions_needed(wrong[at] / decided[at], tolerated, error)
        if needed is not None:
            found.append((math.ceil(needed * rows / decided[at]), at))
    if not found:
        return None, (
            f"every threshold is wrong more often on {rows:,} calibration rows; more of them will not help, but a "
            "better model or a higher tolerance"
        )
    most, at = min(found)
    return max(most, rows + 1), (
        f"to show {shown}, {least:,} decisions without an error are the least, and {rows:,} calibration rows have "
        f"{int(decided[at]):,} with {int(wrong[at]):,} wrong; about {max(most, rows + 1):,} such rows would do"
    )


def tuned_thresholds(scores: np.ndarray, violates: np.ndarray, tolerated: float) -> tuple[float, float] | None:
    """Plain empirical tuning: the thresholds farthest out at which the rows are wrong as often as tolerated.

    It promises nothing: the true error rate is above the tolerated one about every second time.

    Args:
        scores: (N,) probabilities of a violation.
        violates: (N,) booleans.
        tolerated: Share of all automatic decisions.
    """
    path = count(scores, violates, ACCEPT_BELOW, REJECT_FROM)
    decided, wrong = path.accepted + path.rejected, path.wrong_accepts + path.wrong_rejects
    fine = np.flatnonzero((decided > 0) & (wrong <= tolerated * decided))
    return (float(ACCEPT_BELOW[fine[-1]]), float(REJECT_FROM[fine[-1]])) if len(fine) else None


def certainty_thresholds(tolerated: float) -> tuple[float, float]:
    """The simple certainty threshold: decide whatever the model is surer of than `1 - tolerated`, at face value."""
    return tolerated, 1 - tolerated
