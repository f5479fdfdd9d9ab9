"""Scoring a file of comments of any size: read in chunks, one column a label out, nothing half-written."""

import contextlib
import csv
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from toxres.data.textfiles import FORMATS, Row, read_rows
from toxres.errors import InputError
from toxres.files import atomic_path, need_writable
from toxres.labels import LABELS

if TYPE_CHECKING:
    from toxres.router import Router

CHUNK = 1_024
"""Comments scored, and held in memory, at a time."""

WriteRows = Callable[[tuple[str, list], np.ndarray], None]
"""Writes the key column of N comments, its name and values, and their probabilities (N, L)."""


class Scorer(Protocol):
    """What can score: a checkpoint, or anything with its `predict_proba`."""

    def predict_proba(self, texts: list[str], calibrated: bool = False) -> np.ndarray:
        """Probabilities (N, L) of N comments; L are the six labels, or those that an attribute `labels` names."""


def score(
    source: str | Path,
    checkpoint: "Scorer | Router | str | Path",
    out: str | Path,
    *,
    calibrated: bool = False,
    text_column: str | None = None,
    group: str | None = None,
    group_column: str | None = None,
    model: str | None = None,
    on_chunk: Callable[[int], None] | None = None,
) -> int:
    """Score every comment of a file.

    Args:
        source: CSV, JSON lines or Parquet with a text column, a `.txt` with one comment a line, each but Parquet also
            packed (`.csv.gz`, `.csv.zip`), or "-": standard input, one comment a line.
        checkpoint: A checkpoint, a router of groups of sites, a predictor of a bundle, or the folder of a checkpoint,
            router or bundle.
        out: CSV, JSON lines or Parquet by its ending, or "-": CSV to standard output. A row holds the comment's `id`
            (`row`, counted from 1, where the input has no ids) and one probability a label.
        calibrated: Write recalibrated probabilities; thresholds are tuned on the plain ones.
        text_column: Name of the text column; else "comment_text" or "text".
        group: For a router: the group of all comments.
        group_column: For a router: name of the column with each comment's group; "group" where neither is given. All
            groups are read, and checked, before the first comment is scored.
        model: For a bundle of several models: the name of the one that scores.
        on_chunk: Called with the number of comments scored so far.

    Returns:
        The number of comments scored.

    Raises:
        InputError: An unknown ending, no text column, a row that is broken, empty or no text, ids in some rows only,
            `out` cannot be written or is the input, a group that no model answers for, a group for a checkpoint that is
            no router, or a model that is not the bundle's. Nothing is written.
    """
    rows = read_rows(source, text_column)
    out_kind = _out_format(out)
    if str(out) != "-":
        need_writable(out)
        if str(source) != "-" and Path(out).exists() and Path(out).samefile(source):
            raise InputError(f"{out}: is the input, which the scores would replace; choose another --out")
    if isinstance(checkpoint, str | Path):
        checkpoint = _open(checkpoint, model)
    predict, groups_from = _prepared(checkpoint, source, text_column, group, group_column)
    if groups_from is not None:
        rows = read_rows(source, text_column, groups_from)
    done, labels = 0, getattr(checkpoint, "labels", LABELS)
    with _writer(out, out_kind, labels) as write:
        for keys, texts, groups in _chunks(rows):
            write(keys, np.asarray(predict(texts, groups, calibrated), dtype=np.float64))
            done += len(texts)
            if on_chunk is not None:
                on_chunk(done)
        if not done:
            raise InputError(f"{source}: there are no comments in it; give at least one")
    return done


def read_texts(source: str | Path, text_column: str | None = None) -> Iterator[str]:
    """The comments of a file that `score` can read, one after the other, never all of them in memory.

    Args:
        source: As in `score`.
        text_column: Its text column; None takes "comment_text" or "text".

    Raises:
        InputError: There is no such file, or as `score` does.
    """
    return (row.text for row in read_rows(source, text_column))


def _open(path: str | Path, name: str | None) -> "Scorer | Router":
    """The checkpoint, router, or model of a bundle in a folder."""
    from toxres.router import open_model
    from toxres.serving.bundle import is_bundle, load_bundle

    if not is_bundle(path):
        if name is not None:
            raise InputError(f"--model: {path} is no bundle of several models; leave it out")
        return open_model(path)
    models = load_bundle(path).models
    if name not in models and (name is not None or len(models) > 1):
        said = "holds several models; name one" if name is None else f"holds no model {name!r}; name another"
        raise InputError(f"{path}: {said} with --model: {', '.join(models)}")
    return next(iter(models.values())) if name is None else models[name]


