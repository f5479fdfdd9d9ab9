"""The models that are compared: checkpoints or a bundle's predictors, asked in the same way."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toxres.checkpoint import Checkpoint, load_checkpoint, need_scores
from toxres.errors import InputError
from toxres.explain.record import Explanation
from toxres.labels import LABELS
from toxres.paths import build_dir
from toxres.widgets.errors import BOUNDS

if TYPE_CHECKING:
    from toxres.serving.bundle import Bundle
    from toxres.serving.predictor import Predictor


@dataclasses.dataclass(frozen=True, eq=False)
class Voice:
    """One of the models.

    Attributes:
        name: What cards and tables call it.
        model: A checkpoint, or a bundle's predictor.
        thresholds: (6,) tuned, on the scale of calibrated probabilities.
    """

    name: str
    model: "Checkpoint | Predictor"
    thresholds: np.ndarray

    def calibrated(self, texts: Sequence[str]) -> np.ndarray:
        """Calibrated probabilities (N, 6) of N texts."""
        return self.model.calibration.apply(self.model.predict_logits(texts))

    def explain(self, text: str, label: str, method: str) -> Explanation:
        """Why the model gives a text its score of a label.

        Raises:
            InputError: The text is blank, or the method cannot explain the model.
        """
        if method == "attention" and getattr(self.model, "has_attention", False):
            return self._attention(text, label)
        if method == "occlusion" and self.model.tokenizer is None:  # so that a bundle is explained without torch
            from toxres.explain.occlusion import explain_occlusion
            from toxres.explain.subject import Subject

            subject = Subject(self.name, LABELS, predict=self.model.predict_logits)
            return explain_occlusion(subject, text, [LABELS.index(label)])
        from toxres.explain import explain

        found = explain(self.model, [text], method, [label], **BOUNDS.get(method, {}))[0]
        return dataclasses.replace(found, model=self.name)

    def _attention(self, text: str, label: str) -> Explanation:
        """Pooling attention of a bundle's model, which is no tokens to `explain`."""
        found = self.model.attention([text], label)[0]
        words = found.words()
        values = np.array([share for _, _, share in words], dtype=np.float64).reshape(-1, 1)
        score = self.model.predict_logits([text])[0, self.model.labels.index(label)]
        note = f"read in {found.windows} windows; these are the weights of one" if found.windows > 1 else ""
        spans, read, unknown = tuple(word[:2] for word in words), np.ones(len(words), dtype=bool), np.full(1, np.nan)
        return Explanation(
            found.text, spans, (label,), values, read, "attention", self.name, np.array([score], dtype=np.float64),
            unknown, unknown.copy(), note=note,
        )  # fmt: skip


def voices_of(models: object = None) -> "tuple[list[Voice], Bundle | None]":
    """Voices, and the bundle that they are of.

    Args:
        models: Checkpoints or predictors, or their folders, by name; a list of checkpoints or folders, which are called
            by their recipes; a bundle, or its folder; or None for the newest of `baseline`, `custom` and `ulmfit`
            under `build/checkpoints`.

    Raises:
        InputError: There is none, one cannot be opened or does not score the six labels, or two have the same name.
    """
    bundle = None
    if models is None:
        from toxres.newest import SIDE_BY_SIDE, belonging

        models = belonging(build_dir() / "checkpoints")
        if not models:
            raise InputError(
                f"build/checkpoints holds no checkpoint of {', '.join(SIDE_BY_SIDE)}; `make run` trains some, or name "
                "yours: Compare({'mine': 'build/checkpoints/mine'})"
            )
    if isinstance(models, str | Path):
        from toxres.serving.bundle import is_bundle, load_bundle

        models = load_bundle(models) if is_bundle(models) else [models]
    if hasattr(models, "manifest"):
        bundle, models = models, models.models
    if not isinstance(models, Mapping):
        models = _named([load_checkpoint(each) if isinstance(each, str | Path) else each for each in models])
    if not models:
        raise InputError("models: names none; give at least one, such as {'baseline': load_checkpoint(...)}")
    return [_voice(str(name), model) for name, model in models.items()], bundle


def _named(models: list[Checkpoint]) -> dict[str, Checkpoint]:
    """Checkpoints by their recipes, or by their folders where two have the same."""
    names = [model.name for model in models]
    if len(set(names)) < len(names):
        names = [Path(model.path).resolve().name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"two models are called {name!r}; name them: Compare({{'first': ..., 'second': ...}})")
    return dict(zip(names, models, strict=True))


def _voice(name: str, model: "Checkpoint | Predictor | str | Path") -> Voice:
    model = need_scores(load_checkpoint(model) if isinstance(model, str | Path) else model)
    if tuple(model.labels) != LABELS:
        raise InputError(f"{name}: scores {', '.join(model.labels)}, not the six labels; leave it out")
    tuned = np.asarray(model.thresholds, dtype=np.float64)
    with np.errstate(divide="ignore"):
        logits = np.log(tuned) - np.log1p(-tuned)
    return Voice(name, model, model.calibration.apply(logits[None])[0])
