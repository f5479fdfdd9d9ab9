"""One model for each group of sites: a folder of checkpoints, and which of them answers for which group."""

import functools
import hashlib
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from toxres.checkpoint import Checkpoint, load_checkpoint, need_scores
from toxres.errors import InputError
from toxres.evaluation.arrays import to_probs
from toxres.files import atomic_path, need_writable, read_json, write_json
from toxres.tasks import Task

ROUTES = "router.json"
"""What makes a folder a router: group to folder of its checkpoint."""

GROUP_COLUMN = "group"
"""Where a file says which group of sites a comment is of, unless told otherwise."""


class Predictions(NamedTuple):
    """What models say of N comments, each with its own thresholds.

    Attributes:
        logits: N x L, not probabilities.
        calibrated: N x L recalibrated probabilities.
        thresholds: N x L, for the probabilities before recalibration.
    """

    logits: np.ndarray
    calibrated: np.ndarray
    thresholds: np.ndarray


class Router:
    """Checkpoints by group of sites.

    Attributes:
        path: The folder.
        routes: Group to the name of the checkpoint's folder.
        fallback: Name of the checkpoint's folder for any other group, or None: other groups are refused.
    """

    def __init__(self, path: Path, routes: Mapping[str, str], fallback: str | None) -> None:
        self.path = path
        self.routes = dict(routes)
        self.fallback = fallback

    def route(self, group: str) -> str:
        """Name of the checkpoint that answers for a group.

        Raises:
            InputError: The group is unknown and there is no fallback.
        """
        name = self.routes.get(group, self.fallback)
        if name is None:
            known = ", ".join(self.routes)
            raise InputError(f"group {group!r} has no model; choose one of: {known}, or make a router with a fallback")
        return name

    @functools.cached_property
    def task(self) -> Task:
        """What its models decide, which is the same for all of them.

        Raises:
            InputError: They have different tasks.
        """
        return _one_task([self.checkpoint(name) for name in self.names()])

    @property
    def labels(self) -> tuple[str, ...]:
        """The L labels of its task."""
        return self.task.labels

    @functools.cache  # noqa: B019  a router lives as long as its process
    def checkpoint(self, name: str) -> Checkpoint:
        """The checkpoint of this name, loaded once."""
        return load_checkpoint(self.path / name)

    @property
    def name(self) -> str:
        """What tables call it."""
        return "router"

    @property
    def run(self) -> dict:
        """What a report says about its training: a key of all its models' runs, and their presets."""
        runs = {name: self.checkpoint(name).run for name in self.names()}
        keys = [(group, runs[name].get("key")) for group, name in sorted(self.routes.items())]
        digest = hashlib.sha256(repr([*keys, runs.get(self.fallback, {}).get("key")]).encode())
        presets = sorted({run["preset"].get("name", "unknown") for run in runs.values()})
        return {"key": digest.hexdigest()[:16], "preset": {"name": ", ".join(presets)}}

    def names(self) -> list[str]:
        """Names of all its checkpoints."""
        return sorted({*self.routes.values(), *([] if self.fallback is None else [self.fallback])})

    def runs(self, groups: Iterable[str]) -> list[dict]:
        """The records of the runs that trained the checkpoints which answer for these groups.

        Raises:
            InputError: As `route` does.
        """
        return [self.checkpoint(name).run for name in sorted({self.route(group) for group in groups})]

    def predict(self, texts: Sequence[str], groups: Sequence[str] | str) -> Predictions:
        """Logits, recalibrated probabilities and thresholds of N comments, each by its group's model.

        Args:
            texts: N comments.
            groups: Their groups, or one for all.

        Raises:
            InputError: There are not as many groups as texts, or as `route` does.
        """
        groups = [groups] * len(texts) if isinstance(groups, str) else list(groups)
        if len(groups) != len(texts):
            raise InputError(f"groups: {len(groups)} for {len(texts)} texts; give one for each, or one for all")
        names = np.array([self.route(group) for group in groups], dtype=object)
        found = Predictions(*(np.zeros((len(texts), len(self.labels))) for _ in Predictions._fields))
        for name in sorted(set(names)):
            rows, model = np.flatnonzero(names == name), self.checkpoint(name)
            logits = model.predict_logits([texts[row] for row in rows])
            found.logits[rows], found.thresholds[rows] = logits, model.thresholds
            found.calibrated[rows] = model.calibration.apply(logits)
        return found

    def predict_proba(self, texts: Sequence[str], groups: Sequence[str] | str, calibrated: bool = False) -> np.ndarray:
        """Probabilities of N comments, each by its group's model: N x L, in their order.

        Args:
            texts: N comments.
            groups: Their groups, or one for all.
            calibrated: Recalibrate each model's probabilities on its own validation rows, which makes them comparable.

        Raises:
            InputError: As `predict` does.
        """
        found = self.predict(texts, groups)
        return found.calibrated if calibrated else to_probs(found.logits, self.task.exclusive)


