"""Rows of scores as bytes: CSV and JSON lines as they are written, Parquet by way of Arrow's record batches."""

import csv
import io
import itertools
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toxres.data.textfiles import FORMATS
from toxres.errors import InputError

_plain = json.JSONEncoder(ensure_ascii=False).encode
_GROUP = 16
"""Record batches that make a row group of Parquet."""


def out_format(path: str | Path) -> str:
    """What an output's ending means: "csv", "jsonl" or "parquet"; "-" is CSV.

    Raises:
        InputError: The ending is none of these.
    """
    kind = "csv" if str(path) == "-" else FORMATS.get(Path(path).suffix.lower(), "text")
    if kind == "text":
        raise InputError(f"{path}: scores are written as .csv, .jsonl or .parquet; choose one of these endings")
    return kind


def encode_rows(kind: str, key: str, keys: list, probs: np.ndarray, labels: Sequence[str], *, header: bool) -> bytes:
    """Rows of an output, ready to be appended to those before them.

    Args:
        kind: "csv", "jsonl" or "parquet".
        key: Name of the first column.
        keys: Its N values.
        probs: N x L probabilities; six significant digits of them are written as text, all of them in Parquet.
        labels: Names of the other columns.
        header: No rows stand before these.
    """
    if kind == "parquet":
        return _batch(key, keys, probs, labels, header=header)
    columns = [list(map("%.6g".__mod__, column)) for column in probs.T.tolist()]
    if kind == "jsonl":
        return _json_lines(key, keys, columns, labels)
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    if header:
        writer.writerow([key, *labels])
    writer.writerows(zip(map(writable, keys), *columns, strict=True))
    return file.getvalue().encode()


def writable(value: object) -> object:
    """An id as UTF-8 can hold it: lone surrogates as `\\ud800`, so that different ids stay different."""
    if not isinstance(value, str) or value.isascii():
        return value
    return value.encode("utf-8", "backslashreplace").decode()


def json_line(row: dict) -> str:
    """A JSON object on a line of its own that UTF-8 can hold; its characters are escaped only if they need to be."""
    line = _plain(row)
    return (line if writable(line) == line else json.dumps(row)) + "\n"


def to_parquet(batches: Path, out: Path) -> None:
    """Write record batches, as `encode_rows` made them one after the other, into a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    with (
        batches.open("rb") as file,
        pyarrow.ipc.open_stream(file) as stream,
        parquet.ParquetWriter(out, stream.schema) as writer,
    ):
        for group in iter(lambda: list(itertools.islice(stream, _GROUP)), []):
            writer.write_table(pyarrow.Table.from_batches(group))


def _json_lines(key: str, keys: list, columns: list[list[str]], labels: Sequence[str]) -> bytes:
    numbers = [[repr(float(value)) for value in column] for column in columns]
    fields = "".join(f", {json.dumps(label)}: %s".replace("%", "%%").replace("%%s", "%s") for label in labels)
    pattern, lines = f"%s{fields}}}\n", []
    for value, *row in zip(keys, *numbers, strict=True):
        head = json_line({key: value})[:-2]
        lines.append(pattern % (head, *row))
    return "".join(lines).encode()


def _batch(key: str, keys: list, probs: np.ndarray, labels: Sequence[str], *, header: bool) -> bytes:
    import pyarrow

    if key == "id":
        first = pyarrow.array([writable(str(value)) for value in keys], pyarrow.string())
    else:
        first = pyarrow.array(keys, pyarrow.int64())
    columns = [first, *(pyarrow.array(column) for column in np.ascontiguousarray(probs.T))]
    batch = pyarrow.record_batch(columns, names=[key, *labels])
    schema = batch.schema.serialize().to_pybytes() if header else b""
    return schema + batch.serialize().to_pybytes()
