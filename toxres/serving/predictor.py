"""A model of a bundle: texts of any length in; logits, probabilities, decisions and attention out."""

import contextlib
import functools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from toxres.checkpoint import check_texts
from toxres.errors import InputError
from toxres.evaluation.arrays import decide, softmax, to_probs
from toxres.evaluation.calibration import Calibration
from toxres.lengths import length_batches
from toxres.serving.models import Model, WindowScores
from toxres.serving.reading import Reading, Window
from toxres.tasks import Task

CHUNK = 1_024
"""Texts that are read, and held in memory, at a time: the more, the more alike are those of a batch."""

MAX_TOKENS = 1_024
"""Most tokens a batch, padding included: what lies between the layers stays in a core's cache."""


class Attention(NamedTuple):
    """Where a model with attention pooling looked, in the window that gave a label its score.

    Attributes:
        text: The text, without lone surrogates.
        spans: K x 2: start and end in `text` of the tokens that text stands behind.
        weights: (K,) shares of these tokens; with those of special tokens they sum to 1.
        window: Which window they are of.
        windows: How many the text has.
    """

    text: str
    spans: np.ndarray
    weights: np.ndarray
    window: int
    windows: int

    def words(self) -> list[tuple[int, int, float]]:
        """Start, end and share of each word of the text; those outside the window have 0."""
        from toxres.explain.words import share_tokens, words_of

        words = words_of(self.text)
        shares = share_tokens(self.text, words, [tuple(span) for span in self.spans.tolist()])
        weights = shares.to_words(self.weights[:, None])[:, 0]
        return [(start, end, float(weight)) for (start, end), weight in zip(words, weights, strict=True)]


class Predictions(NamedTuple):
    """What a model says of N texts.

    Attributes:
        logits: N x L, not probabilities: the maximum over a text's windows, label by label.
        probs: N x L probabilities, which the thresholds are for.
        calibrated: N x L recalibrated probabilities: what to show people.
        decisions: N x L booleans: at or above the threshold.
        windows: (N,) windows each text was read in; 1 unless it is longer than the model's `max_length`.
        deciding: N x L: which window gave the label its logit.
    """

    logits: np.ndarray
    probs: np.ndarray
    calibrated: np.ndarray
    decisions: np.ndarray
    windows: np.ndarray
    deciding: np.ndarray


