"""`load_comments`: comments from any source in one schema, whole or one split of them."""

import os
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data import splits
from toxres.data.csvfiles import read_kaggle_csv
from toxres.data.loaders import load_hub, load_jigsaw_test
from toxres.data.memory import copy_table, fingerprint, remembered
from toxres.data.official import OFFICIAL_TESTS
from toxres.data.paths import JIGSAW_ZIP, data_folders, resolve
from toxres.data.poleval import SOURCE as POLEVAL
from toxres.data.poleval import load_poleval_test
from toxres.data.sources import SOURCES
from toxres.data.splits import OFFICIAL_FOLD, TEST_FOLD, in_split, load_folds
from toxres.errors import InputError

_JIGSAW = ("jigsaw/train.csv", "jigsaw/train.csv.zip", "jigsaw/train.csv.gz", JIGSAW_ZIP, f"jigsaw/{JIGSAW_ZIP}")
KAGGLE_TEST = "kaggle_test"
"""The split of `jigsaw` that Kaggle's own test files make; never trained on."""


def load_comments(
    source: str,
    *,
    data_dir: str | Path | None = None,
    split: str | None = None,
    keep_official: bool = False,
    limit: int | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Load comments in the schema of `toxres.data.schema`.

    Args:
        source: "jigsaw", "civil_spans", "davidson", "poleval", "synthetic", "balanced", a CSV file in Kaggle's format,
            or "hub:NAME".
        data_dir: Folder searched before TOXRES_DATA_DIR, data/raw and data/cache.
        split: None (all comments), "train", "validation", "test" or "fold:0" ... "fold:4" (0 is test, 1 validation);
            for jigsaw also "kaggle_test". The test split of poleval is its official test file, which None leaves out. A
            CSV file or hub dataset has no splits: None or "test" is all of it.
        keep_official: Keep comments that also stand in an official test file (fold -1), where `split` is None; they
            are in no split.
        limit: At most so many comments, drawn at random, in the source's order.
        seed: Of that draw.

    Returns:
        Comments; named sources have the further columns `cluster` and `fold`.

    Raises:
        InputError: The source, its files or the split are not there, or a file is broken.
    """
    if source in SOURCES:
        comments = _named(source, data_dir, split, keep_official)
    elif source.startswith("hub:"):
        _whole(source, split)
        comments = load_hub(source.removeprefix("hub:"))
    elif _is_file(source):
        _whole(source, split)
        comments = remembered("csv", fingerprint([source]), lambda: read_kaggle_csv(source), copy=copy_table)
    else:
        raise InputError(f"unknown source {source!r}; choose {', '.join(SOURCES)}, hub:NAME or a CSV file that exists")
    if limit is not None and limit < len(comments):
        if limit < 1:
            raise InputError(f"limit is {limit}; give at least 1")
        rows = np.sort(np.random.default_rng(seed).choice(len(comments), limit, replace=False))
        comments = comments.iloc[rows].reset_index(drop=True)
    return comments


def _named(source: str, data_dir: str | Path | None, split: str | None, keep_official: bool) -> pd.DataFrame:
    if split == KAGGLE_TEST:
        if source != "jigsaw":
            raise InputError(f"{source}: only jigsaw has the split {KAGGLE_TEST}; choose train, validation or test")
        return load_jigsaw_test(data_dir)
    if source == POLEVAL and split in ("test", f"fold:{TEST_FOLD}"):
        return load_poleval_test(data_dir)
    in_split(np.zeros(0), split)
    load = SOURCES[source].load
    comments = remembered(
        (source, load, data_dir),
        _state(source, data_dir),
        lambda: _with_folds(source, load(data_dir), data_dir),
        copy=copy_table,
    )
    attrs = dict(comments.attrs)
    chosen = in_split(comments["fold"].to_numpy(), split)
    if not keep_official:
        chosen &= comments["fold"].to_numpy() != OFFICIAL_FOLD
    comments = comments[chosen].reset_index(drop=True)
    if comments.empty:
        raise InputError(f"{source}: no comments in split {split!r}; the source has too few, take another split")
    comments.attrs = attrs
    return comments


def _with_folds(source: str, comments: pd.DataFrame, data_dir: str | Path | None) -> pd.DataFrame:
    attrs = dict(comments.attrs)
    if source == POLEVAL:
        return comments
    if "split" in comments:
        own = comments.pop("split")
        position = np.arange(len(comments))
        fold = np.select([own == "test", own == "validation"], [0, 1], 2 + position % 3)
        comments = comments.assign(cluster=comments["id"], fold=fold)
    else:
        folds = load_folds(comments, data_dir)
        comments = comments.assign(cluster=folds["cluster"].to_numpy(), fold=folds["fold"].to_numpy())
    comments.attrs = attrs
    return comments


def _state(source: str, data_dir: str | Path | None) -> tuple | None:
    """The state of every file that a source and its folds are made from; None where it is made from none."""
    names = _JIGSAW if source == "jigsaw" else SOURCES[source].files
    folders = data_folders(data_dir)
    files = [folder / name for folder in folders for name in (*names, *OFFICIAL_TESTS)]
    return fingerprint([*files, splits.SPLIT_DIR / f"{source}.csv"]) if names else None


def _is_file(source: str) -> bool:
    return Path(source).is_file() or source.lower().endswith((".csv", ".csv.gz", ".zip", ".gz")) or os.sep in source


def _whole(source: str, split: str | None) -> None:
    if split not in (None, "test"):
        raise InputError(f"{source}: has no split {split!r}; leave the split out, all its rows are taken")


def available(source: str, data_dir: str | Path | None = None) -> bool:
    """Whether a named source can be loaded from the files at hand.

    Raises:
        InputError: No source has this name.
    """
    if source not in SOURCES:
        raise InputError(f"unknown source {source!r}; choose one of: {', '.join(SOURCES)}")
    if source == "jigsaw":
        return any(resolve(name, data_dir) for name in _JIGSAW)
    return all(resolve(file, data_dir) for file in SOURCES[source].files)


def best_source(data_dir: str | Path | None = None) -> str:
    """The source to use where none is named: "jigsaw" if it is at hand, else "synthetic"."""
    return "jigsaw" if available("jigsaw", data_dir) else "synthetic"
