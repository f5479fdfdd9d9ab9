"""Comments in one schema: where they come from, how they are checked, and how they are split."""

from toxres.data.csvfiles import read_kaggle_csv
from toxres.data.loading import available, best_source, load_comments
from toxres.data.official import load_official_texts
from toxres.data.paths import resolve
from toxres.data.schema import COLUMNS, targets, validate_comments
from toxres.data.sources import SOURCES, Source
from toxres.data.splits import drop_overlap, load_folds, make_folds, ninety_ten

__all__ = [
    "COLUMNS",
    "SOURCES",
    "Source",
    "available",
    "best_source",
    "drop_overlap",
    "load_comments",
    "load_folds",
    "load_official_texts",
    "make_folds",
    "ninety_ten",
    "read_kaggle_csv",
    "resolve",
    "targets",
    "validate_comments",
]
