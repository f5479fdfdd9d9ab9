"""A bundle without weights: models whose logits are sums over words, so that every score and explanation is known."""

import contextlib
import re
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import httpx
import numpy as np

from toxres.evaluation.calibration import Calibration
from toxres.labels import LABELS
from toxres.serving.app import create_app
from toxres.serving.bundle import Bundle
from toxres.serving.local import served as serving_locally
from toxres.serving.models import WindowScores
from toxres.serving.predictor import Predictor
from toxres.serving.reading import Reading, Window
from toxres.serving.settings import Limits, Settings
from toxres.tasks import TOXICITY
from toxres.triage import GroupThresholds, Policy, Triage

WORDS = {
    "fool": (3.0, -1.0, 0.5, -0.5, 4.5, 0.0),
    "rubbish": (1.5, 0.0, 2.0, 0.0, 1.0, 0.0),
    "idiot": (3.5, 0.0, 0.5, 0.0, 4.8, 0.0),
    "hell": (1.0, 0.0, 3.4, 0.0, 0.0, 0.0),
    "find": (1.6, 0.6, 0.0, 3.6, 0.0, 0.0),
    "liars": (3.0, 0.6, 0.0, 0.0, 2.8, 3.0),
    "valley": (0.4, 0.0, 0.0, 0.0, 0.0, 1.6),
    "thanks": (-2.5, -1.0, -1.0, -0.5, -2.0, -0.5),
    "brilliant": (-1.8, 0.0, -0.6, 0.0, -1.5, 0.0),
}
"""What a word adds to the logits of the six labels."""

BIAS = np.array([-2.6, -5.0, -3.4, -4.4, -3.2, -4.6])
MAX_WORDS = 24
OVERLAP = 6
GROUPS = ("news", "forum")
_WORD = re.compile(r"\w+|[^\w\s]")


class _Reading(Reading):
    """A reading whose spans are known without a tokenizer."""

    def spans(self, window: int) -> np.ndarray:
        return np.array(self.encodings[window], dtype=np.int64).reshape(-1, 2)


class WordModel:
    """Logits by words.

    Args:
        factor: Of all weights.
        seconds: How long a batch takes, a token.
    """

    runtime, precision = "words", "fp32"

    def __init__(self, factor: float = 1.0, has_attention: bool = True, seconds: float = 0.0) -> None:
        self.factor, self.has_attention, self.seconds = factor, has_attention, seconds
        self.vocabulary = ["", *WORDS]
        self.weights = factor * np.array([np.zeros(6), *WORDS.values()])
        self.batches: list[list[int]] = []
        self.error: Exception | None = None

    def read(self, texts: Sequence[str]) -> list[Reading]:
        readings = []
        for text in texts:
            spans = [match.span() for match in _WORD.finditer(text)]
            starts = range(0, max(1, len(spans) - OVERLAP), MAX_WORDS - OVERLAP) if len(spans) > MAX_WORDS else [0]
            parts = [spans[start : start + MAX_WORDS] for start in starts]
            windows = []
            for part in parts:
                words = [text[start:end].lower() for start, end in part]
                ids = [self.vocabulary.index(word) if word in self.vocabulary else 0 for word in words]
                windows.append(Window(text, np.array([0, *ids, 0]), len(ids) + 2))
            with_special = [[(0, 0), *part, (0, 0)] for part in parts]
            readings.append(_Reading(text, tuple(windows), tuple(with_special)))
        return readings

    def score(self, windows: Sequence[Window]) -> list[WindowScores]:
        self.batches.append([window.length for window in windows])
        if self.error:
            raise self.error
        if self.seconds:
            time.sleep(self.seconds * sum(window.length for window in windows))
        found = []
        for window in windows:
            logits = self.factor * BIAS + self.weights[window.ids].sum(axis=0)
            told = 0.1 + np.abs(self.weights[window.ids]).sum(axis=1)
            found.append(WindowScores(logits.astype(np.float32), told / told.sum() if self.has_attention else None))
        return found


def fake_triage(unknown_group: str = "review") -> Triage:
    """Thresholds that promise nothing in particular, for two groups."""
    policy = Policy("news", {"toxic": 1, "insult": 1, "threat": 2}, wrong_decisions=0.01, groups=GROUPS,
                    unknown_group=unknown_group, always_review={"threat": 0.5})  # fmt: skip
    groups = {group: GroupThresholds(group, 0.2, 0.9, (), 1_000, 0) for group in GROUPS}
    return Triage(policy, groups, LABELS, {"checkpoint": "custom"})


def fake_predictor(name: str, factor: float = 1.0, has_attention: bool = True, seconds: float = 0.0) -> Predictor:
    """A predictor over a `WordModel`."""
    run = {"recipe": {"name": name}}
    thresholds = np.array([0.45, 0.3, 0.5, 0.3, 0.5, 0.35])
    calibration = Calibration("platt", np.full(6, 0.9), np.full(6, 0.05), LABELS)
    model = WordModel(factor, has_attention, seconds)
    return Predictor(name, f"{name[:4]:0<12}", Path(name), run, TOXICITY, calibration, thresholds, model)


def fake_bundle(seconds: float = 0.0) -> Bundle:
    """Two models that mostly agree."""
    models = {
        "baseline": fake_predictor("baseline", 0.8, has_attention=False, seconds=seconds),
        "custom": fake_predictor("custom", seconds=seconds),
    }
    manifest = {"digest": "0" * 64, "created": "2026-01-01T00:00:00+00:00", "models": {name: {} for name in models}}
    return Bundle(Path("fake"), manifest, models)


def fake_app(limits: Limits | None = None, *, database=None, triage=None, seconds: float = 0.0, **settings):
    """An app of `fake_bundle`, with `fake_triage` unless told otherwise."""
    bundle = fake_bundle(seconds)
    settings = Settings(limits or Limits(), **settings)
    return create_app(bundle, settings, triage=triage or fake_triage(), database=database)


@contextlib.contextmanager
def served(app) -> Iterator[httpx.Client]:
    """A client of an app that a real server serves on the loopback, in a thread; it ends with the block."""
    before = set(threading.enumerate())
    with serving_locally(app) as address, httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        yield client
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert "toxres-server" not in left, "the server does not end"
