"""Texts of a file one after the other, never all of them in memory: CSV, JSON lines, Parquet, or a text a line."""

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from toxres.data import cells
from toxres.data.cells import TEXT_COLUMNS
from toxres.data.csvfiles import refuse_repeated
from toxres.data.records import csv_records
from toxres.data.textlines import FORMATS, Lines, has_escapes, text_format
from toxres.errors import InputError

__all__ = ["FORMATS", "TEXT_COLUMNS", "Rejected", "Row", "TextFile", "read_rows", "text_format"]

_BATCH = 1_024
_BUFFER = 1 << 20


class Row(NamedTuple):
    """A comment of a file.

    Attributes:
        key: "id", or "row" where the file has no ids.
        value: The id, or the row or line, counted from 1.
        text: The comment; a lone surrogate (JSON can escape one) is U+FFFD in it.
        group: Its group of sites, where a column of groups is read.
        place: What an error calls its place, such as "row 3".
    """

    key: str
    value: object
    text: str
    group: str | None = None
    place: str = ""


class Rejected(NamedTuple):
    """A row of a file that is no comment.

    Attributes:
        place: What an error calls its place, such as "row 3 (line 5)".
        complaint: What is wrong and what to do, in the words that follow the place in an error.
        numbers: Row, line or both, counted from 1.
        id: Its id, where it is known.
    """

    place: str
    complaint: str
    numbers: dict[str, int]
    id: object = None

    @property
    def reason(self) -> str:
        """What is wrong, and what to do."""
        return self.complaint.lstrip(" ,:")


class TextFile:
    """A file of comments that is read once, from its first row to its last.

    Attributes:
        name: What errors call it.
    """

    def __init__(self, source: str | Path, text_column: str | None = None, group_column: str | None = None) -> None:
        """Check what can be known before a row is read.

        Args:
            source: CSV, JSON lines or Parquet with a text column, or a `.txt` with one comment a line, all but Parquet
                also packed (`.csv.gz`, `.csv.zip`); or "-": standard input, one comment a line.
            text_column: Name of the text column; None takes the first of `TEXT_COLUMNS`.
            group_column: Name of a column of groups of sites; None reads none.

        Raises:
            InputError: There is no such file, its ending is unknown, or groups are wanted of lines of text.
        """
        self.source, self.name = source, str(source)
        self._wanted, self._groups = text_column, group_column
        kind = "text" if self.name == "-" else text_format(source)
        if group_column is not None and kind == "text":
            raise InputError(f"{source}: lines of text have no column {group_column!r}; {cells.NAME_GROUPS}")
        if self.name != "-" and not Path(source).is_file():
            raise InputError(
                f"{source}: no such file; name a .csv, .jsonl, .parquet or .txt file, or - for standard input"
            )
        self._read = {"csv": self._csv, "jsonl": self._jsonl, "parquet": self._parquet, "text": self._text}[kind]
        self._share: Callable[[], float | None] = lambda: 0.0

    @property
    def share(self) -> float | None:
        """Which share of it has been read: by bytes, of Parquet by rows; None of standard input."""
        return self._share()

    def rows(self) -> Iterator[Row | Rejected]:
        """Its comments, and the rows that are none, in its order.

        Raises:
            InputError: The whole file is at fault: it is empty, has no text or group column, or its archive or Parquet
                is broken.
        """
        return self._read()

    def _csv(self) -> Iterator[Row | Rejected]:
        lines = Lines(self.source)
        self._share = lines.share
        records = csv_records(lines)
        header = next(records, None)
        if header is None:
            raise InputError(f"{self.name}: the file is empty; give a CSV file with a header line and at least one row")
        if lines.bad:
            raise InputError(f"{self.name}: {''.join(_bad_line(lines, header.line))}")
        if header.complaint:
            raise InputError(f"{self.name}: {header.place}{header.complaint}")
        columns = header.fields
        refuse_repeated(columns, self.name)
        place = columns.index(cells.text_column(columns, self._wanted, self.name))
        cells.need_groups(columns, self._groups, self.name)
        id_place = columns.index("id") if "id" in columns else None
        group_place = None if self._groups is None else columns.index(self._groups)
        text_name, group_name = f", field {columns[place]!r}", f", field {self._groups!r}"
        for number, line, fields, complaint in records:
            where = f"row {number}"
            try:
                if complaint:
                    where += f" (line {line})"
                    raise cells.Bad(complaint)
                if lines.bad and any(map(has_escapes, fields)):
                    where, complaint = _bad_line(lines, line)
                    raise cells.Bad(complaint)
                if lines.nul and (nul := [name for name, value in zip(columns, fields, strict=True) if "\0" in value]):
                    raise cells.Bad(f", field {nul[0]!r}: {cells.NUL}")
                key = ("row", number) if id_place is None else ("id", cells.identifier(fields[id_place], ", field"))
                text = cells.text(fields[place], text_name)
                group = None if group_place is None else cells.group(fields[group_place], group_name)
            except cells.Bad as bad:
                known = fields[id_place] if id_place is not None and len(fields) == len(columns) else None
                yield Rejected(where, str(bad), {"row": number, "line": line}, cells.known(known))
            else:
                yield Row(*key, text, group, where)

    def _jsonl(self) -> Iterator[Row | Rejected]:
        lines = Lines(self.source)
        self._share = lines.share
        found = _objects(lines)
        first = list(itertools.islice(found, _BATCH))
        likely = self._wanted or TEXT_COLUMNS[0]
        with_ids = any(row.get("id") is not None for _, row, complaint in first if not complaint)
        for number, row, complaint in itertools.chain(first, found):
            where = f"line {number}"
            try:
                if complaint:
                    raise cells.Bad(complaint)
                column = likely if likely in row else cells.text_column(list(row), self._wanted)
                if self._groups is not None and self._groups not in row:
                    raise cells.Bad(f": no column {self._groups!r}; {cells.NAME_GROUPS}")
                if (row.get("id") is not None) != with_ids:
                    said = "no 'id', other lines have one" if with_ids else "an 'id', the lines above have none"
                    raise cells.Bad(f" has {said}; give every line an id, or none")
                key = ("id", cells.identifier(row["id"], ",")) if with_ids else ("row", number)
                text = cells.text(row[column], f", {column!r}")
                group = None if self._groups is None else cells.group(row[self._groups], f", {self._groups!r}")
            except cells.Bad as bad:
                yield Rejected(where, str(bad), {"line": number}, cells.known(row.get("id")))
            else:
                yield Row(*key, text, group, where)

    def _parquet(self) -> Iterator[Row | Rejected]:
        import pyarrow
        from pyarrow import parquet

        number = 0
        try:
            file = parquet.ParquetFile(self.source, buffer_size=_BUFFER)
            columns = file.schema_arrow.names
            refuse_repeated(columns, self.name)
            column = cells.text_column(columns, self._wanted, self.name)
            cells.need_groups(columns, self._groups, self.name)
            has_id, total = "id" in columns, file.metadata.num_rows
            self._share = lambda: number / total if total else 1.0
            text_name, group_name = f", field {column!r}", f", field {self._groups!r}"
            wanted = [column, "id" if has_id else None, self._groups]
            for batch in file.iter_batches(_BATCH, columns=sorted({name for name in wanted if name is not None})):
                values = [cells.parquet_values(batch, name) for name in wanted]
                for value, identifier, of_group in zip(*values, strict=True):
                    number += 1
                    where = f"row {number}"
                    try:
                        key = ("id", cells.identifier(identifier, ", field")) if has_id else ("row", number)
                        text = cells.text(value, text_name)
                        group = None if self._groups is None else cells.group(of_group, group_name)
                    except cells.Bad as bad:
                        yield Rejected(where, str(bad), {"row": number}, cells.known(identifier))
                    else:
                        yield Row(*key, text, group, where)
        except (pyarrow.ArrowInvalid, OSError) as error:
            place = f", broken after row {number}" if number else ""
            reason = " ".join(str(error).split())
            raise InputError(f"{self.name}: not a Parquet file{place} ({reason}); write it again") from None

    def _text(self) -> Iterator[Row | Rejected]:
        lines = Lines(self.source)
        self._share = lines.share
        for number, line in enumerate(lines, start=1):
            if number in lines.bad:
                yield Rejected(f"line {number}", lines.bad.pop(number), {"line": number})
            elif "\0" in line:
                yield Rejected(f"line {number}", f" {cells.NUL}", {"line": number})
            elif line.strip():
                yield Row("row", number, line.rstrip("\r\n"), None, f"line {number}")


