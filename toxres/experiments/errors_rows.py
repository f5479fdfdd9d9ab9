"""Which comments the error analysis scores: those a model is tested on, and those its hate decision is chosen on."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from toxres.config import Preset
from toxres.data import load_comments
from toxres.data.splits import TEST_FOLD, VALIDATION_FOLD
from toxres.errors import InputError
from toxres.labels import LABELS
from toxres.training.rows import TrainingRows, select_rows

SOURCES = ("jigsaw", "civil_spans", "davidson")
"""What the models are trained on, validated on and tested on; each its own folds."""

BALANCED = "balanced"
"""The source whose validation frames every decision is chosen on, beside real comments; none is ever trained on."""

MOST_TESTED = 2_400
"""Comments of a source's test fold that are scored, drawn at random where there are more."""


class Validation(NamedTuple):
    """Comments that a decision may be chosen on.

    Attributes:
        comments: Of fold 1, with ids "source:id".
        left_out: By source, the comments of fold 1 that are left out because the model learned from them, or from
            duplicates of them.
    """

    comments: pd.DataFrame
    left_out: dict[str, int]


def tested_rows(sources: Sequence[str] = SOURCES, most: int = MOST_TESTED) -> pd.DataFrame:
    """Comments of the test folds, for final figures only; ids are "source:id"."""
    frames = []
    for source in sources:
        comments = load_comments(source, split=f"fold:{TEST_FOLD}", limit=most)
        frames.append(_named(comments, source))
    return pd.concat(frames, ignore_index=True)


def validation_rows(run: Mapping) -> Validation:
    """Comments of fold 1 of every source of a run, without those that the model or its first stage was trained on.

    A run trains on fold 1 of every source but its first, as far as its preset reads them: what is left of these is what
    was not drawn. A comment whose near duplicate was trained on is left out too. Of the balanced comments, whose fold 1
    no run trains on, there are as many as of the first source, whether the run learned others of them or not.

    Args:
        run: What `run.json` of the checkpoint says.

    Raises:
        InputError: The sources at hand are not those it was trained on.
    """
    trained = trained_ids(run)
    frames, left_out = [], {}
    entries = [*run["sources"], *(run.get("initial") or {}).get("sources", ())]
    for source in dict.fromkeys([*(entry["name"] for entry in entries), BALANCED]):
        comments = load_comments(source)
        if "cluster" not in comments:
            raise InputError(f"{source}: has no folds, so nothing of it is known to be unseen; take a named source")
        seen = set(comments.loc[comments["id"].isin(trained.get(source, ())), "cluster"])
        fold = comments[comments["fold"] == VALIDATION_FOLD]
        kept = fold[~fold["cluster"].isin(seen)]
        left_out[source] = len(fold) - len(kept)
        if source == BALANCED:
            kept = kept.sample(min(len(kept), len(frames[0])), random_state=0).sort_index()
        frames.append(_named(kept, source))
    return Validation(pd.concat(frames, ignore_index=True), left_out)


def trained_ids(run: Mapping) -> dict[str, set[str]]:
    """By source, the ids of the comments that a run, or the first stage of it, was trained on.

    They are drawn again, as the run drew them.

    Args:
        run: What `run.json` of the checkpoint says.

    Raises:
        InputError: What is drawn now is not what the run was trained on: the data at hand are others.
    """
    fields = {field.name for field in dataclasses.fields(Preset)}
    preset = Preset(**{name: value for name, value in run["preset"].items() if name in fields})
    names = [entry["name"] for entry in run["sources"]]
    rows = select_rows(names, preset, run["seed"], run["test_fold"], run["validation_fold"])
    if rows.sha256 != run["rows_sha256"]:
        raise InputError("the comments at hand are not those the checkpoint was trained on; train it again")
    found = _ids(rows)
    initial = run.get("initial")
    if initial:
        first = dataclasses.replace(
            preset, epochs=preset.epochs_auxiliary, epochs_auxiliary=0, max_rows=preset.max_rows_auxiliary
        )
        auxiliary = [entry["name"] for entry in initial["sources"]]
        test_fold = None if preset.split == "90/10" else TEST_FOLD
        rows = select_rows(auxiliary, first, run["seed"], test_fold, None, names[:1])
        if [_told(entry) for entry in rows.sources] != [_told(entry) for entry in initial["sources"]]:
            raise InputError("the comments at hand are not those the checkpoint's first stage learned; train it again")
        for source, ids in _ids(rows).items():
            found.setdefault(source, set()).update(ids)
    return found


def _told(entry: Mapping) -> tuple:
    return tuple(entry[key] for key in ("name", "sha256", "rows"))


def _ids(rows: TrainingRows) -> dict[str, set[str]]:
    return {str(source): set(part["id"]) for source, part in rows.train.groupby("source")}


def _named(comments: pd.DataFrame, source: str) -> pd.DataFrame:
    comments = comments[["id", "text", "group", *LABELS]].reset_index(drop=True)
    return comments.assign(id=source + ":" + comments["id"], source=source)


def is_hateful(comments: pd.DataFrame) -> np.ndarray:
    """Which validation comments (N,) count as hateful: `identity_hate` of at least 0.5."""
    return comments["identity_hate"].to_numpy(dtype=float) >= 0.5


def is_balanced(comments: pd.DataFrame) -> np.ndarray:
    """Which validation comments (N,) are of the source `balanced`; they and the real ones have an equal say."""
    return comments["id"].str.startswith(f"{BALANCED}:").to_numpy()
