"""Where data files are looked for, and what is said when one is not at hand."""

import hashlib
import os
from pathlib import Path

import pandas as pd

from toxres.errors import InputError
from toxres.files import ROOT, sha256

JIGSAW_ZIP = "jigsaw-toxic-comment-classification-challenge.zip"
"""The archive as Kaggle names it."""


def data_folders(data_dir: str | Path | None = None) -> list[Path]:
    """Folders in which files are looked for: `data_dir`, TOXRES_DATA_DIR, data/raw, data/cache.

    Raises:
        InputError: `data_dir` or TOXRES_DATA_DIR names no folder.
    """
    folders = []
    for value, said_by in ((data_dir, "data_dir"), (os.environ.get("TOXRES_DATA_DIR"), "TOXRES_DATA_DIR")):
        if value:
            folder = Path(value).expanduser()
            if not folder.is_dir():
                raise InputError(f"{said_by}={value}: no such folder; point it at a folder with data files or unset it")
            folders.append(folder)
    return [*folders, ROOT / "data" / "raw", ROOT / "data" / "cache"]


def resolve(file: str, data_dir: str | Path | None = None) -> Path | None:
    """The first existing path of a data file, such as "jigsaw/train.csv", in the order of `data_folders`, or None."""
    return next((folder / file for folder in data_folders(data_dir) if (folder / file).is_file()), None)


def need_columns(table: pd.DataFrame, path: Path, columns: tuple[str, ...]) -> None:
    """Refuse a published file without the columns it should have."""
    for column in columns:
        if column not in table.columns:
            raise InputError(f"{path}: no column {column!r}; fetch the file again: toxres data pull")


def needed(file: str, source: str, data_dir: str | Path | None) -> Path:
    """The path of a source's file, or an InputError that says how to get it."""
    path = resolve(file, data_dir)
    if path is None:
        raise not_at_hand(source, file)
    return path


def not_at_hand(source: str, file: str = "train.csv") -> InputError:
    """The error for a source whose file is not at hand."""
    return InputError(f"{source}: {file} is not at hand; {how_to_get(source)}")


def jigsaw_instructions() -> str:
    """How a person gets Kaggle's files, in one line."""
    return (
        f"accept the rules at kaggle.com/c/{JIGSAW_ZIP.removesuffix('.zip')}, download its zip and put it into "
        "data/raw as it is (or into the folder that TOXRES_DATA_DIR names)"
    )


def how_to_get(source: str) -> str:
    """How a person gets a source's files, in one line."""
    if source == "jigsaw":
        return jigsaw_instructions()
    return f"run `toxres data pull {source}` or set TOXRES_DATA_DIR to a folder that has it"


def with_origin(comments: pd.DataFrame, source: str, paths: list[Path]) -> pd.DataFrame:
    """Note in `attrs` which source and files the comments are from."""
    digests = [sha256(path) for path in dict.fromkeys(paths)]
    together = digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    comments.attrs = {"source": source, "origin": ", ".join(map(str, dict.fromkeys(paths))), "sha256": together}
    return comments