def read_rows(source: str | Path, text_column: str | None = None, group_column: str | None = None) -> Iterator[Row]:
    """The comments of a file, in its order, none of whose rows may be broken.

    Args:
        source: As in `TextFile`.
        text_column: Name of the text column; None takes the first of `TEXT_COLUMNS`.
        group_column: Name of a column of groups of sites; None reads none.

    Raises:
        InputError: At once: as `TextFile`. While reading: no text or group column, or a row that is broken, empty, no
            text, without its group, or without an id where others have one.
    """
    file = TextFile(source, text_column, group_column)
    return (need_row(row, file.name) for row in file.rows())


def need_row(row: Row | Rejected, name: str) -> Row:
    """The row of a file, if it is a comment.

    Raises:
        InputError: It is none.
    """
    if isinstance(row, Rejected):
        raise InputError(f"{name}: {row.place}{row.complaint}")
    return row


def _objects(lines: Lines) -> Iterator[tuple[int, dict, str]]:
    """Number, JSON object and complaint of each line that is not blank."""
    for number, line in enumerate(lines, start=1):
        if number in lines.bad:
            yield number, {}, lines.bad.pop(number)
        elif line.strip():
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield number, {}, f": not valid JSON ({error}); mend that line"
            else:
                whole = isinstance(row, dict)
                yield number, row if whole else {}, "" if whole else ": not a JSON object; give one object a line"


def _bad_line(lines: Lines, first: int) -> tuple[str, str]:
    """Place and complaint of the first bad line of the record that begins on line `first`; forgets those before."""
    for number in [number for number in lines.bad if number < first]:
        del lines.bad[number]
    number = min(lines.bad)
    return f"line {number}", lines.bad.pop(number)
