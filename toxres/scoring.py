"""Scoring a file of comments of any size: read in chunks, one column a label out, nothing half-written."""

import contextlib
import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import numpy as np

from toxres.errors import InputError
from toxres.files import atomic_path, need_writable
from toxres.labels import LABELS

CHUNK = 1_024
"""Comments scored, and held in memory, at a time."""

TEXT_COLUMNS = ("comment_text", "text")
"""Where the comment stands in a table; the first that is there."""

_FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "text"}


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
        source: CSV, JSON lines or Parquet with a text column, a `.txt` with one comment a line, or "-": standard
            input, one comment a line.
        checkpoint: A checkpoint or its folder.
        out: CSV, JSON lines or Parquet by its ending, or "-": CSV to standard output. A row holds the comment's `id`
            (`row`, counted from 1, where the input has no ids) and one probability a label.
        calibrated: Write recalibrated probabilities; thresholds are tuned on the plain ones.
        text_column: Name of the text column; else the first of `TEXT_COLUMNS`.
        on_chunk: Called with the number of comments scored so far.

    Returns:
        The number of comments scored.

    Raises:
        InputError: An unknown ending, no text column, a row that is broken, empty or no text, ids in some rows only, or
            `out` is a folder or the input. Nothing is written.
    """
    kind = "text" if str(source) == "-" else _format(source)
    out_kind = "csv" if str(out) == "-" else _format(out)
    if out_kind == "text":
        raise InputError(f"{out}: scores are written as .csv, .jsonl or .parquet; choose one of these endings")
    if str(source) != "-" and not Path(source).is_file():
        raise InputError(f"{source}: no such file; name a .csv, .jsonl, .parquet or .txt file, or - for standard input")
    if str(out) != "-":
        need_writable(out)
        if str(source) != "-" and Path(out).exists() and Path(out).samefile(source):
            raise InputError(f"{out}: is the input, which the scores would replace; choose another --out")
    if isinstance(checkpoint, str | Path):
        from toxres.checkpoint import load_checkpoint

        checkpoint = load_checkpoint(checkpoint)
    reader = {"csv": _read_csv, "jsonl": _read_jsonl, "parquet": _read_parquet, "text": _read_lines}[kind]
    done = 0
    with _writer(out, out_kind) as write:
        for keys, texts in _chunks(reader(source, text_column)):
            probs = np.asarray(checkpoint.predict_proba(texts, calibrated=calibrated), dtype=np.float64)
            write(keys, probs)
            done += len(texts)
            if on_chunk is not None:
                on_chunk(done)
        if not done:
            raise InputError(f"{source}: there are no comments in it; give at least one")
    return done


def _format(path: str | Path) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in _FORMATS:
        raise InputError(f"{path}: unknown ending {suffix!r}; use one of {', '.join(_FORMATS)}")
    return _FORMATS[suffix]


def _chunks(rows: Iterator[tuple[str, object, object]]) -> Iterator[tuple[tuple[str, list], list[str]]]:
    key, values, texts = "", [], []
    for key, value, text in rows:
        values.append(value)
        texts.append(text)
        if len(texts) == CHUNK:
            yield (key, values), texts
            values, texts = [], []
    if texts:
        yield (key, values), texts


def _checked(text: object, where: str) -> str:
    if not isinstance(text, str):
        raise InputError(f"{where} is not text; give a string or drop the row")
    if not text.strip():
        raise InputError(f"{where} is empty; give text or drop the row")
    return text


def _text_column(columns: list[str], wanted: str | None, source: str | Path) -> str:
    for column in (wanted,) if wanted else TEXT_COLUMNS:
        if column in columns:
            return column
    found = ", ".join(columns[:8])
    needed = repr(wanted) if wanted else " or ".join(map(repr, TEXT_COLUMNS))
    raise InputError(f"{source}: no column {needed} (found: {found}); name the text column with --text-column")


def _keyed(columns: list[str], row: dict, number: int) -> tuple[str, object]:
    return ("id", row["id"]) if "id" in columns else ("row", number)


def _read_csv(source: str | Path, wanted: str | None) -> Iterator[tuple[str, object, str]]:
    csv.field_size_limit(1 << 30)
    number = 0
    try:
        with open(source, encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not reader.fieldnames:
                raise InputError(f"{source}: the file is empty; give a header and at least one row")
            columns = list(reader.fieldnames)
            column = _text_column(columns, wanted, source)
            for number, row in enumerate(reader, start=1):
                if None in row or None in row.values():
                    raise InputError(
                        f"{source}: row {number} has {'more' if None in row else 'fewer'} fields than the header; "
                        "the file is cut off there or a quote is missing: mend that row"
                    )
                yield *_keyed(columns, row, number), _checked(row[column], f"{source}: row {number}, field {column!r}")
    except csv.Error as error:
        raise InputError(f"{source}: row {number + 1}: {error}; close the quote or export the file again") from None
    except UnicodeDecodeError:
        raise InputError(f"{source}: not UTF-8 after row {number}; save the file as UTF-8") from None


def _read_jsonl(source: str | Path, wanted: str | None) -> Iterator[tuple[str, object, str]]:
    number, with_ids = 0, None
    try:
        with open(source, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    row = json.loads(line)
                except ValueError as error:
                    raise InputError(f"{source}: line {number}: not valid JSON ({error}); mend that line") from None
                if not isinstance(row, dict):
                    raise InputError(f"{source}: line {number}: not a JSON object; give one object a line")
                column = _text_column(list(row), wanted, f"{source}: line {number}")
                has_id = row.get("id") is not None
                if with_ids not in (None, has_id):
                    found = "an 'id', the lines above have none" if has_id else "no 'id', the lines above have one"
                    raise InputError(f"{source}: line {number} has {found}; give every line an id, or none")
                with_ids = has_id
                key = ("id", row["id"]) if has_id else ("row", number)
                yield *key, _checked(row[column], f"{source}: line {number}, {column!r}")
    except UnicodeDecodeError:
        raise InputError(f"{source}: not UTF-8 after line {number}; save the file as UTF-8") from None


def _read_parquet(source: str | Path, wanted: str | None) -> Iterator[tuple[str, object, str]]:
    import pyarrow
    from pyarrow import parquet

    try:
        file = parquet.ParquetFile(source)
    except (pyarrow.ArrowInvalid, OSError) as error:
        raise InputError(f"{source}: not a Parquet file ({' '.join(str(error).split())}); write it again") from None
    columns = file.schema_arrow.names
    column = _text_column(columns, wanted, source)
    number = 0
    for batch in file.iter_batches(CHUNK, columns=[column, *({"id"} & set(columns) - {column})]):
        for row in batch.to_pylist():
            number += 1
            yield *_keyed(columns, row, number), _checked(row[column], f"{source}: row {number}, field {column!r}")


def _read_lines(source: str | Path, wanted: str | None) -> Iterator[tuple[str, object, str]]:
    number = 0
    with contextlib.nullcontext(sys.stdin.buffer) if str(source) == "-" else Path(source).open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            except UnicodeDecodeError:
                raise InputError(f"{source}: line {number} is not UTF-8; save the text as UTF-8") from None
            if text.strip():
                yield "row", number, text


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
        writer.writerows([value, *(f"{p:.6g}" for p in row)] for value, row in zip(keys[1], probs, strict=True))

    return write


def _jsonl_rows(file) -> Callable[[tuple[str, list], np.ndarray], None]:
    def write(keys: tuple[str, list], probs: np.ndarray) -> None:
        for value, row in zip(keys[1], probs, strict=True):
            scores = {label: float(f"{p:.6g}") for label, p in zip(LABELS, row, strict=True)}
            file.write(json.dumps({keys[0]: value, **scores}, ensure_ascii=False) + "\n")

    return write


class _ParquetRows:
    def __init__(self, path: Path):
        self.path, self.writer = path, None

    def __call__(self, keys: tuple[str, list], probs: np.ndarray) -> None:
        import pyarrow
        from pyarrow import parquet

        key, values = keys
        if key == "id":
            values = pyarrow.array([None if value is None else str(value) for value in values], pyarrow.string())
        table = pyarrow.table({key: values, **{label: probs[:, i] for i, label in enumerate(LABELS)}})
        if self.writer is None:
            self.writer = parquet.ParquetWriter(self.path, table.schema)
        self.writer.write_table(table)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
