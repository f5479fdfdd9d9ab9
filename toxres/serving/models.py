"""The two kinds of models a bundle holds: an ONNX graph over tokens, and a bag of n-grams that reads texts itself."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from toxres.serving.engines import WEIGHTS, Engine, open_engine
from toxres.serving.reading import Reader, Reading, Window

GRAPH = "model.onnx"

SCIKIT_LEARN = "scikit-learn"
"""Runtime of a bag of n-grams."""

_CHARACTERS_A_TOKEN = 4


class WindowScores(NamedTuple):
    """What a model says of a window.

    Attributes:
        logits: (L,) float32, not probabilities.
        attention_weights: (T,) float32, the pooling's; None where it has none.
    """

    logits: np.ndarray
    attention_weights: np.ndarray | None


class Model(Protocol):
    """What a `Predictor` asks of a model.

    Attributes:
        runtime: What runs it.
        precision: In which it multiplies here.
        has_attention: Whether it gives attention weights.
    """

    runtime: str
    precision: str
    has_attention: bool

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Windows of N texts."""

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """Scores of B windows, at least one."""


class TokenModel:
    """An ONNX graph with a tokenizer.

    Args:
        reader: Cuts texts into windows of tokens.
        engine: Runs the graph.
        runtime: The engine's.
        has_attention: Whether the graph gives attention weights.
    """

    def __init__(self, reader: Reader, engine: Engine, runtime: str, has_attention: bool) -> None:
        self._reader, self._engine = reader, engine
        self.runtime, self.precision, self.has_attention = runtime, engine.precision, has_attention

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """See `Model.read`."""
        return self._reader.read(texts)

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """See `Model.score`."""
        logits, weights = self._engine.run(*self.padded(windows))
        return [
            WindowScores(logits[row], None if weights is None else weights[row, : len(window.ids)])
            for row, window in enumerate(windows)
        ]

    def padded(self, windows: Sequence[Window]) -> tuple[np.ndarray, np.ndarray]:
        """Token ids and mask of B windows, both B x T; T is a multiple of 16, as processors multiply matrices."""
        width = -(-max(1, *(len(window.ids) for window in windows)) // 16) * 16
        input_ids = np.full((len(windows), width), self._reader.pad_token_id, dtype=np.int64)
        attention_mask = np.zeros((len(windows), width), dtype=np.int64)
        for row, window in enumerate(windows):
            input_ids[row, : len(window.ids)] = window.ids
            attention_mask[row, : len(window.ids)] = 1
        return input_ids, attention_mask


class TextModel:
    """A bag of n-grams; it reads a text of any length as a whole.

    Args:
        folder: Where `TfidfModel.save` wrote it.
    """

    runtime = SCIKIT_LEARN
    precision = "fp32"
    has_attention = False

    def __init__(self, folder: Path) -> None:
        from toxres.models.tfidf import TfidfModel

        self._model = TfidfModel.load(folder)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """See `Model.read`."""
        nothing = np.zeros(0, dtype=np.int64)
        return [Reading(text, (Window(text, nothing, 1 + len(text) // _CHARACTERS_A_TOKEN),)) for text in texts]

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        """See `Model.score`."""
        return [WindowScores(row, None) for row in self._model.predict_logits([window.text for window in windows])]


def open_model(folder: Path, entry: dict, threads: int, streams: int = 1) -> Model:
    """The model of a bundle's folder, as its entry in the manifest says, for `streams` batches at once.

    Raises:
        InputError: It can't be read here.
    """
    if entry["runtime"] == SCIKIT_LEARN:
        return TextModel(folder)
    engine = open_engine(folder / GRAPH, entry["runtime"], entry["precision"], threads, streams)
    return TokenModel(Reader.load(folder), engine, entry["runtime"], WEIGHTS in entry["outputs"])
