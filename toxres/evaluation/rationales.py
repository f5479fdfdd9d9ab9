"""Plausibility: does an explanation point at the words that people marked?

Character F1 as SemEval-2021 Task 5 scores toxic spans (Pavlopoulos et al. 2021, "SemEval-2021 Task 5: Toxic Spans
Detection"), and the average precision of words, which needs no threshold (DeYoung et al. 2020, ERASER, call it AUPRC).

How word attributions become marked characters is said by a `SpanRule`: which words are in, whether the gaps between
them are, and how sure the model has to be that anything is toxic at all. `tune_span_threshold` chooses one on posts
that are not those it is scored on.
"""

import dataclasses
import itertools
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from sklearn.metrics import average_precision_score

from toxres.errors import InputError

Spans = Sequence[tuple[int, int]]
"""Character intervals (start, end), `end` exclusive."""

SCALES = {
    "absolute": "as it is",
    "share": "as a share of the comment's total",
    "mean": "in multiples of the comment's mean",
    "highest": "as a share of the comment's highest",
    "confident": "as a share of the comment's highest, times the probability of the label",
}
"""How an attribution is measured before it is compared with a threshold; those below 0 count as 0."""

READINGS = ("label", "any")
"""Attributions of the label, or a word's highest over all labels that are explained."""

BRIDGES = (None, 0, 1, 2)
FLOORS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
N_THRESHOLDS = 80

_SIGNS = frozenset("@#$%&*")
"""Signs that stand for letters; a word without a letter, a digit or one of them is punctuation, never in by itself."""


class Explained(Protocol):
    """What is read of an explanation; see `toxres.explain.Explanation`."""

    text: str
    words: tuple[tuple[int, int], ...]
    labels: tuple[str, ...]
    attributions: np.ndarray
    scores: np.ndarray

    def of(self, label: str) -> np.ndarray:
        """Attributions (W,) for one label."""


@dataclasses.dataclass(frozen=True)
class SpanRule:
    """From word attributions to marked characters.

    Attributes:
        scale: One of `SCALES`.
        threshold: A word is in if its attribution, so measured, is at or above this, and above 0.
        bridge: None marks the words alone. A number also marks what stands between two words that are in, if at most so
            many other words do; 0 is the space between neighbours.
        floor: Nothing is marked where the model gives the label a lower probability than this.
        reading: One of `READINGS`.
    """

    scale: str
    threshold: float
    bridge: int | None = None
    floor: float = 0.0
    reading: str = "label"

    def __post_init__(self) -> None:
        """Refuse a scale or a reading that does not exist."""
        for name, value, known in (("scale", self.scale, SCALES), ("reading", self.reading, READINGS)):
            if value not in known:
                raise InputError(f"unknown {name} {value!r}; choose one of: {', '.join(known)}")


class TunedRule(NamedTuple):
    """A rule and what it is worth where it was chosen.

    Attributes:
        rule: The one with the highest character F1.
        f1: Mean character F1 on the posts it was chosen on, which flatters it.
        posts: How many.
        tried: Rules that were compared.
    """

    rule: SpanRule
    f1: float
    posts: int
    tried: int


class _Post(NamedTuple):
    """The W words of a post that can be marked, the gaps behind all but the last, and what of each is gold."""

    words: np.ndarray  # W x 2
    columns: np.ndarray  # W: which of the explanation's words these are
    sizes: np.ndarray  # 2W - 1: characters of word, gap, word, ...
    hits: np.ndarray  # 2W - 1: how many of them are gold
    gold: int


def character_f1(predicted: Spans, gold: Spans) -> float:
    """F1 of two sets of characters: 1 where both are empty, 0 where one of them is."""
    found, truth = _characters(predicted), _characters(gold)
    if not found and not truth:
        return 1.0
    return 2 * len(found & truth) / (len(found) + len(truth))


