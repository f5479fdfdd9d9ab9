"""Reading CSV files so that a broken one is refused with place and remedy: Kaggle's format and its neighbours."""

import gzip
import io
import math
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from toxres.data.records import FIELD_LIMIT, csv_records, not_utf8_complaint
from toxres.data.schema import check_rows, make_comments
from toxres.errors import InputError
from toxres.files import sha256
from toxres.labels import CIVIL_COLUMNS, LABELS
from toxres.tasks import TASK_COLUMNS

_NAME_NOISE = re.compile(r"[\s_-]+")


def read_kaggle_csv(path: str | Path) -> pd.DataFrame:
    """Read comments from a CSV file in Kaggle's format.

    The file has a column `comment_text` and any of the six label columns: 0 or 1, or a fraction in [0, 1]; `-1` or an
    empty field is unknown. `id` (else "row-1", "row-2", ...) and `group` (else "csv") are optional; other columns are
    ignored, but those that another task may read (`toxres.tasks.TASK_COLUMNS`) are kept as strings. UTF-8, with or
    without a byte order mark; may be packed with gzip or zip.

    Args:
        path: The file.

    Returns:
        Comments (see `toxres.data.schema`), in the file's order.

    Raises:
        InputError: The file is missing, empty, truncated, not UTF-8, or breaks the format. Rows count from 1 below
            the header.
    """
    path = Path(path)
    comments = kaggle_comments(read_table(path), str(path))
    comments.attrs.update(source=str(path), origin=str(path), sha256=sha256(path))
    return comments


def kaggle_comments(table: pd.DataFrame, name: str, group: str = "csv") -> pd.DataFrame:
    """Comments from a table of strings in Kaggle's format.

    Args:
        table: String columns, as `read_table` gives them.
        name: What an error calls it.
        group: The group where the table has no such column.

    Raises:
        InputError: The table breaks the format.
    """
    refuse_misspelt(table.columns, name, ("comment_text", *LABELS))
    if "comment_text" not in table.columns:
        found = ", ".join(map(repr, list(table.columns)[:8]))
        raise InputError(
            f"{name}: no column 'comment_text' (found {found}); name the text column so, commas between fields"
        )
    if "id" in table.columns:
        ids = table["id"].to_numpy(dtype=object)
        check_rows([not value.strip() for value in ids], name, "id", "is empty", "fill it in or leave the column out")
    else:
        ids = [f"row-{row}" for row in range(1, len(table) + 1)]
    labels = {label: parse_label(table[label], name, label) for label in LABELS if label in table.columns}
    if "group" in table.columns:
        group = table["group"].where(table["group"].str.strip() != "", group).to_numpy(dtype=object)
    comments = make_comments(ids, table["comment_text"], group, labels, name=name, field="comment_text")
    return keep_task_columns(comments, table)


