"""What every metric assumes of its arrays, checked once: shapes, ranges, and which targets are known."""

from collections.abc import Sequence

import numpy as np

from toxres.errors import InputError
from toxres.labels import LABELS

POSITIVE_AT = 0.5
"""A soft target at or above this is a positive wherever a metric needs classes (Jigsaw's rule for rater fractions)."""


def label_names(labels: Sequence[str] | None, n_labels: int) -> tuple[str, ...]:
    """Names of the columns: `labels`; without them Jigsaw's six, or numbers where there are not six columns.

    Raises:
        InputError: The names do not match the number of columns.
    """
    if labels is None:
        return LABELS if n_labels == len(LABELS) else tuple(f"label {i + 1}" for i in range(n_labels))
    if len(labels) != n_labels:
        raise InputError(f"targets have {n_labels} columns, but {len(labels)} labels were named; name one a column")
    return tuple(labels)


def as_targets(targets: np.ndarray, labels: Sequence[str] | None = None) -> np.ndarray:
    """`targets` (N, L) as float64, each in [0, 1] or NaN (unknown).

    Raises:
        InputError: Not a matrix, a wrong number of columns, or a value outside [0, 1].
    """
    targets = _matrix("targets", targets)
    names = label_names(labels, targets.shape[1])
    _report("targets", targets, (targets < 0) | (targets > 1), names, "use a value in [0, 1], or NaN for unknown")
    return targets


def as_probs(probs: np.ndarray, shape: tuple[int, int], names: Sequence[str], name: str = "probs") -> np.ndarray:
    """`probs` as float64 of `shape` (N, L), each a probability.

    Raises:
        InputError: Another shape, NaN, or a value outside [0, 1].
    """
    probs = _matrix(name, probs)
    _same_shape(name, probs, shape)
    _report(name, probs, ~((probs >= 0) & (probs <= 1)), names, "pass probabilities in [0, 1], not logits")
    return probs


def as_logits(logits: np.ndarray, shape: tuple[int, int], names: Sequence[str], name: str = "logits") -> np.ndarray:
    """`logits` as float64 of `shape` (N, L), each finite.

    Raises:
        InputError: Another shape, NaN or an infinity.
    """
    logits = _matrix(name, logits)
    _same_shape(name, logits, shape)
    _report(name, logits, ~np.isfinite(logits), names, "logits must be finite")
    return logits


def as_thresholds(thresholds: np.ndarray | Sequence[float] | float, shape: tuple[int, int]) -> np.ndarray:
    """`thresholds` for every row and label, (N, L): given as one number, one a label (L,), or one a row and label.

    Raises:
        InputError: Another shape, or NaN.
    """
    values = np.asarray(thresholds, dtype=np.float64)
    if values.ndim not in (0, 1, 2) or (values.ndim and values.shape != shape[-values.ndim :]):
        raise InputError(f"thresholds have shape {values.shape}; give {shape[1]}, one a label, or {shape}, one a row")
    if np.isnan(values).any():
        raise InputError("thresholds contain NaN; use 0.5 where a threshold is undefined")
    return np.broadcast_to(values, shape)


def known(targets: np.ndarray) -> np.ndarray:
    """Where a target is known: a boolean array of the same shape."""
    return ~np.isnan(targets)


def positives(targets: np.ndarray) -> np.ndarray:
    """Where a target is a positive (soft targets: at least 0.5); unknown targets are not."""
    return np.nan_to_num(targets, nan=0.0) >= POSITIVE_AT


def sigmoid(logits: np.ndarray) -> np.ndarray:
    """Logits to probabilities, without overflow."""
    logits = np.asarray(logits, dtype=np.float64)
    return np.exp(-np.logaddexp(0.0, -logits))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (N, L) of exclusive classes to probabilities, without overflow."""
    logits = np.asarray(logits, dtype=np.float64)
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True, initial=-np.inf))
    return powers / powers.sum(axis=-1, keepdims=True)


def to_probs(logits: np.ndarray, exclusive: bool) -> np.ndarray:
    """Logits (N, L) to probabilities: softmax of exclusive classes, sigmoid of independent labels."""
    return softmax(logits) if exclusive else sigmoid(logits)


def decide(probs: np.ndarray, thresholds: np.ndarray, exclusive: bool = False) -> np.ndarray:
    """Which labels (N, L) are given to a comment.

    Args:
        probs: (N, L) probabilities.
        thresholds: (L,) or (N, L). A label is given at `probs >= threshold`; of exclusive classes the one whose
            probability is highest in proportion to its threshold, so that equal thresholds are the plain argmax.
        exclusive: Whether the labels are.
    """
    if not exclusive:
        return probs >= thresholds
    best = np.argmax(probs / np.maximum(thresholds, 1e-12), axis=1)
    return best[:, None] == np.arange(probs.shape[1])


def _matrix(name: str, values: np.ndarray) -> np.ndarray:
    values = np.asarray(values)
    if values.ndim != 2:
        raise InputError(f"{name} must have two dimensions (rows, labels), not shape {values.shape}")
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numbers, not {values.dtype}") from None


def _same_shape(name: str, values: np.ndarray, shape: tuple[int, int]) -> None:
    if values.shape != shape:
        raise InputError(f"{name} have shape {values.shape}, but targets have {shape}; pass the same rows and labels")


def _report(name: str, values: np.ndarray, wrong: np.ndarray, names: Sequence[str], advice: str) -> None:
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise InputError(f"{name}, row {row + 1}, {names[column]}: {values[row, column]:g} is not valid; {advice}")