def character_f1s(predicted: Sequence[Spans], gold: Sequence[Spans]) -> np.ndarray:
    """`character_f1` of each of N posts, (N,); the task's score is the mean.

    Raises:
        InputError: The two are not of the same posts.
    """
    if len(predicted) != len(gold):
        raise InputError(f"spans of {len(predicted)} posts, but gold spans of {len(gold)}; give the same posts")
    return np.array([character_f1(*pair) for pair in zip(predicted, gold, strict=True)])


def mark_characters(explanation: Explained, rule: SpanRule, label: str = "toxic") -> tuple[tuple[int, int], ...]:
    """The characters that an explanation marks by a rule, as intervals (start, end) in order.

    A floor where the model's score is not known (NaN) marks nothing.

    Raises:
        InputError: The label is not explained.
    """
    post = _post(explanation, ())
    probability = probability_of(explanation, label, rule.reading)
    if rule.floor > 0 and not probability >= rule.floor:
        return ()
    values = _scaled(_values(explanation, label, rule.reading)[post.columns], rule.scale, probability)
    inside = _inside(values, np.array([rule.threshold]), rule.bridge)[:, 0]
    edges = post.words.ravel()
    found: list[tuple[int, int]] = []
    for piece in np.flatnonzero(inside):
        start, end = int(edges[piece]), int(edges[piece + 1])
        if found and found[-1][1] == start:
            found[-1] = (found[-1][0], end)
        elif end > start:
            found.append((start, end))
    return tuple(found)


def word_average_precision(explanation: Explained, gold: Spans, label: str = "toxic") -> float:
    """Average precision of the words' attributions; a word is gold if at least half of its characters are.

    Punctuation does not count. NaN where no word is gold or all are.
    """
    post = _post(explanation, gold)
    truth = 2 * post.hits[::2] >= post.sizes[::2]
    if truth.all() or not truth.any():
        return float("nan")
    return float(average_precision_score(truth, explanation.of(label)[post.columns]))


def tune_span_threshold(
    explanations: Sequence[Explained],
    gold: Sequence[Spans],
    label: str = "toxic",
    *,
    scales: Iterable[str] = tuple(SCALES),
    bridges: Iterable[int | None] = BRIDGES,
    floors: Iterable[float] = FLOORS,
    readings: Iterable[str] = READINGS,
) -> TunedRule:
    """The rule with the highest mean character F1 on these posts; the first of equals, simple ones come first.

    Args:
        explanations: Of N posts that the rule will not be scored on.
        gold: Their marked characters.
        label: Whose attributions and probability are used.
        scales: Out of `SCALES`; for each, thresholds are observed quantiles of the attributions above 0.
        bridges: Values of `SpanRule.bridge`.
        floors: Values of `SpanRule.floor`; (0,) for methods that know no model.
        readings: Out of `READINGS`; "any" is left out where a single label is explained.

    Raises:
        InputError: No posts, no option of a kind, or another number of gold spans.
    """
    scales, bridges, floors, readings = list(scales), list(bridges), list(floors), list(readings)
    if not len(explanations) or len(explanations) != len(gold):
        raise InputError(f"{len(explanations)} explanations, gold spans of {len(gold)} posts; give the same posts")
    if not (scales and bridges and floors and readings):
        raise InputError("scales, bridges, floors and readings: give at least one of each")
    posts = [_post(*pair) for pair in zip(explanations, gold, strict=True)]
    empty = np.array([post.gold == 0 for post in posts], dtype=float)
    best, tried = None, 0
    for reading in readings if len(explanations[0].labels) > 1 else readings[:1]:
        probs = np.array([probability_of(each, label, reading) for each in explanations])
        raw = [_values(each, label, reading)[post.columns] for each, post in zip(explanations, posts, strict=True)]
        for scale in scales:
            values = [_scaled(each, scale, prob) for each, prob in zip(raw, probs, strict=True)]
            thresholds = _thresholds(values)
            for bridge in bridges:
                scores = np.array(
                    [_f1_by_threshold(*pair, thresholds, bridge) for pair in zip(posts, values, strict=True)]
                )  # N x T
                for floor in floors:
                    silent = ~(probs >= floor) if floor > 0 else np.zeros(len(probs), dtype=bool)
                    means = np.where(silent[:, None], empty[:, None], scores).mean(axis=0)
                    tried += len(means)
                    at = int(means.argmax())
                    if best is None or means[at] > best.f1 + 1e-12:
                        rule = SpanRule(scale, float(thresholds[at]), bridge, float(floor), reading)
                        best = TunedRule(rule, float(means[at]), len(posts), 0)
    return best._replace(tried=tried)


