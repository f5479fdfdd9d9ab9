"""Texts of a file one after the other, never all of them in memory: CSV, JSON lines, Parquet, or a text a line."""

import contextlib
import gzip
import io
import json
import math
import sys
import zipfile
import zlib
from collections.abc import Container, Iterator, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from toxres.data.csvfiles import csv_rows, not_utf8, refuse_repeated
from toxres.errors import InputError
from toxres.files import well_formed

TEXT_COLUMNS = ("comment_text", "text")
"""Where the comment stands in a table; the first that is there."""

FORMATS = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".txt": "text"}
"""Endings and what they mean."""

_NAME_GROUPS = "name the column of groups with --group-column, or one group for all with --group"
_PACKED = (".gz", ".zip")
_BATCH = 1_024


class Row(NamedTuple):
    """A comment of a file.

    Attributes:
        key: "id", or "row" where the file has no ids.
        value: The id, or the row or line, counted from 1.
        text: The comment; a lone surrogate (JSON can escape one) is U+FFFD in it.
        group: Its group of sites, where a column of groups is read.
        where: What an error calls its place, such as "in.csv: row 3".
    """

    key: str
    value: object
    text: str
    group: str | None = None
    where: str = ""


def read_rows(source: str | Path, text_column: str | None = None, group_column: str | None = None) -> Iterator[Row]:
    """The comments of a file, in its order.

    Args:
        source: CSV, JSON lines or Parquet with a text column, or a `.txt` with one comment a line, all but Parquet also
            packed (`.csv.gz`, `.csv.zip`); or "-": standard input, one comment a line.
        text_column: Name of the text column; None takes the first of `TEXT_COLUMNS`.
        group_column: Name of a column of groups of sites; None reads none.

    Raises:
        InputError: At once: there is no such file, its ending is unknown, or groups are wanted of lines of text. While
            reading: no text or group column, or a row that is broken, empty, no text, without its group, or without an
            id where others have one.
    """
    reader = _read_lines if str(source) == "-" else _READERS[text_format(source)]
    if group_column is not None and reader is _read_lines:
        raise InputError(f"{source}: lines of text have no column {group_column!r}; {_NAME_GROUPS}")
    if str(source) != "-" and not Path(source).is_file():
        raise InputError(f"{source}: no such file; name a .csv, .jsonl, .parquet or .txt file, or - for standard input")
    return reader(source, text_column, group_column)


def text_format(path: str | Path) -> str:
    """What the ending of a file means (see `FORMATS`), packed or not; a `.zip` alone is taken for a CSV file.

    Raises:
        InputError: The ending is unknown.
    """
    suffix, inner = Path(path).suffix.lower(), Path(Path(path).stem).suffix.lower()
    if suffix == ".zip" and inner not in FORMATS:
        return "csv"
    if suffix in _PACKED and FORMATS.get(inner, "parquet") != "parquet":
        return FORMATS[inner]
    if suffix not in FORMATS:
        found = inner + suffix if suffix in _PACKED else suffix
        known = f"{', '.join(FORMATS)}, packed as .csv.gz, .jsonl.gz, .txt.gz or .csv.zip"
        raise InputError(f"{path}: unknown ending {found!r}; use one of {known}")
    return FORMATS[suffix]


def _read_csv(source: str | Path, wanted: str | None, groups: str | None) -> Iterator[Row]:
    rows = csv_rows(decoded_lines(source), str(source))
    columns = next(rows)
    column = _text_column(columns, wanted, source)
    _need_groups(columns, groups, source)
    place, id_place = columns.index(column), columns.index("id") if "id" in columns else None
    group_place = None if groups is None else columns.index(groups)
    for number, row in enumerate(rows, start=1):
        at = f"{source}: row {number}"
        key = ("row", number) if id_place is None else ("id", _identifier(row[id_place], f"{at}, field"))
        text = _checked(row[place], f"{at}, field {column!r}")
        group = None if group_place is None else _group(row[group_place], f"{at}, field {groups!r}")
        yield Row(*key, text, group, at)


def _read_jsonl(source: str | Path, wanted: str | None, groups: str | None) -> Iterator[Row]:
    with_ids = None
    for number, line in enumerate(decoded_lines(source), start=1):
        if not line.strip():
            continue
        where = f"{source}: line {number}"
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise InputError(f"{where}: not valid JSON ({error}); mend that line") from None
        if not isinstance(row, dict):
            raise InputError(f"{where}: not a JSON object; give one object a line")
        column = _text_column(list(row), wanted, where)
        _need_groups(row, groups, where)
        has_id = row.get("id") is not None
        if with_ids not in (None, has_id):
            found = "an 'id', the lines above have none" if has_id else "no 'id', the lines above have one"
            raise InputError(f"{where} has {found}; give every line an id, or none")
        with_ids = has_id
        key = ("id", _identifier(row["id"], f"{where},")) if has_id else ("row", number)
        text = _checked(row[column], f"{where}, {column!r}")
        yield Row(*key, text, None if groups is None else _group(row[groups], f"{where}, {groups!r}"), where)


