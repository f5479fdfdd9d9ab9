"""Whether a probability means what it says: calibration error, reliability curves, and scaling that mends them.

Soft targets (rater fractions) are used as they are throughout. Unknown targets never enter.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from toxres.errors import InputError
from toxres.evaluation.arrays import as_logits, as_probs, as_targets, known, label_names, sigmoid, softmax, to_probs

Method = Literal["platt", "temperature", "softmax"]

MIN_SLOPE = 0.01
"""Slopes stay above this, so that calibration never changes the order of two comments."""


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Label by label, `probs = sigmoid(slope * logits + intercept)`; of exclusive classes the softmax of these.

    Attributes:
        method: "platt" (slope and intercept), "temperature" (slope only, which is 1 / T), or for exclusive classes
            "softmax" (one slope for all of them).
        slope: (L,), above 0: the order of comments never changes.
        intercept: (L,), 0 for "temperature" and "softmax".
        labels: Names of the columns.
    """

    method: str
    slope: np.ndarray
    intercept: np.ndarray
    labels: tuple[str, ...]

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated probabilities (N, L) of `logits` (N, L)."""
        return to_probs(self.logits(logits), self.exclusive)

    @property
    def exclusive(self) -> bool:
        """Whether the labels are exclusive classes."""
        return self.method == "softmax"

    def logits(self, logits: np.ndarray) -> np.ndarray:
        """Calibrated logits (N, L) of `logits` (N, L)."""
        logits = np.asarray(logits, dtype=np.float64)
        if logits.shape[-1:] != self.slope.shape:
            raise InputError(f"logits have shape {logits.shape}, but the calibration has {len(self.slope)} labels")
        return logits * self.slope + self.intercept

    def to_dict(self) -> dict:
        """Plain lists and strings, ready for JSON."""
        return {
            "method": self.method,
            "labels": list(self.labels),
            "slope": [float(value) for value in self.slope],
            "intercept": [float(value) for value in self.intercept],
        }

    @classmethod
    def from_dict(cls, value: dict) -> "Calibration":
        """The calibration that `to_dict` wrote.

        Raises:
            InputError: A field is missing, has a wrong length, or a slope is not above 0.
        """
        try:
            labels = tuple(value["labels"])
            slope, intercept = (np.asarray(value[key], dtype=np.float64) for key in ("slope", "intercept"))
            method = str(value["method"])
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"calibration: field {error} is missing or not a number; train again") from None
        if slope.shape != (len(labels),) or intercept.shape != slope.shape:
            raise InputError(f"calibration: slope and intercept need {len(labels)} numbers each, one a label")
        if not ((slope > 0).all() and np.isfinite(slope).all() and np.isfinite(intercept).all()):
            raise InputError("calibration: slopes must be above 0 and all numbers finite; train again")
        return cls(method, slope, intercept, labels)

    @classmethod
    def identity(cls, labels: Sequence[str], exclusive: bool = False) -> "Calibration":
        """The calibration that changes nothing."""
        return cls("softmax" if exclusive else "platt", np.ones(len(labels)), np.zeros(len(labels)), tuple(labels))


def fit_calibration(
    targets: np.ndarray,
    logits: np.ndarray,
    method: Method = "platt",
    *,
    labels: Sequence[str] | None = None,
    penalty: float = 1.0,
) -> Calibration:
    """Fit the scaling that minimises log loss on the known rows, label by label, or of exclusive classes together.

    "temperature" and "softmax" are Guo et al. 2017 ("On calibration of modern neural networks"), for independent labels
    and for exclusive classes; "platt" is Platt 1999 with his smoothed targets. They add
    `penalty / 2 * ((slope - 1)^2 + intercept^2 / 10)` to the summed loss: a few positives, or perfectly separated ones,
    then move the scaling little, and on thousands of rows the penalty does not matter. With `penalty=0` they are
    scikit-learn's. A label with less than one positive's or one negative's worth of targets keeps the identity, as do
    exclusive classes of which fewer than two occur.

    Args:
        targets: (N, L) in [0, 1], NaN unknown: validation rows, never the rows that are scored.
        logits: (N, L), not probabilities.
        method: "platt", "temperature" or "softmax".
        labels: Names of the columns; Jigsaw's six by default.
        penalty: Strength of the pull towards the identity.

    Raises:
        InputError: Shapes that do not match, logits that are not finite, or an unknown method.
    """
    if method not in get_args(Method):
        raise InputError(f"unknown calibration method {method!r}; choose one of: {', '.join(get_args(Method))}")
    targets = as_targets(targets, labels)
    names = label_names(labels, targets.shape[1])
    logits = as_logits(logits, targets.shape, names)
    slope, intercept = np.ones(len(names)), np.zeros(len(names))
    if method == "softmax":
        rows = known(targets).all(axis=1)
        if (targets[rows].sum(axis=0) >= 1).sum() >= 2:
            slope[:] = _fit_softmax(targets[rows], logits[rows], penalty)
        return Calibration(method, slope, intercept, names)
    for i, rows in enumerate(known(targets).T):
        soft = targets[rows, i]
        if soft.sum() >= 1 and (1 - soft).sum() >= 1:
            slope[i], intercept[i] = _fit(soft, logits[rows, i], method, penalty)
    return Calibration(method, slope, intercept, names)


def _fit(soft: np.ndarray, logits: np.ndarray, method: Method, penalty: float) -> tuple[float, float]:
    from scipy.optimize import minimize

    shift = 1.0 if method == "platt" else 0.0
    if method == "platt":
        n_positives, n_negatives = soft.sum(), (1 - soft).sum()
        soft = soft * (n_positives + 1) / (n_positives + 2) + (1 - soft) / (n_negatives + 2)
    identity, strength = np.array([1.0, 0.0]), penalty * np.array([1.0, 0.1])

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        scaled = parameters[0] * logits + shift * parameters[1]
        away = parameters - identity
        error = sigmoid(scaled) - soft
        value = np.sum(np.logaddexp(0.0, scaled) - soft * scaled) + 0.5 * np.sum(strength * away**2)
        return value / len(soft), (np.array([error @ logits, shift * error.sum()]) + strength * away) / len(soft)

    bounds = [(MIN_SLOPE, None), (None, None)]
    found = minimize(loss, identity, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14, "gtol": 1e-9})
    return float(found.x[0]), float(found.x[1])


def _fit_softmax(soft: np.ndarray, logits: np.ndarray, penalty: float) -> float:
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        slope, away = parameters[0], parameters - 1
        scaled = slope * logits
        probs = softmax(scaled)
        value = np.sum(logsumexp(scaled, axis=1)) - np.sum(soft * scaled) + 0.5 * penalty * np.sum(away**2)
        return value / len(soft), (np.sum((probs - soft) * logits) + penalty * away) / len(soft)

    options = {"ftol": 1e-14, "gtol": 1e-9}
    found = minimize(loss, np.ones(1), jac=True, method="L-BFGS-B", bounds=[(MIN_SLOPE, None)], options=options)
    return float(found.x[0])


class ReliabilityCurve(NamedTuple):
    """What was promised and what came true, bin by bin (K bins that hold rows).

    Attributes:
        mean_prob: (K,) mean probability.
        mean_target: (K,) mean target.
        count: (K,) known rows.
    """

    mean_prob: np.ndarray
    mean_target: np.ndarray
    count: np.ndarray


def reliability_curve(
    targets: np.ndarray,
    probs: np.ndarray,
    n_bins: int = 15,
    strategy: Literal["width", "mass"] = "width",
) -> ReliabilityCurve:
    """Reliability of one label: `targets` and `probs` (N,); bins of equal width, or of equal mass (quantiles)."""
    targets, probs = np.asarray(targets, dtype=np.float64), np.asarray(probs, dtype=np.float64)
    rows = known(targets)
    targets, probs = targets[rows], probs[rows]
    bins = assign_bins(probs, n_bins, strategy)
    count = np.bincount(bins, minlength=n_bins)
    held = count > 0
    sums = (np.bincount(bins, weights=values, minlength=n_bins)[held] for values in (probs, targets))
    return ReliabilityCurve(*(total / count[held] for total in sums), count[held])


def assign_bins(probs: np.ndarray, n_bins: int, strategy: Literal["width", "mass"] = "width") -> np.ndarray:
    """Bin index 0..n_bins-1 of each probability (N,); bins are closed on the right, equal values share a bin."""
    if n_bins < 1:
        raise InputError(f"n_bins must be at least 1, not {n_bins}")
    if strategy == "width":
        edges = np.linspace(0, 1, n_bins + 1)
    elif strategy == "mass":
        edges = np.quantile(probs, np.linspace(0, 1, n_bins + 1)) if len(probs) else np.linspace(0, 1, n_bins + 1)
    else:
        raise InputError(f"unknown bin strategy {strategy!r}; choose one of: width, mass")
    return np.searchsorted(edges[1:-1], probs)


def expected_calibration_error(
    targets: np.ndarray,
    probs: np.ndarray,
    n_bins: int = 15,
    *,
    strategy: Literal["width", "mass"] = "width",
    labels: Sequence[str] | None = None,
) -> np.ndarray:
    """Expected calibration error (L,): mean over rows of their bin's |mean probability - mean target|.

    After Guo et al. 2017, for the positive class. Nearly all rows of a rare label share the lowest bin of equal width;
    bins of equal mass (`strategy="mass"`) look closer there. NaN for a label without known rows.

    Args:
        targets: (N, L) in [0, 1], NaN unknown; soft targets as they are.
        probs: (N, L) probabilities.
        n_bins: Number of bins.
        strategy: Bins of equal "width", or of equal "mass".
        labels: Names of the columns; Jigsaw's six by default.
    """
    targets = as_targets(targets, labels)
    probs = as_probs(probs, targets.shape, label_names(labels, targets.shape[1]))
    errors = np.full(targets.shape[1], np.nan)
    for i in range(targets.shape[1]):
        curve = reliability_curve(targets[:, i], probs[:, i], n_bins, strategy)
        if len(curve.count):
            errors[i] = np.sum(curve.count * np.abs(curve.mean_prob - curve.mean_target)) / curve.count.sum()
    return errors
