"""Where a promise ends: thresholds of one group of sites on another, and what a few hundred local labels repair."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import logit

from toxres.errors import InputError
from toxres.evaluation.calibration import fit_calibration
from toxres.triage.bounds import clopper_pearson
from toxres.triage.policy import Policy
from toxres.triage.thresholds import choose_thresholds, count

CLIP: Final = 1e-7
"""Probabilities are kept this far from 0 and 1 where their logits are taken."""


class Scored(NamedTuple):
    """Comments of one group of sites.

    Attributes:
        scores: (N,) calibrated probabilities of a violation.
        violates: (N,) booleans.
    """

    scores: np.ndarray
    violates: np.ndarray


def outcome(rows: Scored, accept: float | None, reject: float | None, tolerated: float) -> dict[str, float]:
    """Coverage and error of two thresholds on comments: `coverage`, `error` with exact interval, `above`."""
    ends = ([-np.inf if accept is None else accept], [np.inf if reject is None else reject])
    path = count(rows.scores, rows.violates, *ends)
    decided, wrong = int(path.accepted[0] + path.rejected[0]), int(path.wrong_accepts[0] + path.wrong_rejects[0])
    low, high = clopper_pearson(wrong, decided)
    return {
        "coverage": decided / len(rows.scores),
        "error": wrong / decided if decided else np.nan,
        "low": float(low),
        "high": float(high),
        "above": bool(wrong > tolerated * decided),
    }


def cross_table(calibration: Mapping[str, Scored], test: Mapping[str, Scored], policy: Policy) -> pd.DataFrame:
    """Thresholds of each group on every group.

    Args:
        calibration: Group to the rows its thresholds are chosen on.
        test: Group to the rows they are tried on, which are others.
        policy: Pooled: it tolerates a share of all automatic decisions.

    Returns:
        A row a pair: `calibrated_on`, `applied_to`, `promised` (whether the first group has thresholds), `coverage`,
        `error`, `low`, `high`, `above` (the error is above what is tolerated).
    """
    _need_pooled(policy)
    rows = []
    for source, known in calibration.items():
        chosen = choose_thresholds(known.scores, known.violates, policy)
        for target, tried in test.items():
            found = outcome(tried, chosen.accept, chosen.reject, policy.wrong_decisions)
            rows.append({"calibrated_on": source, "applied_to": target, "promised": chosen.accept is not None, **found})
    return pd.DataFrame(rows)


def repair(
    old: Scored,
    local: Scored,
    test: Scored,
    policy: Policy,
    *,
    n_labels: Sequence[int] = (100, 200, 300, 500, 1_000),
    n_draws: int = 100,
    recalibration_share: float = 1 / 3,
    seed: int = 0,
) -> pd.DataFrame:
    """What local labels are worth to a group that thresholds of another one do not fit.

    Three ways, for each number of labels drawn at random from `local`: *old*, the thresholds of the old group, which
    cost no label; *local*, thresholds chosen anew on the local labels; *recalibrated*, where a part of the labels first
    recalibrates the scores (Platt) and the rest chooses the thresholds.

    Args:
        old: Calibration rows of the group that the thresholds come from.
        local: Rows of the new group that may be labelled.
        test: Rows of the new group that all ways are tried on.
        policy: Pooled.
        n_labels: Numbers of labels, each at most the local rows.
        n_draws: Draws of the labels.
        recalibration_share: Of the labels, for the recalibration.
        seed: Of the draws.

    Returns:
        A row a number and way: `labels`, `way`, `coverage` and `error` (means; error of the draws that decide
        anything), `promised_share` (draws where a promise could be made), `above_share` (draws whose error on the test
        rows is above the tolerated).

    Raises:
        InputError: A number of labels is larger than the local rows.
    """
    _need_pooled(policy)
    if max(n_labels) > len(local.scores):
        raise InputError(f"n_labels {max(n_labels)}: there are only {len(local.scores)} local rows; take fewer")
    random = np.random.default_rng(seed)
    chosen = choose_thresholds(old.scores, old.violates, policy)
    stale = outcome(test, chosen.accept, chosen.reject, policy.wrong_decisions)
    rows = [{"labels": 0, "way": "old", "promised_share": float(chosen.accept is not None), **_mean([stale])}]
    for n in n_labels:
        found = {"local": [], "recalibrated": []}
        for _ in range(n_draws):
            drawn = random.choice(len(local.scores), n, replace=False)
            part = Scored(local.scores[drawn], local.violates[drawn])
            found["local"].append(_tried(part, test, policy))
            cut = round(recalibration_share * n)
            first, second = Scored(*(each[:cut] for each in part)), Scored(*(each[cut:] for each in part))
            found["recalibrated"].append(_tried(*_recalibrated(first, second, test), policy))
        for way, outcomes in found.items():
            promised = float(np.mean([each["coverage"] > 0 for each in outcomes]))
            rows.append({"labels": n, "way": way, "promised_share": promised, **_mean(outcomes)})
    return pd.DataFrame(rows)


def _tried(part: Scored, test: Scored, policy: Policy) -> dict[str, float]:
    chosen = choose_thresholds(part.scores, part.violates, policy, explain=False)
    return outcome(test, chosen.accept, chosen.reject, policy.wrong_decisions)


def _recalibrated(first: Scored, *others: Scored) -> list[Scored]:
    """Other rows with scores that a Platt scaling of the first rows has mended."""
    scaling = fit_calibration(first.violates[:, None].astype(float), _logits(first.scores), labels=["violates"])
    return [each._replace(scores=scaling.apply(_logits(each.scores))[:, 0]) for each in others]


def _logits(scores: np.ndarray) -> np.ndarray:
    return logit(np.clip(scores, CLIP, 1 - CLIP))[:, None]


def _mean(outcomes: Sequence[Mapping[str, float]]) -> dict[str, float]:
    errors = [each["error"] for each in outcomes if each["coverage"] > 0]
    return {
        "coverage": float(np.mean([each["coverage"] for each in outcomes])),
        "error": float(np.mean(errors)) if errors else np.nan,
        "above_share": float(np.mean([each["above"] for each in outcomes])),
    }


def _need_pooled(policy: Policy) -> None:
    if not policy.pooled:
        raise InputError(f"policy {policy.name}: give one that tolerates a share of all automatic decisions")