def _read_parquet(source: str | Path, wanted: str | None, groups: str | None) -> Iterator[Row]:
    import pyarrow
    from pyarrow import parquet

    number = 0
    try:
        file = parquet.ParquetFile(source)
        columns = file.schema_arrow.names
        refuse_repeated(columns, str(source))
        column = _text_column(columns, wanted, source)
        _need_groups(columns, groups, source)
        has_id = "id" in columns
        for batch in file.iter_batches(_BATCH, columns=sorted({column, "id", groups} & set(columns))):
            for row in batch.to_pylist():
                number += 1
                at = f"{source}: row {number}"
                key = ("id", _identifier(row["id"], f"{at}, field")) if has_id else ("row", number)
                text = _checked(row[column], f"{at}, field {column!r}")
                yield Row(*key, text, None if groups is None else _group(row[groups], f"{at}, field {groups!r}"), at)
    except (pyarrow.ArrowInvalid, OSError) as error:
        place = f", broken after row {number}" if number else ""
        reason = " ".join(str(error).split())
        raise InputError(f"{source}: not a Parquet file{place} ({reason}); write it again") from None


def _read_lines(source: str | Path, wanted: str | None, groups: str | None) -> Iterator[Row]:
    for number, line in enumerate(decoded_lines(source), start=1):
        if "\0" in line:
            raise InputError(f"{source}: line {number} holds a NUL byte; remove it")
        if line.strip():
            yield Row("row", number, line.rstrip("\r\n"), None, f"{source}: line {number}")


_READERS = {"csv": _read_csv, "jsonl": _read_jsonl, "parquet": _read_parquet, "text": _read_lines}


def decoded_lines(source: str | Path) -> Iterator[str]:
    """Lines of a file with what ends them: a line feed, a carriage return or both; a byte order mark is left out.

    Raises:
        InputError: A line is not UTF-8, or the archive is broken.
    """
    before = 0
    try:
        with _opened(source) as file:
            for number, line in enumerate(file, start=1):
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise not_utf8(error, str(source), number, before + error.start) from None
                before += len(line)
                if "\r" in text:
                    yield from io.StringIO(text, newline="")
                else:
                    yield text
    except (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise InputError(f"{source}: the archive is broken ({error}); fetch or make it again") from None


@contextlib.contextmanager
def _opened(source: str | Path) -> Iterator[IO[bytes]]:
    """The bytes of a file or standard input; what is packed, by its first bytes, is unpacked while it is read."""
    if str(source) == "-":
        yield sys.stdin.buffer
        return
    with Path(source).open("rb") as file, contextlib.ExitStack() as opened:
        head = file.read(4)
        file.seek(0)
        if head.startswith(b"\x1f\x8b"):
            yield opened.enter_context(gzip.GzipFile(fileobj=file))
        elif head == b"PK\x03\x04":
            archive = opened.enter_context(zipfile.ZipFile(file))
            yield opened.enter_context(archive.open(_member(archive, source)))
        else:
            yield file


def _member(archive: zipfile.ZipFile, source: str | Path) -> str:
    endings = tuple(ending for ending, kind in FORMATS.items() if kind == text_format(source))
    names = [name for name in archive.namelist() if name.lower().endswith(endings) and "__MACOSX" not in name]
    if len(names) != 1:
        raise InputError(f"{source}: {len(names)} {endings[0]} files in the zip; leave exactly one, or unpack it")
    return names[0]


def _checked(text: object, where: str) -> str:
    if not isinstance(text, str):
        raise InputError(f"{where} is not text; give a string or drop the row")
    if not text.strip():
        raise InputError(f"{where} is empty; give text or drop the row")
    return well_formed(text)


def _group(value: object, where: str) -> str:
    """The name of a group without the space around it."""
    if not isinstance(value, str):
        raise InputError(f"{where} is not text; name the group of each comment")
    if not value.strip():
        raise InputError(f"{where} is empty; name the group of each comment")
    return well_formed(value.strip())


def _identifier(value: object, where: str) -> object:
    """The id: a string, a number, or what else has a name, as a string."""
    if value is None or (isinstance(value, str) and not value.strip()):
        raise InputError(f"{where} 'id' is empty; fill it in or leave ids out")
    if isinstance(value, bool | list | dict) or (isinstance(value, float) and not math.isfinite(value)):
        raise InputError(f"{where} 'id' is {json.dumps(value)[:40]}; give a string or a number")
    return value if isinstance(value, str | int | float) else str(value)


def _need_groups(columns: Container[str], wanted: str | None, where: str | Path) -> None:
    if wanted is not None and wanted not in columns:
        raise InputError(f"{where}: no column {wanted!r}; {_NAME_GROUPS}")


def _text_column(columns: Sequence[str], wanted: str | None, where: str | Path) -> str:
    for column in (wanted,) if wanted else TEXT_COLUMNS:
        if column in columns:
            return column
    found = ", ".join(map(str, columns[:8]))
    needed = repr(wanted) if wanted else " or ".join(map(repr, TEXT_COLUMNS))
    raise InputError(f"{where}: no column {needed} (found: {found}); name the text column with --text-column")
