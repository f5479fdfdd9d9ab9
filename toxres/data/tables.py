"""Tables of any size, some rows at a time: a CSV, JSON lines or Parquet file, or a dataset of the hub or a folder."""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data.cells import TEXT_COLUMNS
from toxres.data.csvfiles import (
    csv_rows,
    keep_task_columns,
    label_columns,
    parse_label,
    refuse_misspelt,
    refuse_repeated,
)
from toxres.data.loaders import open_hub
from toxres.data.schema import check_rows, make_comments
from toxres.data.textlines import decoded_lines, text_format
from toxres.errors import InputError
from toxres.files import sha256, well_formed
from toxres.labels import CIVIL_COLUMNS, LABELS
from toxres.tasks import TASK_COLUMNS

ROWS = 1_000
"""Rows read, and held in memory, at a time."""

Table = dict[str, list]
"""Columns of some rows: strings from CSV, anything from the others, None where a row says nothing."""


class Part:
    """Some rows of a source that belong together, read anew whenever it is iterated over.

    Attributes:
        name: What errors call it.
        digest: Says what is in it, without its being read row by row.

    Args:
        name: As above.
        digest: As above.
        read: Begins to read it.
    """

    def __init__(self, name: str, digest: str, read: Callable[[], Iterator[Table]]) -> None:
        self.name, self.digest, self._read = name, digest, read

    def __iter__(self) -> Iterator[Table]:
        return self._read()


def file_part(path: str | Path) -> Part:
    """A file as one part.

    Raises:
        InputError: There is no such file, or its ending is none of a table. While reading: it is broken.
    """
    kind = text_format(path)
    if kind == "text" or not Path(path).is_file():
        remedy = "name a .csv, .jsonl or .parquet file" if kind == "text" else "check the path"
        raise InputError(f"{path}: {'is no table' if kind == 'text' else 'no such file'}; {remedy}")
    return Part(str(path), sha256(path), lambda: _READERS[kind](path))


def hub_parts(name: str) -> Mapping[str, Part]:
    """The splits of a dataset of the hub, or of a local folder with data files, by name; mapped from disk, not loaded.

    Raises:
        InputError: The dataset cannot be loaded.
        RunError: The hub cannot be reached.
    """

    def part(split: str, dataset) -> Part:
        place = f"hub:{name}, split {split!r}"
        return Part(place, dataset._fingerprint, lambda: dataset.iter(ROWS))

    return {split: part(split, dataset) for split, dataset in open_hub(name).items()}


def _read_csv(path: str | Path) -> Iterator[Table]:
    rows = csv_rows(decoded_lines(path), str(path))
    header = next(rows)
    while block := list(itertools.islice(rows, ROWS)):
        yield {column: list(values) for column, values in zip(header, zip(*block, strict=True), strict=True)}


def _read_jsonl(path: str | Path) -> Iterator[Table]:
    lines = ((number, line) for number, line in enumerate(decoded_lines(path), start=1) if line.strip())
    while block := [_json_row(path, number, line) for number, line in itertools.islice(lines, ROWS)]:
        columns = dict.fromkeys(column for row in block for column in row)
        yield {column: [row.get(column) for row in block] for column in columns}


def _json_row(path: str | Path, number: int, line: str) -> dict:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: line {number}: not valid JSON ({error}); mend that line") from None
    if not isinstance(row, dict):
        raise InputError(f"{path}: line {number}: not a JSON object; give one object a line")
    return row


def _read_parquet(path: str | Path) -> Iterator[Table]:
    import pyarrow
    from pyarrow import parquet

    done = 0
    try:
        with parquet.ParquetFile(path, pre_buffer=False) as file:
            refuse_repeated(file.schema_arrow.names, str(path))
            for batch in file.iter_batches(ROWS, use_threads=False):
                yield batch.to_pydict()
                done += batch.num_rows
    except (pyarrow.ArrowInvalid, OSError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path}: not a Parquet file, or broken after row {done} ({reason}); write it again") from None


_READERS = {"csv": _read_csv, "jsonl": _read_jsonl, "parquet": _read_parquet}


def comments_of(
    table: Table, name: str, group: str = "csv", first: int = 1, first_id: int | None = None
) -> pd.DataFrame:
    """Comments from some rows of a table.

    Args:
        table: With a column `comment_text` or `text`, and any of the labels.
        name: What an error calls it.
        group: The group where there is no such column.
        first: Number of the first of these rows, for errors.
        first_id: Number of the first row among those without ids; None is `first`.

    Raises:
        InputError: A column is missing or misspelt, or a row is broken.
    """
    refuse_misspelt(table, name, (*TEXT_COLUMNS, *LABELS, *CIVIL_COLUMNS))
    column = next((column for column in TEXT_COLUMNS if column in table), None)
    if column is None:
        raise InputError(f"{name}: no column 'comment_text' or 'text' (found {', '.join(map(str, table))})")
    texts, drop = table[column], "give it a text or drop the row"
    check_rows([not isinstance(text, str) for text in texts], name, column, "is not a string", drop, first)
    check_rows([not text.strip() for text in texts], name, column, "is empty", drop, first)
    labels = {label: _fractions(table[field], name, field, first) for label, field in label_columns(table).items()}
    first_id = first if first_id is None else first_id
    ids = map(str, table["id"]) if "id" in table else (f"row-{first_id + row}" for row in range(len(texts)))
    groups = [str(value or group) for value in table["group"]] if "group" in table else group
    # Ids may stand twice, and make_comments refuses that.
    comments = make_comments(range(len(texts)), map(well_formed, texts), groups, labels, name=name, field=column)
    comments["id"] = list(ids)
    others = pd.DataFrame({key: pd.Series(table[key], dtype=object) for key in TASK_COLUMNS if key in table})
    return keep_task_columns(comments, others)


def _fractions(values: list, name: str, field: str, first: int) -> np.ndarray:
    """A label's column as floats (N,) in [0, 1], NaN where unknown."""
    if all(isinstance(value, float | int) for value in values):
        numbers = np.asarray(values, dtype=np.float64)
        numbers[numbers == -1] = np.nan
        if not ((numbers < 0) | (numbers > 1)).any():
            return numbers.astype(np.float32)
    strings = pd.Series(["" if value is None or value != value else str(value) for value in values], dtype=object)
    return parse_label(strings, name, field, first)