class Predictor:
    """A model with its tokenizer, calibration and thresholds. May be used from any number of threads.

    A text that fits into one window gets what its checkpoint says. A longer one, which the checkpoint cuts off, is read
    in windows that overlap, and a label's logit is its maximum over them; of exclusive classes, those of the window
    that is least of the first class ("none").

    `predict` does everything. A service that batches windows of several requests calls its parts: `read`, `score` (any
    windows together) and `combine`. It has what `toxres.scoring` and the explanations ask of a checkpoint.

    Attributes:
        name: What the bundle calls it.
        version: Changes whenever any of its files does.
        path: Its folder in the bundle.
        run: The record of its training.
        task: What it decides.
        calibration: Maps logits to recalibrated probabilities.
        thresholds: (L,), for probabilities before recalibration.
        streams: Batches that `predict` runs at once.
        whole: Long texts are read to their end, in windows; else only the first window is, as a checkpoint does.
    """

    tokenizer = None
    marks_spans = False

    def __init__(
        self,
        name: str,
        version: str,
        path: Path,
        run: dict,
        task: Task,
        calibration: Calibration,
        thresholds: np.ndarray,
        model: Model,
        *,
        streams: int = 1,
        whole: bool = True,
    ) -> None:
        self.name, self.version, self.path, self.run, self.task = name, version, path, run, task
        self.calibration, self.thresholds = calibration, thresholds
        self.streams, self.whole = streams, whole
        self._model = model

    @property
    def labels(self) -> tuple[str, ...]:
        """The L labels of its task."""
        return self.task.labels

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return self.run["recipe"]["name"]

    @property
    def has_attention(self) -> bool:
        """Whether it has attention pooling, so that `attention` can say where it looked."""
        return self._model.has_attention

    @property
    def runtime(self) -> str:
        """What runs it: "onnxruntime", "openvino" or "scikit-learn"."""
        return self._model.runtime

    @property
    def precision(self) -> str:
        """In which it multiplies here: "fp32", "bf16" or "int8"."""
        return self._model.precision

    @functools.cached_property
    def calibrated_thresholds(self) -> np.ndarray:
        """(L,): where the thresholds stand among recalibrated probabilities, which gives the same decisions.

        Of exclusive classes they are the thresholds as they are.
        """
        if self.task.exclusive:
            return self.thresholds
        with np.errstate(divide="ignore"):
            logits = np.log(self.thresholds) - np.log1p(-self.thresholds)
        return self.calibration.apply(logits[None])[0]

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Texts as the model gets to see them, each in one or more windows.

        Raises:
            InputError: `texts` is a single text, or one of them is no string.
        """
        readings = self._model.read(check_texts(texts))
        return readings if self.whole else [reading.begun() for reading in readings]

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Logits and attention weights of B windows of any texts, in one batch: give it windows of similar length.

        Raises:
            InputError: The model gives NaN or infinities.
        """
        if not windows:
            return []
        scores = self._model.score(windows)
        for each in scores:
            if not np.isfinite(each.logits).all():
                raise InputError(f"{self.path}: the model gives logits that are no numbers; export the bundle again")
        return scores

    def combine(self, readings: Sequence[Reading], scores: Sequence[Sequence[WindowScores]]) -> Predictions:
        """Predictions for N texts from the scores of their windows."""
        shape = (len(readings), len(self.labels))
        logits, deciding = np.zeros(shape, dtype=np.float32), np.zeros(shape, dtype=np.int64)
        for row, parts in enumerate(scores):
            of_windows = np.stack([part.logits for part in parts])  # W x L
            if self.task.exclusive:
                deciding[row] = softmax(of_windows)[:, 0].argmin()
            else:
                deciding[row] = of_windows.argmax(axis=0)
            logits[row] = of_windows[deciding[row], np.arange(shape[1])]
        probs = to_probs(logits, self.task.exclusive)
        return Predictions(
            logits,
            probs,
            self.calibration.apply(logits),
            decide(probs, self.thresholds, self.task.exclusive),
            np.array([len(parts) for parts in scores], dtype=np.int64),
            deciding,
        )

    def predict(self, texts: Sequence[str]) -> Predictions:
        """Everything about N texts but attention.

        Raises:
            InputError: `texts` is a single text, or one of them is no string.
        """
        texts = check_texts(texts)
        parts = [self.combine(*self.scored(texts[at : at + CHUNK])) for at in range(0, len(texts), CHUNK)]
        if not parts:
            return self.combine([], [])
        return Predictions(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))

    def predict_logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits, not probabilities, of N texts: N x L, float32; see `predict`."""
        return self.predict(texts).logits

    def predict_proba(self, texts: Sequence[str], calibrated: bool = False) -> np.ndarray:
        """Probabilities of N texts: N x L; `calibrated` gives the recalibrated ones. See `predict`."""
        found = self.predict(texts)
        return found.calibrated if calibrated else found.probs

    def decide(self, texts: Sequence[str]) -> np.ndarray:
        """Which labels N texts get by the tuned thresholds: N x L booleans; see `predict`."""
        return self.predict(texts).decisions

    def attention(self, texts: Sequence[str], label: str | None = None) -> list[Attention]:
        """Where the model looked, text by text.

        Args:
            texts: N texts.
            label: Whose window to show of a long text; by default the label's that is farthest above its threshold, or
                nearest below.

        Raises:
            InputError: The model has no attention pooling, there is no such label, or as `predict` does.
        """
        readings, scores = self.scored(texts)
        return self.attention_of(readings, scores, label)

    def attention_of(
        self, readings: Sequence[Reading], scores: Sequence[Sequence[WindowScores]], label: str | None = None
    ) -> list[Attention]:
        """As `attention`, from the scores of windows that `score` gave."""
        if not self.has_attention:
            raise InputError(
                f"{self.name}: has no attention pooling, so it can't say where it looked; ask another model"
            )
        if label is not None and label not in self.labels:
            raise InputError(f"label {label!r}: the model knows {', '.join(self.labels)}; name one of them")
        found = self.combine(readings, scores)
        columns = np.argmax(found.probs - self.thresholds, axis=1)
        if label is not None:
            columns[:] = self.labels.index(label)
        result = []
        for row, reading in enumerate(readings):
            window = int(found.deciding[row, columns[row]])
            spans = reading.spans(window)
            real = spans[:, 1] > spans[:, 0]
            weights = np.asarray(scores[row][window].attention_weights, dtype=np.float64)
            result.append(Attention(reading.text, spans[real], weights[real], window, len(reading.windows)))
        return result

    def scored(self, texts: Sequence[str]) -> tuple[list[Reading], list[list[WindowScores]]]:
        """Readings of N texts and the scores of their windows: what `combine` and `attention_of` take.

        Raises:
            InputError: As `predict` does.
        """
        readings = self.read(texts)
        windows = [(row, window) for row, reading in enumerate(readings) for window in reading.windows]
        scores: list[WindowScores | None] = [None] * len(windows)
        batches = length_batches([window.length for _, window in windows], MAX_TOKENS)
        given = ([windows[number][1] for number in batch] for batch in batches)
        with ThreadPoolExecutor(self.streams) if self.streams > 1 else contextlib.nullcontext() as threads:
            found = threads.map(self.score, given) if threads else map(self.score, given)
            for batch, parts in zip(batches, found, strict=True):
                for number, score in zip(batch, parts, strict=True):
                    scores[number] = score
        grouped: list[list[WindowScores]] = [[] for _ in readings]
        for (row, _), score in zip(windows, scores, strict=True):
            grouped[row].append(score)
        return readings, grouped
