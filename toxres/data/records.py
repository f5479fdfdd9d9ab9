"""Records of a CSV file, the broken ones among them, and how to find the next whole one after each."""

import csv
from collections.abc import Iterable, Iterator
from typing import NamedTuple

FIELD_LIMIT = 1 << 30
"""Characters of a field."""

RECORD_LIMIT = 1 << 20
"""Characters that a record's further lines may have; after more of them the quote before them is taken for unclosed."""

_QUOTE = "a quote is not closed or the file is cut off: mend that row or export the file again"


class Record(NamedTuple):
    """A record of a CSV file.

    Attributes:
        number: Counted from 1 below the header, which is 0.
        line: The line it begins on, counted from 1.
        fields: Its fields; as far as they are known where it is broken.
        complaint: What is wrong, in the words that follow its place in an error; empty if nothing is.
    """

    number: int
    line: int
    fields: list[str]
    complaint: str = ""

    @property
    def place(self) -> str:
        """What an error calls it."""
        return f"row {self.number} (line {self.line})" if self.number else "the header"


def csv_records(lines: Iterable[str], delimiter: str = ",", limit: int = RECORD_LIMIT) -> Iterator[Record]:
    """The header, its names stripped, then every record that is not blank.

    After a broken quote, the record is taken to be its first line alone, and the lines below are read once more: a
    quote that nobody closes costs one record, not the rest of the file.

    Args:
        lines: Lines with their line ends.
        delimiter: Between fields.
        limit: As `RECORD_LIMIT`.
    """
    csv.field_size_limit(FIELD_LIMIT)
    feed = _Feed(lines, limit)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    number, width = -1, 0
    while True:
        line = feed.begin()
        try:
            fields = next(reader)
        except StopIteration:
            return
        except (csv.Error, _Unclosed) as error:
            feed.back()
            number += 1
            yield Record(number, line, [], f": {error}; {_QUOTE}")
            continue
        if not fields:
            continue
        number += 1
        if number == 0:
            width = len(fields)
            yield Record(0, line, [column.strip() for column in fields])
        elif len(fields) != width:
            complaint = (
                f" has {len(fields)} fields, the header {width}; the file is cut off there or a quote is missing: mend "
                "that row or export the file again"
            )
            yield Record(number, line, fields, complaint)
        else:
            yield Record(number, line, fields)


def not_utf8_complaint(error: UnicodeDecodeError, before: int = 0) -> str:
    """What an error says of a line that is not UTF-8, after the line's number.

    Args:
        error: Of decoding the line.
        before: Bytes before it.
    """
    place = f" (byte {before + error.start})"
    if error.reason == "unexpected end of data":
        return f"{place}: the file is cut off inside a character; export it again"
    return f"{place} is not UTF-8; save the file as UTF-8 (is it Latin-1 or UTF-16?)"


class _Unclosed(Exception):
    """A record is longer than the limit."""


class _Feed:
    """Lines for a `csv.reader`, of which those of the record at hand can be given back."""

    def __init__(self, lines: Iterable[str], limit: int) -> None:
        self.lines, self.limit = iter(lines), limit
        self.taken: list[str] = []
        self.again: list[str] = []  # the next line last
        self.count = self.size = 0

    def begin(self) -> int:
        """Begin a record; returns the number of its first line."""
        self.taken, self.size = [], 0
        return self.count + 1

    def back(self) -> None:
        """Give back all lines of the record but the first."""
        further = self.taken[1:]
        self.again.extend(reversed(further))
        self.count -= len(further)

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        line = self.again.pop() if self.again else next(self.lines)
        self.count += 1
        if self.taken:
            self.size += len(line)
        self.taken.append(line)
        if self.size > self.limit:
            raise _Unclosed(f"the field does not end within {self.limit:,} characters")
        return line