def keep_task_columns(comments: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """The comments with those columns of the table they were made from that a task may read, as they stand there."""
    return comments.assign(
        **{column: table[column].to_numpy(dtype=object) for column in TASK_COLUMNS if column in table.columns}
    )


def label_columns(columns: Iterable[str]) -> dict[str, str]:
    """Which of a table's columns holds each label that is there: its own name, or that of the Civil Comments."""
    columns = list(columns)
    found = {label: column for column, label in reversed(CIVIL_COLUMNS.items()) if column in columns}
    found |= {label: label for label in LABELS if label in columns}
    return {label: found[label] for label in LABELS if label in found}


def parse_label(column: pd.Series, name: str, field: str, first: int = 1) -> np.ndarray:
    """Floats (N,) in [0, 1] from strings; `-1` and empty become NaN. An error counts rows from `first`.

    Raises:
        InputError: A value is no number, or neither -1 nor in [0, 1].
    """
    parsed = {value: _label_value(value) for value in column.unique()}
    check_rows(
        column.map(lambda value: parsed[value] is None),
        name,
        field,
        "is no number in [0, 1]",
        "give 0, 1 or a fraction, -1 or nothing for unknown",
        first,
    )
    return column.map(parsed).to_numpy(dtype=np.float32)


def _label_value(value: str) -> float | None:
    if not value.strip():
        return math.nan
    try:
        number = float(value)
    except ValueError:
        return None
    if number == -1:
        return math.nan
    return number if 0 <= number <= 1 else None


def read_table(path: str | Path, delimiter: str = ",") -> pd.DataFrame:
    """Read a CSV file strictly into string columns; nothing is guessed, skipped or filled in.

    Args:
        path: The file: plain, `.gz`, or a `.zip` with one CSV file in it.
        delimiter: Between fields.

    Raises:
        InputError: The file is missing, empty, has a header only, is not UTF-8, holds NUL bytes, ends inside a quoted
            field, or has a row with more or fewer fields than the header.
    """
    return parse_table(read_bytes(path), str(path), delimiter)


def parse_table(data: bytes, name: str, delimiter: str = ",") -> pd.DataFrame:
    """As `read_table`, from bytes."""
    text = _decode(data, name)
    if not text.strip():
        raise InputError(f"{name}: the file is empty; give a CSV file with a header line and at least one row")
    header, *rows = csv_rows(io.StringIO(text, newline=""), name, delimiter)
    if not rows:
        raise InputError(f"{name}: there is a header and no row below it; give at least one comment")
    columns = list(zip(*rows, strict=True))
    return pd.DataFrame(
        {column: pd.Series(values, dtype=object) for column, values in zip(header, columns, strict=True)}
    )


def csv_rows(lines: Iterable[str], name: str, delimiter: str = ",") -> Iterator[list[str]]:
    """The header, its names stripped, then every row that is not blank.

    Args:
        lines: Lines with their line ends.
        name: What an error calls the file.
        delimiter: Between fields.

    Raises:
        InputError: There is no header or it names a column twice, or a row has more or fewer fields than the header,
            holds a NUL byte or ends inside a quoted field.
    """
    header: list[str] | None = None
    for record in csv_records(lines, delimiter, limit=FIELD_LIMIT):
        if record.complaint:
            raise InputError(f"{name}: {record.place}{record.complaint}")
        if header is None:
            header = record.fields
            refuse_repeated(header, name)
        elif "\0" in "".join(record.fields):
            column = next(column for column, value in zip(header, record.fields, strict=True) if "\0" in value)
            raise InputError(f"{name}: row {record.number}, field {column!r}: holds a NUL byte; remove it")
        yield record.fields
    if header is None:
        raise InputError(f"{name}: the file is empty; give a CSV file with a header line and at least one row")


def refuse_repeated(columns: Sequence[str], name: str) -> None:
    """Refuse a table that has two columns of one name.

    Raises:
        InputError: It has.
    """
    for column in columns:
        if column and list(columns).count(column) > 1:
            raise InputError(f"{name}: the header names {column!r} twice; rename or remove one of the columns")


def refuse_misspelt(columns: Iterable[str], name: str, known: Sequence[str]) -> None:
    """Refuse a column that would be ignored though it is a known one but for case, spaces, hyphens and underscores.

    Args:
        columns: Names of the columns.
        name: What an error calls the table.
        known: Names of the columns that are read.

    Raises:
        InputError: There is such a column.
    """
    plain = {_NAME_NOISE.sub("", column).casefold(): column for column in known}
    for column in columns:
        meant = plain.get(_NAME_NOISE.sub("", str(column)).casefold(), column)
        if meant != column:
            raise InputError(
                f"{name}: the header names {column!r}, which would not be read; rename the column {meant!r}, or remove "
                "it if it is something else"
            )


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputError(f"{name}: line {line}{not_utf8_complaint(error)}") from None


def read_bytes(path: str | Path) -> bytes:
    """The bytes of a file, unpacked if it is gzip, or a zip with one CSV file.

    Raises:
        InputError: The file is missing, a folder, unreadable, or its archive is broken or ambiguous.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path}: is a folder; name a CSV file in it") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path and its permissions") from None
    return unpack(data, str(path))


def unpack(data: bytes, name: str) -> bytes:
    """Unpack gzip, or a zip with one CSV file; other bytes are given back as they are.

    Raises:
        InputError: The archive is broken or holds no or several CSV files.
    """
    if data.startswith(b"\x1f\x8b"):
        try:
            return gzip.decompress(data)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{name}: the gzip archive is broken ({error}); fetch or make it again") from None
    if data.startswith(b"PK\x03\x04"):
        members = zip_members(data, name)
        tables = [member for member in members if member.lower().endswith(".csv")]
        if len(tables) != 1:
            raise InputError(
                f"{name}: {len(tables)} CSV files in the zip; leave exactly one, or unpack it and name one"
            )
        return members[tables[0]]
    return data


def zip_members(data: bytes, name: str) -> dict[str, bytes]:
    """Path in the archive to bytes, for the CSV and zip files in a zip.

    Raises:
        InputError: The archive is broken.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            wanted = [item for item in archive.namelist() if item.lower().endswith((".csv", ".zip"))]
            return {item: archive.read(item) for item in wanted if not item.startswith("__MACOSX")}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{name}: the zip archive is broken ({error}); fetch or make it again") from None
