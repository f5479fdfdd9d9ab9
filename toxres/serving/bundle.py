"""A bundle: one folder with everything a service needs, checked when it is opened."""

import functools
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toxres.checkpoint import CALIBRATION, RUN, THRESHOLDS
from toxres.errors import InputError
from toxres.evaluation.calibration import Calibration
from toxres.files import read_json
from toxres.serving.engines import cores
from toxres.serving.manifest import MANIFEST, read_manifest
from toxres.serving.models import open_model
from toxres.serving.predictor import Predictor
from toxres.tasks import Task, task_of

if TYPE_CHECKING:
    from toxres.triage import Triage

CARD = "card.json"
CARD_TEXT = "README.md"
CHOICE = "choice.json"
MODELS = "models"
TRIAGE = "triage"


class Bundle:
    """Models that answer together, loaded and ready.

    Attributes:
        path: The folder.
        manifest: What `manifest.json` says.
        models: Predictors by name, in the order they were exported.
    """

    def __init__(self, path: Path, manifest: dict, models: Mapping[str, Predictor]) -> None:
        self.path, self.manifest, self.models = path, manifest, dict(models)

    @property
    def version(self) -> str:
        """Twelve hex digits that change whenever any file of the bundle does."""
        return self.manifest["digest"][:12]

    @property
    def task(self) -> Task:
        """What its models decide, the same for all of them."""
        return next(iter(self.models.values())).task

    @property
    def labels(self) -> tuple[str, ...]:
        """The L labels of its task."""
        return self.task.labels

    @functools.cached_property
    def card(self) -> dict:
        """The model card as plain values: data, metrics, limits, intended use."""
        return read_json(self.path / CARD)

    @functools.cached_property
    def card_text(self) -> str:
        """The model card in Markdown."""
        return (self.path / CARD_TEXT).read_text(encoding="utf-8")

    @functools.cached_property
    def choice(self) -> dict:
        """Which runtime and precision were chosen, and what was measured of all candidates."""
        return read_json(self.path / CHOICE)

    @functools.cached_property
    def triage(self) -> "Triage | None":
        """The fitted triage that was exported with the models: verdicts by policy; None without one."""
        if not (self.path / TRIAGE).is_dir():
            return None
        from toxres.triage import load_triage

        return load_triage(self.path / TRIAGE)

    @property
    def triage_model(self) -> str | None:
        """Name of the model on whose calibrated probabilities the triage decides; None without a triage."""
        return self.manifest.get("triage", {}).get("model")


def load_bundle(
    path: str | Path, threads: int | None = None, *, only: str | None = None, streams: int = 1, whole: bool = True
) -> Bundle:
    """Open a bundle that `toxres export` wrote, check every byte of it, and load its models.

    Args:
        path: The folder.
        threads: That one batch of one model may use; None shares the machine's cores out among the models, and among
            their streams.
        only: Name of a model to load alone; None loads all.
        streams: Batches of a model that `predict` runs at once.
        whole: Read long texts in windows, to their end; else, as checkpoints do, only as far as training did.

    Raises:
        InputError: There is no bundle, it is of another version, a file is missing, changed or foreign, a model's
            runtime is not installed, or there is no model of that name.
    """
    path = Path(path)
    manifest = read_manifest(path)
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}; give a whole number above 0, or None")
    if streams < 1:
        raise InputError(f"streams is {streams}; give a whole number above 0")
    if only is not None and only not in manifest["models"]:
        raise InputError(f"{path}: holds no model {only!r}; name one of {', '.join(manifest['models'])}")
    names = list(manifest["models"]) if only is None else [only]
    threads = threads or max(1, cores() // max(1, len(names) * streams))
    return Bundle(path, manifest, {name: _predictor(path, name, manifest, threads, streams, whole) for name in names})


def is_bundle(path: str | Path) -> bool:
    """Whether a path is a folder that says it is a bundle."""
    return (Path(path) / MANIFEST).is_file()


def _predictor(path: Path, name: str, manifest: dict, threads: int, streams: int, whole: bool) -> Predictor:
    folder = path / MODELS / name
    run = read_json(folder / RUN)
    task = task_of(run["recipe"])
    thresholds = read_json(folder / THRESHOLDS)
    hashes = sorted((file, entry["sha256"]) for file, entry in manifest["files"].items() if f"/{name}/" in file)
    return Predictor(
        name,
        hashlib.sha256(repr(hashes).encode()).hexdigest()[:12],
        folder,
        run,
        task,
        Calibration.from_dict(read_json(folder / CALIBRATION)),
        np.array([thresholds[label] for label in task.labels], dtype=np.float64),
        open_model(folder, manifest["models"][name], threads, streams),
        streams=streams,
        whole=whole,
    )
