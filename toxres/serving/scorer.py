"""Scores of comments of any length by all models at once: windows, batches across requests, maximum over windows."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from toxres.files import sha256
from toxres.serving.batching import Batcher, Overloaded
from toxres.serving.metrics import Metrics
from toxres.serving.models import WindowScores
from toxres.serving.predictor import Predictor
from toxres.serving.reading import SETTINGS, TOKENIZER, Reading, Window
from toxres.serving.settings import Limits

INLINE = 2_000
"""Characters up to which texts are tokenised at once; more go to a thread, so that others are answered meanwhile."""


class Scored(NamedTuple):
    """What a model says of a text.

    Attributes:
        reading: What it read.
        each: (windows, L) logits.
        logits: (L,) of the text: the maxima over its windows.
        probs: (L,) calibrated.
        decisions: (L,) booleans: the probability reaches the tuned threshold.
        chosen: (L,) the window that each label's score is of.
        attention: For each window (T,), or None.
    """

    reading: Reading
    each: np.ndarray
    logits: np.ndarray
    probs: np.ndarray
    decisions: np.ndarray
    chosen: np.ndarray
    attention: list[np.ndarray] | None

    @property
    def tokens(self) -> int:
        """Tokens of all windows."""
        return sum(window.length for window in self.reading.windows)

    def span(self, column: int) -> tuple[int, int]:
        """Where the window that a label's score is of begins and ends in the text."""
        if len(self.reading.windows) == 1:
            return 0, len(self.reading.text)
        spans = self.reading.spans(int(self.chosen[column]))
        inside = spans[spans[:, 1] > spans[:, 0]]
        return (int(inside[:, 0].min()), int(inside[:, 1].max())) if len(inside) else (0, len(self.reading.text))


class TooLong(Exception):
    """More tokens than a request may have.

    Attributes:
        tokens: How many.
    """

    def __init__(self, tokens: int) -> None:
        super().__init__(tokens)
        self.tokens = tokens


class Scorer:
    """All models, each in a thread of its own behind a queue.

    Args:
        models: At least one, with different names.
        limits: Bounds of queues and batches.
        metrics: Told of every batch.
    """

    def __init__(self, models: Sequence[Predictor], limits: Limits, metrics: Metrics) -> None:
        self.models: Mapping[str, Predictor] = {model.name: model for model in models}
        self.limits = limits
        self._readers = {name: _reader(model) for name, model in self.models.items()}
        self._pool = ThreadPoolExecutor(2, "toxres-texts")
        self._batchers = {name: self._batcher(model, metrics) for name, model in self.models.items()}
        for name, batcher in self._batchers.items():
            metrics.waiting.labels(name).set_function(lambda batcher=batcher: batcher.waiting)

    @property
    def alive(self) -> bool:
        """Whether every model's thread is there."""
        return all(batcher.alive for batcher in self._batchers.values())

    async def warm_up(self) -> None:
        """Score something, so that the first request does not wait for what a first run sets up."""
        for texts in (["a"], ["a few words " * 40] * 2):
            await self.score(texts)

    async def score(self, texts: Sequence[str], names: Sequence[str] | None = None) -> dict[str, list[Scored]]:
        """Scores of N texts by models, side by side.

        Args:
            texts: Well-formed.
            names: Of models; all of them by default.

        Raises:
            TooLong: They have more tokens than a request may have.
            Overloaded: Too much is waiting for one of the models.
        """
        names = list(self.models if names is None else names)

        def read() -> dict[str, list[Reading]]:
            found = {self._readers[name]: name for name in names}
            found = {reader: self.models[name].read(texts) for reader, name in found.items()}
            return {name: found[self._readers[name]] for name in names}

        readings = await self.aside(read, sum(map(len, texts)))
        answers = await self.run({name: [each for one in readings[name] for each in one.windows] for name in names})
        scored = {}
        for name in names:
            outputs = iter(answers[name])
            parts = [[next(outputs) for _ in reading.windows] for reading in readings[name]]
            scored[name] = _scored(self.models[name], readings[name], parts)
        return scored

    async def run(self, windows: Mapping[str, Sequence[Window]]) -> dict[str, list[WindowScores]]:
        """The scores of windows, by model; nothing is begun if one of them has no room.

        Raises:
            TooLong: As in `score`.
            Overloaded: As in `score`.
        """
        work = {name: [(each, each.length) for each in some] for name, some in windows.items()}
        tokens = {name: sum(length for _, length in some) for name, some in work.items()}
        if (most := max(tokens.values(), default=0)) > self.limits.request_tokens:
            raise TooLong(most)
        waits = [self._batchers[name].wait_for(count) for name, count in tokens.items() if count]
        if any(wait is not None for wait in waits):
            raise Overloaded(max(wait for wait in waits if wait is not None))
        found = await asyncio.gather(*(self._batchers[name].submit(some) for name, some in work.items()))
        return dict(zip(work, found, strict=True))

    async def aside(self, work: Callable[[], Any], characters: int) -> Any:
        """Do work on so many characters, in a thread if they are many."""
        if characters <= INLINE:
            return work()
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Finish what waits and end the threads."""
        for batcher in self._batchers.values():
            batcher.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _batcher(self, model: Predictor, metrics: Metrics) -> Batcher:
        sizes = metrics.batches.labels(model.name)
        tokens, seconds = metrics.tokens.labels(model.name), metrics.model_seconds.labels(model.name)

        def told(windows: int, count: int, took: float) -> None:
            sizes.observe(windows)
            tokens.inc(count)
            seconds.inc(took)

        return Batcher(
            model.score,
            batch_tokens=self.limits.batch_tokens,
            waiting_tokens=self.limits.waiting_tokens,
            waiting_seconds=self.limits.waiting_seconds,
            on_batch=told,
            name=model.name,
        )


def _reader(model: Predictor) -> str:
    """The same of models that read any text alike, so that it is read once for all of them."""
    files = [model.path / name for name in (TOKENIZER, SETTINGS)]
    if not all(file.is_file() for file in files):
        return model.name
    return " ".join([*map(sha256, files), str(model.whole)])


def _scored(model: Predictor, readings: Sequence[Reading], parts: Sequence[Sequence[WindowScores]]) -> list[Scored]:
    found = model.combine(readings, parts)
    scored = []
    for row, (reading, of_windows) in enumerate(zip(readings, parts, strict=True)):
        each = np.stack([part.logits for part in of_windows]).astype(np.float64)
        attention = [part.attention_weights for part in of_windows] if model.has_attention else None
        scored.append(
            Scored(
                reading,
                each,
                found.logits[row].astype(np.float64),
                found.calibrated[row],
                found.decisions[row],
                found.deciding[row],
                attention,
            )
        )
    return scored
