"""What a moderator's decision on a comment is worth, before it is known: the orders of the queue."""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from toxres.errors import InputError
from toxres.labels import JIGSAW_PREVALENCE

ORDERS: Final = ("uncertain", "change", "oldest")
"""How a queue may be ordered: the most uncertain first, those most likely to change the model, or the oldest."""


def uncertainty(probs: np.ndarray) -> np.ndarray:
    """How unsure a model is of each comment (N,): the entropy in bits of its least certain label, in [0, 1].

    Uncertainty sampling (Lewis and Gale 1994, "A sequential algorithm for training text classifiers"). A verdict hangs
    on any enforced label, so one label in doubt is enough.

    Args:
        probs: (N, L) calibrated probabilities of the enforced labels.
    """
    p = np.clip(np.asarray(probs, dtype=np.float64), 1e-12, 1 - 1e-12)
    return (-(p * np.log2(p) + (1 - p) * np.log2(1 - p))).max(axis=1)


def expected_change(probs: np.ndarray, prevalence: Sequence[float] | np.ndarray) -> np.ndarray:
    """How much each comment (N,) is expected to change a model: the sum of p(1 - p) / prevalence(1 - prevalence).

    The expected gradient of a logistic output is 2p(1 - p) times the length of its features (expected gradient length:
    Settles and Craven 2008, "An analysis of active learning strategies for sequence labeling tasks"). Dividing by the
    label's variance counts it in comments that a model without any knowledge would learn as much from, so that a
    possible threat, of which there are few, is worth more than a possible insult.

    Args:
        probs: (N, L) calibrated probabilities of the enforced labels.
        prevalence: (L,) share of positives of each, above 0 and below 1.
    """
    p, base = np.asarray(probs, dtype=np.float64), np.asarray(prevalence, dtype=np.float64)
    if not ((base > 0) & (base < 1)).all():
        raise InputError("prevalence must be above 0 and below 1; estimate it from more comments")
    return (p * (1 - p) / (base * (1 - base))).sum(axis=1)


def values(probs: Sequence[Mapping[str, float]], enforced: Sequence[Sequence[str]]) -> np.ndarray:
    """Uncertainty and expected change of comments, (N, 2); each counts the labels that its policy enforces.

    Labels outside the six have a prevalence of one in ten.
    """
    found = np.zeros((len(probs), 2))
    for row, (scores, labels) in enumerate(zip(probs, enforced, strict=True)):
        chosen = [label for label in labels if label in scores] or list(scores)
        p = np.array([[scores[label] for label in chosen]])
        base = [JIGSAW_PREVALENCE.get(label, 0.1) for label in chosen]
        found[row] = uncertainty(p)[0], expected_change(p, base)[0]
    return found
