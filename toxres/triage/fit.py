"""From calibration rows and a policy to a triage that keeps the policy's promise, or says why nobody can."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.arrays import POSITIVE_AT, as_targets
from toxres.labels import LABELS
from toxres.triage.policy import Policy
from toxres.triage.thresholds import choose_thresholds
from toxres.triage.verdicts import GroupThresholds, Triage, check_probs, group_names, violation_scores


def fit_triage(
    probs: np.ndarray,
    targets: np.ndarray,
    groups: Sequence[str] | str,
    policy: Policy,
    *,
    labels: Sequence[str] = LABELS,
    calibrated_on: Mapping[str, object] | None = None,
) -> Triage:
    """Thresholds for each group of a policy; see `toxres.triage.thresholds` for what they promise, and on what.

    Args:
        probs: (N, L) calibrated probabilities of the calibration rows: rows that neither the model nor its
            recalibration has seen.
        targets: (N, L) in [0, 1], NaN unknown; soft targets count from 0.5 on.
        groups: The group of each row, or one for all. Rows of groups that the policy does not name are not used.
        policy: The site's.
        labels: Names of the columns.
        calibrated_on: What the rows are (source, checkpoint, ...), for the record.

    Raises:
        InputError: Arrays that do not match, a label of the policy without a column, a group of the policy without
            rows, or an enforced label that is unknown in all rows of a group.
    """
    labels = tuple(labels)
    for label in (*policy.enforced, *policy.always_review):
        if label not in labels:
            raise InputError(
                f"policy {policy.name}: label {label!r} is none of the model's ({', '.join(labels)}); leave it out, or "
                "take another model"
            )
    probs, targets = check_probs(probs, labels), as_targets(targets, labels)
    if targets.shape != probs.shape:
        raise InputError(f"targets have shape {targets.shape}, but probs have {probs.shape}; pass the same rows")
    if not len(probs):
        raise InputError("there are no calibration rows; give some that have labels")
    names = group_names(groups, len(probs))
    wanted = policy.groups or tuple(sorted(set(names)))
    for group in wanted:
        if group not in names:
            raise InputError(
                f"policy {policy.name}: no calibration row is of its group {group!r}, only of "
                f"{', '.join(sorted(set(names)))}; calibrate on a source of that group, or change the policy's groups"
            )
    found = {}
    for group in wanted:
        rows = names == group
        found[group] = _fit_group(group, probs[rows], targets[rows], policy, labels)
    digest = hashlib.sha256()
    for part in (probs, targets):
        digest.update(np.ascontiguousarray(part, dtype=np.float64).tobytes())
    digest.update("\n".join(names).encode())
    record = {"rows": len(probs), "rows_sha256": digest.hexdigest(), **(calibrated_on or {})}
    return Triage(policy, found, labels, record)


def truth(targets: np.ndarray, labels: Sequence[str], policy: Policy) -> tuple[np.ndarray, np.ndarray]:
    """Which rows violate a policy, and of which rows that is known: two boolean arrays (N,).

    A row violates it where any enforced label is given by at least half of the raters, and does not where all enforced
    labels are known and none is. So a moderator's decision is enough: an accept denies all enforced labels, a reject
    names some and leaves the others unknown.

    Args:
        targets: (N, L) in [0, 1], NaN unknown.
        labels: Names of the columns.
        policy: The site's.
    """
    enforced = np.asarray(targets, dtype=np.float64)[:, [list(labels).index(label) for label in policy.enforced]]
    violates = (np.nan_to_num(enforced, nan=0.0) >= POSITIVE_AT).any(axis=1)
    return violates, violates | ~np.isnan(enforced).any(axis=1)


def _fit_group(
    group: str, probs: np.ndarray, targets: np.ndarray, policy: Policy, labels: tuple[str, ...]
) -> GroupThresholds:
    violates, known = truth(targets, labels, policy)
    if not known.any() or violates[known].all():
        never = [label for label in policy.enforced if np.isnan(targets[:, labels.index(label)]).all()]
        if never:
            raise InputError(
                f"group {group!r}: the label {never[0]!r} is unknown in all {len(targets):,} calibration rows, so no "
                "comment is known to be harmless; take a source that knows it, or leave it out of the policy"
            )
        if not known.any():
            raise InputError(f"group {group!r}: no calibration row has all of {', '.join(policy.enforced)}; label some")
    scores = violation_scores(probs, labels, policy)
    unseen = Triage(policy, {}, labels).always_reviewed(probs)
    used = known & ~unseen
    chosen = choose_thresholds(scores[used], violates[used], policy, int(known.sum()))
    return GroupThresholds(group, *chosen, rows=int(known.sum()), left_out=int((~known).sum()))
