"""What scores the comments of a file: opened, with the groups it asks for and what tells its version."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from toxres.errors import InputError
from toxres.files import sha256
from toxres.labels import LABELS

if TYPE_CHECKING:
    from toxres.router import Router

SLICE = 512
"""Texts that a model gets at a time, all of similar length."""


class Scorer(Protocol):
    """What can score: a checkpoint, or anything with its `predict_proba`."""

    def predict_proba(self, texts: list[str], calibrated: bool = False) -> np.ndarray:
        """Probabilities (N, L) of N comments; L are the six labels, or those that an attribute `labels` names."""


class Asked(NamedTuple):
    """What a model is asked for.

    Attributes:
        checkpoint: A checkpoint, a router of groups of sites, a predictor of a bundle, or the folder of one.
        model: For a bundle of several models: the name of the one that scores.
        calibrated: Whether probabilities are recalibrated.
        group: For a router: the group of all comments.
        group_column: For a router: name of the column with each comment's group.
        whole: For a bundle: long texts are read to their end, in windows; else, as checkpoints do, only as far as
            training did.
    """

    checkpoint: "Scorer | Router | str | Path"
    model: str | None = None
    calibrated: bool = False
    group: str | None = None
    group_column: str | None = None
    whole: bool = True


class Opened(NamedTuple):
    """A model that is ready.

    Attributes:
        labels: The L labels it scores.
        predict: Probabilities (N, L) of N texts of these groups.
        route: Tells which of a router's models answers for a group; None where there is one model for all.
        column: The column of groups to read, or None.
        version: Changes whenever the scores may.
    """

    labels: tuple[str, ...]
    predict: Callable[[list[str], list[str | None]], np.ndarray]
    route: Callable[[str], str] | None
    column: str | None
    version: str


def open_scorer(asked: Asked) -> Opened:
    """Open a model for what it is asked.

    Raises:
        InputError: There is no such model, it is no bundle's, or the groups do not fit it.
    """
    from toxres.router import GROUP_COLUMN, Router

    named = isinstance(asked.checkpoint, str | Path)
    model = _open(asked.checkpoint, asked.model, asked.whole) if named else asked.checkpoint
    labels, version = tuple(getattr(model, "labels", LABELS)), _version(model)
    if not isinstance(model, Router):
        if asked.group is not None or asked.group_column is not None:
            option = "--group" if asked.group is not None else "--group-column"
            raise InputError(
                f"{option}: {getattr(model, 'path', 'the checkpoint')} is one checkpoint for all groups; leave "
                f"{option} out, or make a router of several with `toxres router`"
            )
        return Opened(
            labels, lambda texts, _: model.predict_proba(texts, calibrated=asked.calibrated), None, None, version
        )
    if asked.group is not None and asked.group_column is not None:
        raise InputError("--group and --group-column were both given; name one group for all, or the column of groups")
    if asked.group is not None:
        model.route(asked.group)
        return Opened(
            labels,
            lambda texts, _: model.predict_proba(texts, asked.group, asked.calibrated),
            None,
            None,
            version,
        )
    column = GROUP_COLUMN if asked.group_column is None else asked.group_column
    return Opened(
        labels,
        lambda texts, groups: model.predict_proba(texts, groups, asked.calibrated),
        model.route,
        column,
        version,
    )


def predict_sorted(
    opened: Opened,
    texts: Sequence[str],
    groups: Sequence[str | None],
    on_texts: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Probabilities (M, L) of M texts in their order, float64, computed in slices of similar length, the longest first.

    What a text is padded with may change its scores in their last digits, so they depend on all M texts, and on
    nothing else.

    Args:
        opened: The model.
        texts: M texts.
        groups: Their groups.
        on_texts: Called with the number of texts scored so far.
    """
    probs = np.empty((len(texts), len(opened.labels)), dtype=np.float64)
    order = np.argsort([-len(text) for text in texts], kind="stable")
    for at in range(0, len(texts), SLICE):
        rows = order[at : at + SLICE]
        probs[rows] = opened.predict([texts[row] for row in rows], [groups[row] for row in rows])
        if on_texts is not None:
            on_texts(at + len(rows))
    return probs


def _open(path: str | Path, name: str | None, whole: bool) -> "Scorer | Router":
    """The checkpoint, router, or model of a bundle in a folder.

    A bundle's model runs a batch on each core, or on as many as `OMP_NUM_THREADS` says.
    """
    from toxres.router import open_model
    from toxres.serving.bundle import is_bundle, load_bundle
    from toxres.serving.engines import cores
    from toxres.serving.manifest import read_manifest

    if not is_bundle(path):
        if name is not None:
            raise InputError(f"--model: {path} is no bundle of several models; leave it out")
        return open_model(path)
    models = list(read_manifest(Path(path))["models"])
    if name not in models and (name is not None or len(models) > 1):
        said = "holds several models; name one" if name is None else f"holds no model {name!r}; name another"
        raise InputError(f"{path}: {said} with --model: {', '.join(models)}")
    name = models[0] if name is None else name
    wanted = os.environ.get("OMP_NUM_THREADS", "")
    streams = min(int(wanted), cores()) if wanted.isdecimal() and int(wanted) else cores()
    return load_bundle(path, threads=1, only=name, streams=streams, whole=whole).models[name]


def _version(model: "Scorer | Router") -> str:
    """Hex digits of every file of the model, or what else is known of it; and of what it computes with."""
    path, known = getattr(model, "path", None), getattr(model, "version", None)
    if known is None and path is not None and Path(path).is_dir():
        files = sorted(file for file in Path(path).rglob("*") if file.is_file())
        known = [(file.relative_to(path).as_posix(), sha256(file)) for file in files]
    if known is None:
        known = f"{type(model).__module__}.{type(model).__qualname__}"
    computes = [getattr(model, name, None) for name in ("runtime", "precision", "whole")]
    return hashlib.sha256(repr([known, computes]).encode()).hexdigest()[:16]
