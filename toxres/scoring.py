"""Scoring a file of comments of any size: read in chunks, one column a label out, nothing half-written."""

import contextlib
import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from toxres.data.textfiles import FORMATS, Row, read_rows
from toxres.errors import InputError
from toxres.files import atomic_path, need_writable
from toxres.labels import LABELS

CHUNK = 1_024
"""Comments scored, and held in memory, at a time."""


class Scorer(Protocol):
    """What can score: a checkpoint, or anything with its `predict_proba`."""

    def predict_proba(self, texts: list[str], calibrated: bool = False) -> np.ndarray:
        """Probabilities (N, 6) of N comments."""


def score(
    source: str | Path,
    checkpoint: "Scorer | str | Path",
    out: str | Path,
    *,
    calibrated: bool = False,
    text_column: str | None = None,
    on_chunk: Callable[[int], None] | None = None,
) -> int:
    """Score every comment of a file.

    Args:
        source: CSV, JSON lines or Parquet with a text column, a `.txt` with one comment a line, each but Parquet also
            packed (`.csv.gz`, `.csv.zip`), or "-": standard input, one comment a line.
        checkpoint: A checkpoint or its folder.
        out: CSV, JSON lines or Parquet by its ending, or "-": CSV to standard output. A row holds the comment's `id`
            (`row`, counted from 1, where the input has no ids) and one probability a label.
        calibrated: Write recalibrated probabilities; thresholds are tuned on the plain ones.
        text_column: Name of the text column; else "comment_text" or "text".
        on_chunk: Called with the number of comments scored so far.

    Returns:
        The number of comments scored.

    Raises:
        InputError: An unknown ending, no text column, a row that is broken, empty or no text, ids in some rows only, or
            `out` cannot be written or is the input. Nothing is written.
    """
    rows = read_rows(source, text_column)
    out_kind = _out_format(out)
    if str(out) != "-":
        need_writable(out)
        if str(source) != "-" and Path(out).exists() and Path(out).samefile(source):
            raise InputError(f"{out}: is the input, which the scores would replace; choose another --out")
    if isinstance(checkpoint, str | Path):
        from toxres.checkpoint import load_checkpoint

        checkpoint = load_checkpoint(checkpoint)
    done = 0
    with _writer(out, out_kind) as write:
        for keys, texts in _chunks(rows):
            probs = np.asarray(checkpoint.predict_proba(texts, calibrated=calibrated), dtype=np.float64)
            write(keys, probs)
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


def _out_format(path: str | Path) -> str:
    kind = "csv" if str(path) == "-" else FORMATS.get(Path(path).suffix.lower(), "text")
    if kind == "text":
        raise InputError(f"{path}: scores are written as .csv, .jsonl or .parquet; choose one of these endings")
    return kind


def _chunks(rows: Iterator[Row]) -> Iterator[tuple[tuple[str, list], list[str]]]:
    key, values, texts = "", [], []
    for key, value, text in rows:
        values.append(value)
        texts.append(text)
        if len(texts) == CHUNK:
            yield (key, values), texts
            values, texts = [], []
    if texts:
        yield (key, values), texts


@contextlib.contextmanager
def _writer(out: str | Path, kind: str) -> Iterator[Callable[[tuple[str, list], np.ndarray], None]]:
    if str(out) == "-":
        yield _csv_rows(sys.stdout)
        sys.stdout.flush()
        return
    with atomic_path(out) as temporary:
        if kind == "parquet":
            with contextlib.closing(_ParquetRows(temporary)) as rows:
                yield rows
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                yield _csv_rows(file) if kind == "csv" else _jsonl_rows(file)


def _csv_rows(file) -> Callable[[tuple[str, list], np.ndarray], None]:
    writer = csv.writer(file, lineterminator="\n")
    state = {"header": False}

    def write(keys: tuple[str, list], probs: np.ndarray) -> None:
        if not state["header"]:
            writer.writerow([keys[0], *LABELS])
            state["header"] = True
        for value, row in zip(keys[1], probs, strict=True):
            writer.writerow([_writable(value), *(f"{p:.6g}" for p in row)])

    return write


def _jsonl_rows(file) -> Callable[[tuple[str, list], np.ndarray], None]:
    def write(keys: tuple[str, list], probs: np.ndarray) -> None:
        for value, row in zip(keys[1], probs, strict=True):
            scores = {label: float(f"{p:.6g}") for label, p in zip(LABELS, row, strict=True)}
            line = json.dumps({keys[0]: value, **scores}, ensure_ascii=False)
            if _writable(line) != line:
                line = json.dumps({keys[0]: value, **scores})
            file.write(line + "\n")

    return write


def _writable(value: object) -> object:
    """An id as UTF-8 can hold it: lone surrogates as `\\ud800`, so that different ids stay different."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value


class _ParquetRows:
    def __init__(self, path: Path):
        self.path, self.writer = path, None

    def __call__(self, keys: tuple[str, list], probs: np.ndarray) -> None:
        import pyarrow
        from pyarrow import parquet

        key, values = keys
        if key == "id":
            values = pyarrow.array([_writable(str(value)) for value in values], pyarrow.string())
        table = pyarrow.table({key: values, **{label: probs[:, i] for i, label in enumerate(LABELS)}})
        if self.writer is None:
            self.writer = parquet.ParquetWriter(self.path, table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
