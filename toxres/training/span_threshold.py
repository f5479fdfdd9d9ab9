"""The threshold that turns the words' probabilities into spans: the one with the highest character F1."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from toxres.data.marked import char_targets
from toxres.models.span_reading import toxic_spans

GRID = np.round(np.arange(0.05, 0.951, 0.025), 3)
"""Thresholds that are tried."""


class Tuned(NamedTuple):
    """A threshold and what it is worth on the posts it was tuned on.

    Attributes:
        threshold: On the words' probabilities.
        f1: Character F1 there.
        f1_at_half: Character F1 at 0.5.
    """

    threshold: float
    f1: float
    f1_at_half: float


def tune_threshold(texts: Sequence[str], probs: Sequence[np.ndarray], marks: Sequence[Sequence]) -> Tuned:
    """The threshold of `GRID` with the highest character F1; of several, the one nearest to 0.5.

    Args:
        texts: N posts.
        probs: Of their characters, as `toxres.models.span_reading.char_probs` gives them.
        marks: Of each post; a character is toxic from a share of one half.
    """
    truth = [char_targets(text, marked) >= 0.5 for text, marked in zip(texts, marks, strict=True)]

    def score(threshold: float) -> float:
        found = [toxic_spans(text, prob, threshold) for text, prob in zip(texts, probs, strict=True)]
        return character_f1([char_targets(text, spans) > 0 for text, spans in zip(texts, found, strict=True)], truth)

    scores = {float(threshold): score(threshold) for threshold in GRID}
    best = max(scores, key=lambda threshold: (scores[threshold], -abs(threshold - 0.5)))
    return Tuned(best, scores[best], scores[0.5])


def character_f1(found: Sequence[np.ndarray], truth: Sequence[np.ndarray]) -> float:
    """Mean over posts of the F1 of two sets of characters, as SemEval-2021 Task 5 scores it.

    A post with both sets empty scores 1, one with a single empty set 0 (Pavlopoulos et al. 2021, section 4).

    Args:
        found: For each post a boolean a character.
        truth: Likewise.
    """
    scores = []
    for given, wanted in zip(found, truth, strict=True):
        total = given.sum() + wanted.sum()
        scores.append(2 * (given & wanted).sum() / total if total else 1.0)
    return float(np.mean(scores)) if scores else float("nan")
