"""Faithfulness: does a score fall when the words that are said to matter are deleted, and stay when they are kept?

Comprehensiveness and sufficiency as in ERASER (DeYoung et al. 2020, section 4), by the area over the perturbation curve
(AOPC): the share of words that counts as the explanation goes through `BINS`, and the mean over the bins is taken, as
the authors' own code does; their formula divides by one more. Deletion curves are those of Samek et al. (2017): the
probability against the share of words deleted, the most important first.

Words are deleted from the text, so any model that reads texts can be asked. A deleted word is cut out (or a replacement
such as "[MASK]" stands in its place), and white space that then meets becomes one space; punctuation is a word too
where the explanation has it as one. A text without any word left is "".
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from toxres.errors import InputError

BINS = (0.01, 0.05, 0.1, 0.2, 0.5)
"""Shares of words that count as the explanation, as in ERASER for AOPC; rounded up, so at least one word."""

STEPS = (0.0, *BINS, 0.7, 1.0)
"""Shares of words deleted in a deletion curve."""


class Explained(Protocol):
    """What is read of an explanation; see `toxres.explain.Explanation`."""

    text: str
    words: tuple[tuple[int, int], ...]
    read: np.ndarray

    def of(self, label: str) -> np.ndarray:
        """Attributions (W,) for one label."""


class Faithfulness(NamedTuple):
    """How N explanations do, by comment; mean over comments is what is reported.

    Attributes:
        probs: (N,) probability of the label for the comment as far as the model reads it.
        comprehensiveness: N x B: `probs` less the probability without the words that matter most. More is better.
        sufficiency: N x B: `probs` less the probability with these words alone. Less is better.
        curves: N x S: the probability after deleting each share of `steps`, the words that matter most first.
        bins: The B shares.
        steps: The S shares.
    """

    probs: np.ndarray
    comprehensiveness: np.ndarray
    sufficiency: np.ndarray
    curves: np.ndarray
    bins: tuple[float, ...]
    steps: tuple[float, ...]

    @property
    def aopc_comprehensiveness(self) -> np.ndarray:
        """(N,): mean over the bins."""
        return self.comprehensiveness.mean(axis=1)

    @property
    def aopc_sufficiency(self) -> np.ndarray:
        """(N,): mean over the bins."""
        return self.sufficiency.mean(axis=1)


def measure_faithfulness(
    explanations: Sequence[Explained],
    predict_proba: Callable[[list[str]], np.ndarray],
    label: str = "toxic",
    *,
    bins: Sequence[float] = BINS,
    steps: Sequence[float] = STEPS,
    replacement: str = "",
    seed: int = 0,
) -> Faithfulness:
    """Delete words of explained comments, and ask the model anew.

    A comment that the model cuts off is cut after the last word it read: what deletions would bring into its view was
    no part of the explanation.

    Args:
        explanations: Of N comments, by any method; words with a higher attribution matter more, negative ones least.
        predict_proba: Probabilities (M,) of the label for M texts; each text is asked about once.
        label: The label.
        bins: Shares of words in (0, 1].
        steps: Shares of words in [0, 1].
        replacement: What stands in place of a deleted word; "" cuts it out. A model's own mask token keeps positions.
        seed: Words of equal attribution are ranked at random; the draw is the same for all methods.

    Raises:
        InputError: A share out of range, no explanations, or `predict_proba` gives something else than (M,).
    """
    bins, steps = tuple(bins), tuple(steps)
    if not explanations:
        raise InputError("there are no explanations; give at least one")
    if not bins or not all(0 < share <= 1 for share in bins) or not all(0 <= share <= 1 for share in steps):
        raise InputError(f"bins {bins} are shares in (0, 1], steps {steps} in [0, 1]; give such ones, at least one bin")
    asked: dict[str, int] = {}

    def place(text: str) -> int:
        return asked.setdefault(text, len(asked))

    whole, without, alone, curves = [], [], [], []
    for number, explanation in enumerate(explanations):
        ranked = ranked_words(explanation, label, seed + number)
        words = sorted(ranked)
        text = explanation.text if np.all(explanation.read) or not words else explanation.text[: words[-1][1]]
        whole.append(place(text))
        kept = {share: set(ranked[: top_count(len(ranked), share)]) for share in {*bins, *steps}}
        without.append([place(delete_words(text, kept[share], replacement)) for share in bins])
        alone.append([place(delete_words(text, set(words) - kept[share], replacement)) for share in bins])
        curves.append([place(delete_words(text, kept[share], replacement)) for share in steps])
    probs = np.asarray(predict_proba(list(asked)), dtype=np.float64)
    if probs.shape != (len(asked),):
        raise InputError(f"predict_proba: gave shape {probs.shape} for {len(asked)} texts; give one probability a text")
    before = probs[whole]
    return Faithfulness(
        before, before[:, None] - probs[without], before[:, None] - probs[alone], probs[np.array(curves)], bins, steps
    )


def top_count(n_words: int, share: float) -> int:
    """How many of so many words a share is, rounded up; 0 for a share of 0."""
    return min(n_words, int(np.ceil(round(share * n_words, 9))))


def ranked_words(explanation: Explained, label: str, seed: int = 0) -> list[tuple[int, int]]:
    """The words that the model read, the most important first; equal ones in a random order."""
    values = np.asarray(explanation.of(label), dtype=np.float64)
    ties = np.random.default_rng(seed).random(len(values))
    order = np.lexsort((ties, -values))
    return [explanation.words[place] for place in order if explanation.read[place]]


def delete_words(text: str, words: set[tuple[int, int]] | Sequence[tuple[int, int]], replacement: str = "") -> str:
    """The text without some of its words, or with `replacement` for each; untouched where there are none to delete.

    Args:
        text: The text.
        words: Spans (start, end), none overlapping another.
        replacement: Stands in place of a word; where it is "", white space around the word becomes one space. Words
            that touched ("well...you") stay apart.
    """
    if not words:
        return text
    pieces, done = [], 0
    for start, end in sorted(words):
        pieces.append(text[done:start])
        done = end
    pieces.append(text[done:])
    if replacement:
        return replacement.join(pieces)
    kept = [piece.strip() for piece in pieces]
    return " ".join(piece for piece in kept if piece)