def make_router(checkpoints: Mapping[str, str | Path], out: str | Path, fallback: str | Path | None = None) -> Path:
    """Copy checkpoints into one folder that routes each group of sites to its own.

    Args:
        checkpoints: Group to checkpoint folder; one checkpoint may serve several groups and is copied once.
        out: The folder to write.
        fallback: Checkpoint for every other group.

    Raises:
        InputError: A checkpoint is broken, two have different tasks, no group is given, a group's name is empty, or
            `out` exists.
    """
    out = Path(out)
    need_writable(out, folder=True)
    if out.exists():
        raise InputError(f"{out}: exists; remove it or choose another folder")
    if not checkpoints:
        raise InputError("checkpoints: no group is given; give at least one, such as wikipedia")
    if not all(group.strip() for group in checkpoints):
        raise InputError("checkpoints: a group's name is empty; name it")
    folders: dict[Path, str] = {}
    models = []
    for folder in [*checkpoints.values(), *([] if fallback is None else [fallback])]:
        models.append(need_scores(load_checkpoint(folder)))
        folders.setdefault(Path(folder).resolve(), f"model-{len(folders)}")
    _one_task(models)
    routes = {group: folders[Path(folder).resolve()] for group, folder in checkpoints.items()}
    other = None if fallback is None else folders[Path(fallback).resolve()]
    with atomic_path(out) as temporary:
        temporary.mkdir()
        for folder, name in folders.items():
            shutil.copytree(folder, temporary / name)
        write_json(temporary / ROUTES, {"groups": routes, "fallback": other})
    return out


def _one_task(models: Sequence[Checkpoint]) -> Task:
    """The task that all checkpoints share.

    Raises:
        InputError: They have different tasks.
    """
    first = models[0]
    for model in models[1:]:
        if model.task != first.task:
            raise InputError(
                f"{model.path}: its task is {model.task}, but that of {first.path} is {first.task}; route to models of "
                "one task"
            )
    return first.task


def load_router(path: str | Path) -> Router:
    """Open a folder that `make_router` wrote.

    Raises:
        InputError: There is no such folder, or its routes are broken or lead nowhere.
    """
    path = Path(path)
    if not (path / ROUTES).is_file():
        raise InputError(f"{path}: {ROUTES} is missing, so this is no router; name a folder that make_router wrote")
    try:
        routes = read_json(path / ROUTES)
        groups, fallback = dict(routes["groups"]), routes["fallback"]
        names = {*groups.values(), *([] if fallback is None else [fallback])}
        missing = sorted(name for name in names if not (path / name).is_dir())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path / ROUTES}: is broken ({type(error).__name__}); make the router again") from error
    if missing or not groups:
        raise InputError(f"{path / ROUTES}: leads to no checkpoint {', '.join(missing)}; make the router again")
    return Router(path, groups, fallback)


def open_model(path: str | Path) -> Checkpoint | Router:
    """Open a checkpoint that scores comments, or a folder that `make_router` wrote.

    Raises:
        InputError: As `load_checkpoint` and `load_router` do, or the checkpoint marks spans and scores no comments.
    """
    from toxres.checkpoint import load_checkpoint

    return load_router(path) if (Path(path) / ROUTES).is_file() else need_scores(load_checkpoint(path))
