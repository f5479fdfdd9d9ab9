"""A stack: several views of a comment, each with logits of its own, and a logistic regression that blends them.

D. Wolpert: Stacked generalization (1992). The views are n-grams, layers of a frozen encoder, and upper layers of that
encoder fine-tuned once a fold. The blend is fitted on out-of-fold logits, so no view is trusted for what it knows by
heart.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.numpy import load_file, save
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save as save_tensors
from transformers import AutoConfig, AutoModel, AutoTokenizer

from toxres.errors import InputError
from toxres.files import read_json, write_json
from toxres.models.encoders import Encoder, without_pooler
from toxres.models.trunk import States, Upper, build_upper, member_logits, read_comments
from toxres.models.views import FeatureView, NgramSettings, NgramView, fit_logistic
from toxres.text import normalise

WEIGHTS = "stack.safetensors"
DESCRIPTION = "stack.json"
MEMBERS = "members.safetensors"
ENCODER = "encoder"
LAYER_VIEWS = ("layers-mean", "layers-max")

_STEPS = ("mojibake", "entities", "invisible", "compose", "links", "emails", "mentions", "whitespace", "repeats")
_WORDS = {"<mention>": "@", "<url>": "http", "<email>": "email"}


class Reading(NamedTuple):
    """What the encoder's settings are.

    Attributes:
        depth: Layers of the trunk, below the members.
        layers: Layers whose mean over the tokens the frozen view sees.
        max_length: Tokens a comment is cut off at.
    """

    depth: int
    layers: tuple[int, ...]
    max_length: int


class Blend:
    """A logistic regression a label on that label's standardised logits of all views.

    Attributes:
        coef: (L, V) weights, for logits as they come.
        intercept: (L,).
    """

    def __init__(self, n_labels: int = 0, n_views: int = 0) -> None:
        self.coef = np.zeros((n_labels, n_views), dtype=np.float32)
        self.intercept = np.zeros(n_labels, dtype=np.float32)

    def fit(self, logits: np.ndarray, targets: np.ndarray, C: float = 1.0) -> "Blend":
        """Fit on logits (V, N, L) of comments no view was trained on, and targets (N, L; NaN unknown). Returns itself.

        Both classes count as often as they come, so the result is calibrated where the views' logits are linear.
        """
        views, _, labels = logits.shape
        self.__init__(labels, views)
        for label in range(labels):
            known = ~np.isnan(targets[:, label])
            seen = logits[:, known, label].T.astype(float)  # N x V
            centre, spread = (seen.mean(axis=0), seen.std(axis=0) + 1e-6) if len(seen) else (0.0, 1.0)
            weights, bias = fit_logistic((seen - centre) / spread, targets[known, label] >= 0.5, C, balanced=False)
            self.coef[label] = weights / spread
            self.intercept[label] = bias - np.sum(weights / spread * centre)
        return self

    def predict_logits(self, logits: np.ndarray) -> np.ndarray:
        """Blended logits (N, L), float32, of logits (V, N, L)."""
        return (np.einsum("vnl,lv->nl", logits, self.coef) + self.intercept).astype(np.float32)


def cross_fitted_blend(logits: np.ndarray, targets: np.ndarray, folds: np.ndarray, C: float = 1.0) -> np.ndarray:
    """Blended logits (N, L) of which each row's blend was fitted on the other folds.

    Args:
        logits: (V, N, L), out of fold.
        targets: (N, L), NaN unknown.
        folds: (N,), at least two different ones.
        C: Inverse strength of the blend's L2 penalty.

    Raises:
        InputError: Shapes that do not match, or one fold alone.
    """
    if logits.ndim != 3 or logits.shape[1:] != targets.shape or len(folds) != len(targets):
        raise InputError(
            f"logits have shape {logits.shape}, targets {targets.shape}, folds {np.shape(folds)}; give (V, N, L), "
            "(N, L) and (N,)"
        )
    if len(np.unique(folds)) < 2:
        raise InputError("folds: all rows are in one fold; give at least two")
    blended = np.zeros(targets.shape, dtype=np.float32)
    for fold in np.unique(folds):
        here = folds == fold
        blended[here] = Blend().fit(logits[:, ~here], targets[~here], C).predict_logits(logits[:, here])
    return blended


class StackModel:
    """Views and their blend. Saved as safetensors, JSON and the encoder's own folder; nothing is pickled.

    Attributes:
        reading: How the encoder reads.
        encoder: The encoder and its tokenizer.
        ngrams: Views of n-grams.
        layers: The two views of frozen layers, of the mean over the tokens and of the maximum.
        members: Fine-tuned upper layers; the mean of their logits is one view.
        first: Upper layers that learned from further sources alone, a view of its own, or None.
        blend: Over the views, in the order of `view_names`.
    """

    def __init__(
        self,
        reading: Reading,
        encoder: Encoder,
        ngrams: Sequence[NgramView],
        layers: tuple[FeatureView, FeatureView],
        members: Sequence[Upper],
        first: Upper | None,
        blend: Blend,
    ) -> None:
        self.reading = reading
        self.encoder = encoder
        self.ngrams = list(ngrams)
        self.layers = layers
        self.members = list(members)
        self.first = first
        self.blend = blend

    @property
    def view_names(self) -> list[str]:
        """Names of the views, in the order of the blend's weights."""
        return [*(view.settings.name for view in self.ngrams), *LAYER_VIEWS, *(["first"] * bool(self.first)), "members"]

    def view_logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits of each view (V, N, L), float32."""
        prepared = [prepare(text) for text in texts]
        read = read_comments(self.encoder, prepared, *self.reading)
        logits = [view.predict_logits(prepared) for view in self.ngrams]
        logits += [view.predict_logits(part) for view, part in zip(self.layers, read[1:], strict=True)]
        if self.first is not None:
            logits.append(first_logits(self.first, read.states, len(self.blend.intercept)))
        return np.stack([*logits, mean_logits(self.members, read.states)])

    def predict_logits(self, texts: Sequence[str]) -> np.ndarray:
        """Logits, not probabilities: N x L, float32."""
        if not len(texts):
            return np.zeros((0, len(self.blend.intercept)), dtype=np.float32)
        return self.blend.predict_logits(self.view_logits(texts))

    def save(self, folder: Path) -> None:
        """Write everything into an existing folder."""
        arrays = {"blend.coef": self.blend.coef, "blend.intercept": self.blend.intercept}
        for name, view in zip(LAYER_VIEWS, self.layers, strict=True):
            arrays |= {f"{name}.coef": view.coef, f"{name}.intercept": view.intercept}
        for number, view in enumerate(self.ngrams):
            arrays |= {f"ngrams.{number}.{name}": getattr(view, name) for name in ("coef", "intercept", "idf")}
        # safetensors' own save_file would make a file that no other user can read.
        (folder / WEIGHTS).write_bytes(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
        weights = {
            f"{number}.{name}": weight.contiguous()
            for number, member in [*enumerate(self.members), *([("first", self.first)] if self.first else [])]
            for name, weight in member.state_dict().items()
        }
        (folder / MEMBERS).write_bytes(save_tensors(weights))
        description = {
            "reading": self.reading._asdict(),
            "members": len(self.members),
            "first": self.first is not None,
            "ngrams": [
                {
                    "settings": dataclasses.asdict(view.settings),
                    "terms": sorted(view.vocabulary, key=view.vocabulary.get),
                }
                for view in self.ngrams
            ],
        }
        write_json(folder / DESCRIPTION, description)
        self.encoder.model.save_pretrained(folder / ENCODER)
        self.encoder.tokenizer.save_pretrained(folder / ENCODER)
        (folder / ENCODER / "model.safetensors").chmod((folder / DESCRIPTION).stat().st_mode)

    @classmethod
    def load(cls, folder: Path) -> "StackModel":
        """Read what `save` wrote.

        Raises:
            InputError: A file is missing or broken.
        """
        try:
            description = read_json(folder / DESCRIPTION)
            arrays = load_file(folder / WEIGHTS)
            tensors = load_tensors(folder / MEMBERS)
            reading = Reading(**description["reading"] | {"layers": tuple(description["reading"]["layers"])})
            encoder = _load_encoder(folder / ENCODER)
            views = []
            for number, entry in enumerate(description["ngrams"]):
                view = NgramView(NgramSettings(**entry["settings"]))
                view.vocabulary = {term: column for column, term in enumerate(entry["terms"])}
                view.coef, view.intercept, view.idf = (
                    arrays[f"ngrams.{number}.{name}"] for name in ("coef", "intercept", "idf")
                )
                views.append(view)
            layers, blend = (FeatureView(), FeatureView()), Blend()
            for name, view in zip((*LAYER_VIEWS, "blend"), (*layers, blend), strict=True):
                view.coef, view.intercept = arrays[f"{name}.coef"], arrays[f"{name}.intercept"]
            members = []
            for number in [*range(description["members"]), *(["first"] * description["first"])]:
                state = {key.partition(".")[2]: value for key, value in tensors.items() if key.startswith(f"{number}.")}
                members.append(load_member(encoder, reading.depth, state))
            first = members.pop() if description["first"] else None
            return cls(reading, encoder, views, layers, members, first, blend)
        except Exception as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{folder}: the stack is broken ({reason}); train it again") from error


def _load_encoder(folder: Path) -> Encoder:
    """What `save` wrote: an encoder without a pooling layer of its own."""
    model = without_pooler(AutoModel.from_config(AutoConfig.from_pretrained(folder)))
    model.load_state_dict(load_tensors(folder / "model.safetensors"))
    return Encoder(model.eval(), AutoTokenizer.from_pretrained(folder))


def load_member(encoder: Encoder, depth: int, state: dict[str, torch.Tensor]) -> Upper:
    """A member with these weights above an encoder's trunk, in evaluation mode."""
    member = build_upper(encoder, depth, len(state["head.out.bias"]), dropout=0.0)
    member.load_state_dict(state)
    return member.eval()


def mean_logits(members: Sequence[Upper], states: States) -> np.ndarray:
    """Mean of the members' logits (N, L), float32."""
    return np.mean([member_logits(member, states) for member in members], axis=0, dtype=np.float32)


def first_logits(first: Upper, states: States, n_labels: int) -> np.ndarray:
    """Logits (N, L) of upper layers that learned other labels: each label's own if there are as many, else the first's.

    Args:
        first: Whose first label is the broadest, such as `toxic`.
        states: Of N comments.
        n_labels: L.
    """
    logits = member_logits(first, states)
    return logits if logits.shape[1] == n_labels else np.repeat(logits[:, :1], n_labels, axis=1)


def prepare(text: str) -> str:
    """A comment as the views read it: repaired, links, addresses and mentions as one short word each."""
    text = normalise(text, _STEPS).text
    for token, word in _WORDS.items():
        text = text.replace(token, word)
    return text