def probability_of(explanation: Explained, label: str, reading: str = "label") -> float:
    """The model's probability of the label, or of the likeliest label; NaN where no model was asked."""
    logits = np.asarray(explanation.scores, dtype=np.float64)
    logit = logits.max() if reading == "any" else logits[explanation.labels.index(label)]
    return float(0.5 * (1 + np.tanh(logit / 2)))


def _characters(spans: Spans) -> set[int]:
    return set(itertools.chain.from_iterable(range(start, end) for start, end in spans))


def _post(explanation: Explained, gold: Spans) -> _Post:
    text = explanation.text
    columns = [
        number
        for number, (start, end) in enumerate(explanation.words)
        if any(char.isalnum() or char in _SIGNS for char in text[start:end])
    ]
    words = np.array([explanation.words[number] for number in columns], dtype=np.int64).reshape(-1, 2)
    marked = np.zeros(len(text) + 1, dtype=np.int64)
    for start, end in gold:
        marked[start + 1 : end + 1] = 1
    before = marked.cumsum()
    edges = words.ravel()
    total = int(before[-1])
    return _Post(words, np.array(columns, dtype=np.int64), np.diff(edges), np.diff(before[edges]), total)


def _values(explanation: Explained, label: str, reading: str) -> np.ndarray:
    values = explanation.attributions.max(axis=1) if reading == "any" else explanation.of(label)
    return np.maximum(np.asarray(values, dtype=np.float64), 0.0)


def _scaled(values: np.ndarray, scale: str, probability: float) -> np.ndarray:
    """Attributions (W,), none below 0, measured by one of `SCALES`."""
    if scale == "absolute" or not values.any():
        return values
    if scale == "share":
        return values / values.sum()
    if scale == "mean":
        return values / values.mean()
    return values / values.max() * (probability if scale == "confident" else 1.0)


def _thresholds(values: Sequence[np.ndarray]) -> np.ndarray:
    """Observed quantiles of what is above 0, denser among the highest; every word, and none, are among the choices."""
    observed = np.concatenate(values)
    observed = observed[observed > 0]
    if not len(observed):
        return np.array([np.inf])
    shares = 1 - np.geomspace(1 / len(observed), 1, N_THRESHOLDS)
    return np.append(np.unique(np.quantile(observed, shares, method="inverted_cdf")), np.inf)


def _inside(values: np.ndarray, thresholds: np.ndarray, bridge: int | None) -> np.ndarray:
    """Which of word, gap, word, ... are marked at each of T thresholds: (2W - 1) x T."""
    n_words = len(values)
    if not n_words:
        return np.zeros((0, len(thresholds)), dtype=bool)
    chosen = (values[:, None] >= thresholds) & (values[:, None] > 0)
    inside = np.zeros((2 * n_words - 1, len(thresholds)), dtype=bool)
    inside[::2] = chosen
    if bridge is not None and n_words > 1:
        place = np.arange(n_words)[:, None]
        before = np.maximum.accumulate(np.where(chosen, place, -2 * n_words), axis=0)[:-1]
        after = np.minimum.accumulate(np.where(chosen, place, 3 * n_words)[::-1], axis=0)[::-1][1:]
        gaps = after - before - 1 <= bridge
        inside[1::2] = gaps
        inside[2:-1:2] |= gaps[:-1] & gaps[1:]
    return inside


def _f1_by_threshold(post: _Post, values: np.ndarray, thresholds: np.ndarray, bridge: int | None) -> np.ndarray:
    inside = _inside(values, thresholds, bridge).astype(np.float64)
    total = post.sizes @ inside + post.gold
    return np.where(total > 0, 2 * (post.hits @ inside) / np.maximum(total, 1), 1.0)