def _prepared(
    model: "Scorer | Router",
    source: str | Path,
    text_column: str | None,
    group: str | None,
    group_column: str | None,
) -> tuple[Callable[[list[str], list[str | None], bool], np.ndarray], str | None]:
    """What predicts comments from their texts, their groups and whether to recalibrate; and the column of the groups.

    Raises:
        InputError: The groups do not fit the checkpoint.
    """
    from toxres.router import GROUP_COLUMN, Router

    if not isinstance(model, Router):
        if group is not None or group_column is not None:
            option = "--group" if group is not None else "--group-column"
            raise InputError(
                f"{option}: {getattr(model, 'path', 'the checkpoint')} is one checkpoint for all groups; leave "
                f"{option} out, or make a router of several with `toxres router`"
            )
        return (lambda texts, groups, calibrated: model.predict_proba(texts, calibrated=calibrated)), None
    if group is not None and group_column is not None:
        raise InputError("--group and --group-column were both given; name one group for all, or the column of groups")
    if group is not None:
        model.route(group)
        return (lambda texts, groups, calibrated: model.predict_proba(texts, group, calibrated)), None
    column = GROUP_COLUMN if group_column is None else group_column
    for row in read_rows(source, text_column, column):
        try:
            model.route(row.group)
        except InputError as error:
            raise InputError(f"{row.where}: {error}") from None
    return model.predict_proba, column


def _out_format(path: str | Path) -> str:
    kind = "csv" if str(path) == "-" else FORMATS.get(Path(path).suffix.lower(), "text")
    if kind == "text":
        raise InputError(f"{path}: scores are written as .csv, .jsonl or .parquet; choose one of these endings")
    return kind


def _chunks(rows: Iterator[Row]) -> Iterator[tuple[tuple[str, list], list[str], list[str | None]]]:
    """Keys, texts and groups of `CHUNK` rows at a time."""
    while chunk := list(itertools.islice(rows, CHUNK)):
        key = (chunk[0].key, [row.value for row in chunk])
        yield key, [row.text for row in chunk], [row.group for row in chunk]


@contextlib.contextmanager
def _writer(
    out: str | Path, kind: str, labels: tuple[str, ...]
) -> Iterator[Callable[[tuple[str, list], np.ndarray], None]]:
    if str(out) == "-":
        yield _csv_rows(sys.stdout, labels)
        sys.stdout.flush()
        return
    with atomic_path(out) as temporary:
        if kind == "parquet":
            with contextlib.closing(_ParquetRows(temporary, labels)) as rows:
                yield rows
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield _csv_rows(file, labels) if kind == "csv" else _jsonl_rows(file, labels)


def _csv_rows(file, labels: tuple[str, ...]) -> WriteRows:
    writer = csv.writer(file, lineterminator="\n")
    state = {"header": False}

    def write(keys: tuple[str, list], probs: np.ndarray) -> None:
        if not state["header"]:
            writer.writerow([keys[0], *labels])
            state["header"] = True
        for value, row in zip(keys[1], probs, strict=True):
            writer.writerow([_writable(value), *(f"{p:.6g}" for p in row)])

    return write


def _jsonl_rows(file, labels: tuple[str, ...]) -> WriteRows:
    def write(keys: tuple[str, list], probs: np.ndarray) -> None:
        for value, row in zip(keys[1], probs, strict=True):
            scores = {label: float(f"{p:.6g}") for label, p in zip(labels, row, strict=True)}
            line = json.dumps({keys[0]: value, **scores}, ensure_ascii=False)
            if _writable(line) != line:
                line = json.dumps({keys[0]: value, **scores})
            file.write(line + "\n")

    return write


def _writable(value: object) -> object:
    """An id as UTF-8 can hold it: lone surrogates as `\\ud800`, so that different ids stay different."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


class _ParquetRows:
    def __init__(self, path: Path, labels: tuple[str, ...]):
        self.path, self.labels, self.writer = path, labels, None

    def __call__(self, keys: tuple[str, list], probs: np.ndarray) -> None:
        import pyarrow
        from pyarrow import parquet

        key, values = keys
        if key == "id":
            values = pyarrow.array([_writable(str(value)) for value in values], pyarrow.string())
        table = pyarrow.table({key: values, **{label: probs[:, i] for i, label in enumerate(self.labels)}})
        if self.writer is None:
            self.writer = parquet.ParquetWriter(self.path, table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
