"""Reading back what the runs of an experiment scored, and refusing what does not belong together."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.config import Preset
from toxres.data import load_comments, targets
from toxres.errors import InputError
from toxres.evaluation.oof import CrossFitted, cross_fitted
from toxres.files import read_json
from toxres.labels import LABELS
from toxres.training.experiments import RESULTS


@dataclasses.dataclass(frozen=True)
class OutOfFold:
    """Out-of-fold scores of one model on Jigsaw.

    Attributes:
        name: Of the model.
        ids: (N,) comment ids.
        folds: (N,) fold of each comment, which its model was not trained on.
        targets: (N, 6).
        logits: (N, 6), from the committed probabilities.
        fitted: Cross-fitted thresholds, calibration and the evaluation of all rows pooled.
        runs: The record of each fold's run.
    """

    name: str
    ids: np.ndarray
    folds: np.ndarray
    targets: np.ndarray
    logits: np.ndarray
    fitted: CrossFitted
    runs: list[dict]

    def by_fold(self, values: np.ndarray) -> list[np.ndarray]:
        """Rows of `values` (N, ...), one array a fold."""
        return [values[self.folds == fold] for fold in np.unique(self.folds)]


def read_out_of_fold(experiment: str, name: str, folder: Path = RESULTS, source: str = "jigsaw") -> OutOfFold:
    """Read what the runs of one model left and fit thresholds and calibration across folds.

    Args:
        experiment: "oof" or "ablation".
        name: Of the model, e.g. "baseline".
        folder: Of the results.
        source: Of the comments' labels and folds.

    Raises:
        InputError: There are fewer than two folds, their runs differ in more than the fold, the comments are not at
            hand, or ids do not fit.
    """
    files = sorted((folder / experiment).glob(f"{name}-fold[0-9].csv"))
    if len(files) < 2:
        raise InputError(
            f"{folder / experiment}: scores of {len(files)} folds of {name!r}; "
            f"run `python -m toxres.training.experiments {experiment}` first"
        )
    runs = [read_json(file.with_suffix(".json")) for file in files]
    need_same_settings(runs, [f"{experiment}/{file.stem}" for file in files])
    scores = pd.concat([pd.read_csv(file, dtype={"id": str}).assign(fold=int(file.stem[-1])) for file in files])
    comments = load_comments(source)
    attrs = dict(comments.attrs)
    comments = comments.set_index("id", drop=False)
    comments.attrs = attrs
    unknown = scores.loc[~scores["id"].isin(comments.index), "id"]
    if len(unknown):
        raise InputError(f"{experiment}/{name}: {len(unknown)} ids are not in {source}, e.g. {unknown.iloc[0]}")
    rows = comments.loc[scores["id"]]
    same_files = all(run["sources"][0]["sha256"] == comments.attrs["sha256"] for run in runs)
    misplaced = rows["fold"].to_numpy() != scores["fold"].to_numpy()
    if same_files and misplaced.any():
        fold = scores["fold"].to_numpy()[misplaced][0]
        raise InputError(f"{experiment}/{name}: holds comments that are not in fold {fold} of {source}; run it again")
    probs = scores[list(LABELS)].to_numpy(dtype=np.float64).clip(1e-9, 1 - 1e-7)
    logits = np.log(probs) - np.log1p(-probs)
    truth, folds = targets(rows), scores["fold"].to_numpy()
    return OutOfFold(name, rows["id"].to_numpy(), folds, truth, logits, cross_fitted(truth, logits, folds), runs)


def need_same_settings(runs: Sequence[dict], names: Sequence[str], but: Sequence[str] = ()) -> None:
    """Refuse runs that differ in recipe, preset, sources or the run they started from.

    Folds may differ in what follows from the fold: rows, seed, and when and by which commit they were trained.

    Args:
        runs: Their records.
        names: What an error calls them.
        but: Settings that may differ: "recipe", "preset", "sources", "initial".

    Raises:
        InputError: Two of them differ.
    """
    first = run_settings(runs[0])
    for run, name in zip(runs, names, strict=True):
        for key, value in run_settings(run).items():
            if key not in but and value != first[key]:
                raise InputError(
                    f"{name}: its {key} differs from that of {names[0]} ({_difference(first[key], value)}); "
                    "remove the older of the two results and run the experiment again"
                )


def run_settings(run: dict) -> dict:
    """What has to be the same of two runs that are taken together; settings a record does not know are at defaults."""
    preset = run.get("preset", {})
    known = {field.name: preset.get(field.name, field.default) for field in dataclasses.fields(Preset)}
    if run.get("recipe") == "tfidf":
        known = {key: known[key] for key in ("max_rows", "max_rows_auxiliary")}
    initial = run.get("initial") or {}
    return {
        "recipe": run.get("recipe"),
        "preset": known,
        "sources": [(entry["name"], entry["sha256"]) for entry in run["sources"]],
        "initial": {"run": initial.get("key")},
    }


def _difference(one: object, other: object) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        key = next(key for key in one if one[key] != other[key])
        return f"{key}: {one[key]} and {other[key]}"
    return f"{one} and {other}"


def on_common_folds(one: OutOfFold, other: OutOfFold) -> tuple[OutOfFold, OutOfFold]:
    """The two on the folds both have, their rows in the same order.

    Raises:
        InputError: They score different comments of these folds.
    """
    if not np.array_equal(one.ids, other.ids):
        folds = np.intersect1d(one.folds, other.folds)
        one, other = (
            dataclasses.replace(
                scores,
                ids=scores.ids[kept],
                folds=scores.folds[kept],
                targets=scores.targets[kept],
                logits=scores.logits[kept],
                fitted=cross_fitted(scores.targets[kept], scores.logits[kept], scores.folds[kept]),
            )
            for scores in (one, other)
            for kept in [np.isin(scores.folds, folds)]
        )
    if not np.array_equal(one.ids, other.ids):
        raise InputError(f"{one.name} and {other.name} score different comments of the same folds; run them again")
    return one, other
